import { Buffer } from 'node:buffer'
import { err, ok, type Result } from '../core/result.ts'
import type { HeaderInput } from './build.ts'
import { headerName } from './header-names.ts'
import { NO_BODY } from './message.ts'

/**
 * A message as an application hands it over (drachtio's `sip` command): start line, some headers, a body. It is not yet SIP:
 * Via, tags, CSeq and most else are the server's to add, and its Content-Length counts characters, so it is ignored.
 */
export interface Draft {
  readonly start:
    | { readonly kind: 'request'; readonly method: string; readonly uri: string }
    | { readonly kind: 'response'; readonly status: number; readonly reason: string }
  readonly headers: readonly DraftHeader[]
  readonly body: Buffer
}

/** `name` as spelled, `key` the long name in lower case, `value` unfolded. */
export interface DraftHeader {
  readonly name: string
  readonly key: string
  readonly value: string
}

/** Headers that an application may not set (drachtio-server: isImmutableHdr). */
const IMMUTABLE: ReadonlySet<string> = new Set(['via', 'route', 'rseq', 'record-route', 'content-length'])

/** Headers in which an application may write `@localhost` for the server's own address. */
const LOCALHOST_HEADERS: ReadonlySet<string> = new Set(['from', 'to', 'contact', 'p-asserted-identity'])

/** Reads a draft; the error says what is wrong with its start line or header. */
export function readDraft(bytes: Buffer): Result<Draft, string> {
  const blank = bytes.indexOf('\r\n\r\n')
  const head = bytes.toString('utf8', 0, blank < 0 ? bytes.length : blank)
  const body = blank < 0 ? NO_BODY : bytes.subarray(blank + 4)
  const [first = '', ...lines] = head.split(/\r\n(?![ \t])/)
  const start = readStart(first)
  if (start === undefined) return err(`no start line: ${JSON.stringify(first.slice(0, 80))}`)
  const headers: DraftHeader[] = []
  for (const line of lines) {
    if (line === '') continue
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).trim()
    const key = headerName(name)?.key
    if (key === undefined) return err(`no header: ${JSON.stringify(line.slice(0, 80))}`)
    if (IMMUTABLE.has(key)) continue
    headers.push({
      name,
      key,
      value: line
        .slice(colon + 1)
        .replace(/\r\n[ \t]+/g, ' ')
        .trim(),
    })
  }
  return ok({ start, headers, body })
}

function readStart(line: string): Draft['start'] | undefined {
  const status = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/i.exec(line)
  if (status !== null) return { kind: 'response', status: Number(status[1]), reason: status[2] ?? '' }
  const request = /^(\S+) (\S+) SIP\/2\.0$/i.exec(line)
  const [, method, uri] = request ?? []
  return method === undefined || uri === undefined ? undefined : { kind: 'request', method, uri }
}

/** The value of a draft's header, by its lower-case long name. */
export const draftHeader = (draft: Draft, key: string): string | undefined =>
  draft.headers.find((header) => header.key === key)?.value

/**
 * The headers of a draft that go on the wire as they are: all but those of `omit` (lower-case long names), with `@localhost`
 * replaced by `localAddress`, and a Content-Type for an SDP body that came without one.
 */
export function passedHeaders(draft: Draft, omit: ReadonlySet<string>, localAddress: string): HeaderInput[] {
  const headers: HeaderInput[] = []
  let typed = false
  for (const { name, key, value } of draft.headers) {
    if (omit.has(key)) continue
    if (key === 'content-type') typed = true
    headers.push([name, LOCALHOST_HEADERS.has(key) ? withLocalAddress(value, localAddress) : value])
  }
  if (!typed && draft.body.length > 0 && draft.body.subarray(0, 3).equals(SDP_START)) {
    headers.push(['Content-Type', 'application/sdp'])
  }
  return headers
}

const SDP_START = Buffer.from('v=0')

/** `@localhost` replaced by the server's address with its port; where a port is written, only the host. */
export function withLocalAddress(value: string, localAddress: string): string {
  if (!value.includes('@localhost')) return value
  const host = localAddress.replace(/:\d+$/, '')
  return value.replace(/@localhost(?![\w.-])(:?)/g, (_, colon: string) =>
    colon === '' ? `@${localAddress}` : `@${host}:`,
  )
}

/** Whether a body comes without anything that says what it is. */
export const lacksContentType = (draft: Draft): boolean =>
  draft.body.length > 0 &&
  !draft.body.subarray(0, 3).equals(SDP_START) &&
  draftHeader(draft, 'content-type') === undefined
