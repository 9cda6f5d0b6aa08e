import { splitList } from './list-values.ts'
import { type NameAddr, parseNameAddr } from './name-addr.ts'
import { escapeUser } from './uri-escapes.ts'

/** Which way who is called is told that the call was meant for somebody else: RFC 5806, RFC 7044. */
export type DiversionPolicy = 'none' | 'diversion' | 'history-info'

/** What of a caller's INVITE a peer is sent, beside who calls. */
export interface HeaderPolicy {
  /** Names of headers that pass as they came. */
  readonly passHeaders: readonly string[]
  readonly diversion: DiversionPolicy
}

/** A caller's INVITE that goes on to somebody else than whom they have called, in a dialog of its own. */
export interface OnwardInvite {
  /** A header of the caller's INVITE, all its lines joined by commas; undefined where there is none. */
  readonly header: (name: string) => string | undefined
  /** Headers that are given to who is called, by a rule of the config's owner: before those of the caller. */
  readonly given: Readonly<Record<string, string>>
  /** Max-Forwards of the caller's INVITE; null: it has none. */
  readonly hops: number | null
  /** The number that they have called. */
  readonly called: string
  /** Whether the caller is shown as who they are: neither hidden, nor under a number of ours. */
  readonly isShown: boolean
  /** Tells apart the INVITEs that one of the caller's becomes, from 1. */
  readonly branch: number
  /** The request-URI that it goes to. */
  readonly uri: string
  /** In URIs of ours. */
  readonly host: string
}

/** Headers that are of one leg, of media, of a hop, or written by another rule of ours: they never pass, whatever a config says. */
const NEVER = new Set(
  `accept accept-contact accept-encoding accept-resource-priority allow allow-events authentication-info authorization call-id contact
  content-disposition content-encoding content-language content-length content-type cseq diversion encryption event expires flow-timer from
  history-info hide join max-breadth max-forwards mime-version min-expires min-se p-access-network-info p-asserted-identity p-associated-uri
  p-called-party-id p-charging-function-addresses p-charging-vector p-preferred-identity p-visited-network-id path privacy proxy-authenticate
  proxy-authorization proxy-require rack record-route refer-to referred-by reject-contact remote-party-id replaces request-disposition require retry-after
  route rseq security-client security-server security-verify server service-route session-expires session-id sip-etag sip-if-match subscription-state
  supported target-dialog timestamp to unsupported user-agent via warning www-authenticate`.split(/\s+/),
)

