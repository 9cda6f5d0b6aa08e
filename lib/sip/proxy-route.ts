import type { SipRequest } from './message.ts'
import { formatNameAddr, type NameAddr, parseNameAddr } from './name-addr.ts'
import { isSipUri, parseUri } from './uri.ts'

/** Where a request goes that has a Route through us. */
export interface Passage {
  /** Its Request-URI from here on. */
  readonly uri: string
  /** The Route values that remain. */
  readonly routes: readonly string[]
  /** The URI that names the next hop. */
  readonly nextHop: string
  /** Our own URI on the side that the request leaves to; undefined where none of ours stood in its route. */
  readonly leavesBy: string | undefined
}

/**
 * Takes our own values off the top of a request's route (RFC 3261 §16.4, both of a double Record-Route, RFC 5658 §4) and finds the next
 * hop (§16.6 items 6 and 7). A strict router before us has put our URI into the Request-URI and the real one at the end of the route;
 * for one behind us the same is done again.
 *
 * @param isOurs whether a URI is one that we have put into the route of this call
 */
export function passThrough(request: SipRequest, isOurs: (uri: string) => boolean): Passage {
  let { uri } = request
  let routes = [...request.routes()]
  let leavesBy: string | undefined
  const last = routes.at(-1)
  if (last !== undefined && isOurs(uri)) {
    leavesBy = uri
    uri = last.uri
    routes = routes.slice(0, -1)
  }
  for (let top = routes[0]; top !== undefined && isOurs(top.uri); top = routes[0]) {
    leavesBy = top.uri
    routes = routes.slice(1)
  }
  const [next] = routes
  if (next === undefined) return { uri, routes: [], nextHop: uri, leavesBy }
  if (isLoose(next)) return { uri, routes: routes.map(formatNameAddr), nextHop: next.uri, leavesBy }
  return { uri: next.uri, routes: [...routes.slice(1).map(formatNameAddr), `<${uri}>`], nextHop: next.uri, leavesBy }
}

const isSips = (uri: string): boolean => /^sips:/i.test(uri)

/** The next hop of a request with this Request-URI: a sips resource is reached over TLS alone, whatever its route says (RFC 3261 §16.6 item 7). */
export const securedHop = (uri: string, hop: string): string => (isSips(uri) ? hop.replace(/^sip:/i, 'sips:') : hop)

/** Whether a request leaves as one that is to be secure at every hop (RFC 3261 §16.6 item 4). */
export const isSecured = (uri: string, routes: readonly string[]): boolean =>
  isSips(uri) || isSips(parseNameAddr(routes[0] ?? '')?.uri ?? '')

function isLoose({ uri }: NameAddr): boolean {
  const parsed = parseUri(uri)
  return parsed !== undefined && isSipUri(parsed) && parsed.params.has('lr')
}
