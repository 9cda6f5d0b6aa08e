import { err, ok, type Result } from '../core/result.ts'
import { targetOfUri } from './targets.ts'

/** Most destinations that one `proxy` command may name (our policy); RFC 5393 would let a request spread to 60. */
export const MAX_PROXY_DESTINATIONS = 60

/** The longest timeout an application may ask for: beyond timer C it would mean nothing. */
const MAX_TIMEOUT_MS = 3_600_000

/** How an application wants a request proxied: the fields of drachtio's `proxy` command. */
export interface ProxyWish {
  readonly txnId: string
  /** Adds a Record-Route, so that the dialog's later requests pass here too. */
  readonly remainInDialog: boolean
  /** Each final response is reported to the application. */
  readonly fullResponse: boolean
  readonly followRedirects: boolean
  /** All destinations at once, or each after the one before it has failed. */
  readonly simultaneous: boolean
  /** Without any response within this time, a destination is given up. */
  readonly provisionalTimeoutMs: number | undefined
  /** Without a final response within this time, a destination is given up. */
  readonly finalTimeoutMs: number | undefined
  /** URIs that can be sent to, each once. */
  readonly destinations: readonly string[]
}

/** Reads the fields after the command's name; the error is for the application. Destinations that are no SIP URI are left out. */
export function readProxyCommand(fields: readonly string[]): Result<ProxyWish, string> {
  const [txnId = '', remain, full, follow, order, provisional = '', final = '', ...named] = fields
  if (named.length > MAX_PROXY_DESTINATIONS) {
    return err(`too many destinations: ${named.length} > ${MAX_PROXY_DESTINATIONS}`)
  }
  return ok({
    txnId,
    remainInDialog: remain === 'remainInDialog',
    fullResponse: full === 'fullResponse',
    followRedirects: follow === 'followRedirects',
    simultaneous: order === 'simultaneous',
    provisionalTimeoutMs: readTimeoutMs(provisional),
    finalTimeoutMs: readTimeoutMs(final),
    destinations: [...new Set(named.map(withScheme))].filter(isSendable),
  })
}

/** drachtio-srf puts `sip:` before every destination that does not begin with it, sips URIs among them. */
const withScheme = (text: string): string =>
  /^(sips?|tel):/i.test(text) ? text.replace(/^sip:(?=sips:)/i, '') : `sip:${text}`

const isSendable = (uri: string): boolean => /^sip/i.test(uri) && typeof targetOfUri(uri) !== 'string'

/** `2s` or `1500ms`; anything else is no timeout, as with drachtio-server. */
function readTimeoutMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9})(ms|s)$/.exec(text) ?? []
  if (digits === undefined) return undefined
  return Math.min(Number(digits) * (unit === 's' ? 1000 : 1), MAX_TIMEOUT_MS)
}
