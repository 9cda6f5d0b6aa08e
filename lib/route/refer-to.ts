import { isSipUri, parseUri } from '../sip/uri.ts'
import { escapeUser } from '../sip/uri-escapes.ts'
import { type OutboundTrunk, requestUri } from './outbound.ts'

/**
 * Whom the far end of a call on a trunk is asked to call (RFC 3515 §2.1): the number, as we would call it there. A trunk that only brings
 * calls, and so names no target, has the address that the far end of this very call is reached at. Null where that is no SIP URI.
 *
 * @param remoteTarget Contact of the far end
 */
export function referTo(number: string, trunk: OutboundTrunk, remoteTarget: string): string | null {
  const [target] = [...trunk.targets].sort((a, b) => a.priority - b.priority)
  if (target !== undefined) return requestUri(number, { uri: target.uri, transport: trunk.transport })
  const uri = parseUri(remoteTarget)
  if (uri === undefined || !isSipUri(uri)) return null
  return `${uri.scheme}:${escapeUser(number)}@${uri.host}${uri.port === undefined ? '' : `:${uri.port}`}`
}
