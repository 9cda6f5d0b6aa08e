import type { SipRequest } from './message.ts'
import { formatNameAddr, type NameAddr } from './name-addr.ts'
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

function isLoose({ uri }: NameAddr): boolean {
  const parsed = parseUri(uri)
  return parsed !== undefined && isSipUri(parsed) && parsed.params.has('lr')
}
