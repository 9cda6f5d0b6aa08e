import { createHash } from 'node:crypto'
import { err, ok, type Result } from '../core/result.ts'
import type { HeaderInput } from './build.ts'
import { hostPort, type LocalAddress, viaOf } from './compose.ts'
import { pushVia, withHeader, withMaxForwards, withUri } from './edit.ts'
import type { SipRequest } from './message.ts'
import { tagOf } from './name-addr.ts'
import { malformed, type SipFault } from './parse-error.ts'
import { parseVia, type Via } from './via.ts'

/** Where a request has none (RFC 3261 §16.6 item 3). */
const DEFAULT_MAX_FORWARDS = 70

/** Over how many branches a request may spread that does not say (RFC 5393 §5.3.3). */
export const DEFAULT_MAX_BREADTH = 60

/** Stands in the branch between what is random and the loop's hash. */
const HASH_MARK = '.l'
const HASH_CHARS = 16

/**
 * What decides where a request goes, as a short hash (RFC 5393 §4.2). The same request that comes back with another Request-URI or route
 * spirals, which it may; with the same it loops.
 */
export function loopHash(request: SipRequest): string {
  const parts = [
    request.uri,
    ...request.headers('Route'),
    tagOf(request.from()),
    tagOf(request.to()),
    request.callId,
    request.cseq().seq,
    ...request.headers('Proxy-Require'),
    ...request.headers('Proxy-Authorization'),
    ...request.headers('Authorization'),
  ]
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, HASH_CHARS)
}

/** A branch that tells a loop. @param unique a branch of its own */
export const loopBranch = (unique: string, hash: string): string => `${unique}${HASH_MARK}${hash}`

/** Whether the request has passed here before with nothing changed that its way depends on. @param isOwn of a sent-by */
export function isLooped(request: SipRequest, hash: string, isOwn: (via: Via) => boolean): boolean {
  return request.vias().some((via) => via.params.get('branch')?.endsWith(`${HASH_MARK}${hash}`) === true && isOwn(via))
}

/** Max-Breadth, no more than the default; a malformed one counts as none (RFC 5393 §5.3.3). */
export function maxBreadth(request: SipRequest): number {
  const text = request.header('Max-Breadth')
  return text !== undefined && /^\d{1,9}$/.test(text)
    ? Math.min(Number(text), DEFAULT_MAX_BREADTH)
    : DEFAULT_MAX_BREADTH
}

/** A Record-Route value of ours. @param params as `RouteTokens.params` makes them */
export function recordRouteOf(local: LocalAddress, params: string, secure: boolean): string {
  const transport = local.protocol === 'udp' || secure ? '' : `;transport=${local.protocol}`
  return `<${secure ? 'sips' : 'sip'}:${hostPort(local.host, local.port)}${transport}${params}>`
}

/** What a proxy changes in a request (RFC 3261 §16.6). */
export interface Forwarding {
  readonly uri: string
  /** All Route values it leaves with. */
  readonly routes: readonly string[]
  /** Ours, on top of those it came with; none where the dialog's later requests need not pass here. */
  readonly recordRoutes: readonly string[]
  readonly breadth: number
  /** What the application adds, in place of what stood there. */
  readonly headers: readonly HeaderInput[]
  readonly local: LocalAddress
  readonly branch: string
}

/** Headers of a request that are no application's to change while it is proxied: they are what the ends know the dialog by. */
const UNTOUCHED: ReadonlySet<string> = new Set([
  'from',
  'to',
  'call-id',
  'cseq',
  'max-forwards',
  'max-breadth',
  'content-type',
])

/** Whether an application may set a header, by its long name in lower case, of what it has proxied. */
export const mayProxySet = (key: string): boolean => !UNTOUCHED.has(key)

/** The request as it goes on. It has to have a hop left. Refused where a header of the application makes it malformed. */
export function forwardRequest(request: SipRequest, forwarding: Forwarding): Result<SipRequest, SipFault> {
  let next = withMaxForwards(request, (request.maxForwards ?? DEFAULT_MAX_FORWARDS + 1) - 1)
  const edits: (readonly [string, readonly string[]])[] = []
  if (request.has('Route') || forwarding.routes.length > 0) edits.push(['Route', forwarding.routes])
  if (forwarding.recordRoutes.length > 0) {
    // A REGISTER leaves its way in Path instead (RFC 3327), which its registrar has to understand.
    const name = request.method === 'REGISTER' ? 'Path' : 'Record-Route'
    edits.push([name, [...forwarding.recordRoutes, ...request.headers(name)]])
    if (name === 'Path') edits.push(['Require', withOption(request.headers('Require'), 'path')])
  }
  if (request.method !== 'ACK') edits.push(['Max-Breadth', [String(forwarding.breadth)]])
  for (const [name, value] of forwarding.headers) edits.push([name, [value]])
  if (forwarding.uri !== next.uri) {
    const moved = withUri(next, forwarding.uri)
    if (!moved.ok) return moved
    next = moved.value
  }
  for (const [name, values] of edits) {
    const edited = withHeader(next, name, values)
    if (!edited.ok) return edited
    next = edited.value
  }
  const via = parseVia(viaOf(forwarding.local, forwarding.branch))
  if (via === undefined) return err(malformed('header-malformed', `no Via for ${forwarding.local.host}`))
  return ok(pushVia(next, via))
}

const withOption = (values: readonly string[], option: string): string[] =>
  values.some((value) => value.split(',').some((tag) => tag.trim().toLowerCase() === option))
    ? [...values]
    : [...values, option]