/** A name in a config is the long one: compact forms (RFC 3261 §7.3.3) have a single letter. */
const NAME = /^[a-z][a-z0-9!%*_+`'~.-]{1,63}$/i

/** Whether a config may have a header passed on. */
export const mayPass = (name: string): boolean => NAME.test(name) && !NEVER.has(name.toLowerCase())

/** Longest value that passes: four times an Identity (RFC 8224), whose certificate is a URL. */
const MAX_VALUE_CHARS = 4_096
/** Diversions and entries of history that pass: more than any network lets a call be forwarded. */
const MAX_CHAIN = 20
/** Printable ASCII on one line. */
const PLAIN = /^[\x20-\x7e]+$/

/** What is signed with a caller's number says it (RFC 8224 §4), and with it goes the Date that it was signed at. */
const SIGNED = ['identity', 'date']

/**
 * The headers of the INVITE that a caller's INVITE becomes on another leg, beside those of its dialog and of who calls (`callerHeaders`): what the peer's
 * policy passes, how the call came to be for them, one hop less (RFC 7332 has the same for a B2BUA). Nothing else of the caller's leg is on it, which hides
 * our topology. A value that is no printable text, or far too long, does not pass: nothing that a caller sends makes an INVITE of ours malformed.
 */
export function onwardHeaders(invite: OnwardInvite, policy: HeaderPolicy): Record<string, string> {
  const headers: Record<string, string> = {}
  const given = new Set(Object.keys(invite.given).map((name) => name.toLowerCase()))
  for (const [key, name] of namesOf(policy)) {
    const value = invite.header(name)
    if (value !== undefined && isPlain(value) && !given.has(key) && (invite.isShown || !SIGNED.includes(key)))
      headers[name] = value
  }
  if (invite.hops !== null) headers['Max-Forwards'] = String(Math.max(0, invite.hops - 1))
  if (policy.diversion === 'diversion') headers['Diversion'] = diversionOf(invite)
  if (policy.diversion === 'history-info') headers['History-Info'] = historyOf(invite)
  return { ...headers, ...invite.given }
}

/** By lower-case name, each once. */
function namesOf({ passHeaders }: HeaderPolicy): ReadonlyMap<string, string> {
  const names = new Map(passHeaders.filter(mayPass).map((name) => [name.toLowerCase(), name]))
  return names.has('identity') ? names.set('date', names.get('date') ?? 'Date') : names
}

const isPlain = (value: string): boolean => value.length <= MAX_VALUE_CHARS && PLAIN.test(value)

const calledUri = ({ called, host }: OnwardInvite): string => `sip:${escapeUser(called)}@${host}`

/** Our diversion first, before those that the call had (RFC 5806 §4), but for such as want to be private. */
function diversionOf(invite: OnwardInvite): string {
  const before = chainOf(invite, 'Diversion').filter(({ address }) => !isPrivate(address.params.get('privacy')))
  const ours = `<${calledUri(invite)}>;reason=unconditional;counter=1;privacy=off`
  return [ours, ...before.map(({ text }) => text)].join(', ')
}

const isPrivate = (privacy: string | undefined): boolean => privacy !== undefined && privacy.toLowerCase() !== 'off'

const INDEX = /^\d{1,5}(?:\.\d{1,5}){0,30}$/

/**
 * What the call has been through, then whom it was called for, then whom it goes to (RFC 7044 §9, §10.3): the dialled number was mapped to another one,
 * `mp`. Where the history that came does not end with what was called, somebody on the way keeps none, and `.0` says so.
 */
function historyOf(invite: OnwardInvite): string {
  const isHiding = /(?:^|[;,\s])history(?:$|[;,\s])/i.test(invite.header('Privacy') ?? '')
  const came = isHiding ? [] : chainOf(invite, 'History-Info')
  const isWhole = came.every(({ address }) => INDEX.test(address.params.get('index') ?? ''))
  const before = isWhole ? came.filter(({ address }) => !/[?&]privacy=/i.test(address.uri)) : []
  const last = before.at(-1)
  const lastIndex = last?.address.params.get('index')
  const isCalled = last !== undefined && userOf(last.address.uri) === invite.called
  const calledIndex = lastIndex === undefined ? '1' : isCalled ? lastIndex : `${lastIndex}.0`
  const called = isCalled ? [] : [`<${calledUri(invite)}>;index=${calledIndex}`]
  const target = `<${invite.uri}>;index=${calledIndex}.${invite.branch};mp=${calledIndex}`
  return [...before.map(({ text }) => text), ...called, target].join(', ')
}

const userOf = (uri: string): string => {
  const user = /^sips?:([^@;?]*)@/i.exec(uri)?.[1] ?? ''
  return user.replace(/%2b/i, '+')
}

interface Entry {
  readonly text: string
  readonly address: NameAddr
}

/** The addresses in a header of the caller; none where it is no list of addresses, or far too long a one. */
function chainOf({ header }: OnwardInvite, name: string): readonly Entry[] {
  const value = header(name)
  if (value === undefined || value.length > MAX_VALUE_CHARS || !PLAIN.test(value)) return []
  const values = splitList(value)
  const entries = values.flatMap((text) => {
    const address = parseNameAddr(text)
    return address === undefined || !text.includes('<') ? [] : [{ text, address }]
  })
  return entries.length === values.length && entries.length <= MAX_CHAIN ? entries : []
}
