import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { isSipUri, parseUri } from './uri.ts'

/** The URI parameter that carries the token. */
const PARAM = 'tt'
const TOKEN_BYTES = 9

/**
 * Marks the Record-Route URIs of this server with a token of the call, so that only who took part in a call that was proxied here can have
 * requests routed through: without it anybody could use the server as a relay by a Route header of his own. Nothing is stored.
 */
export class RouteTokens {
  readonly #key: Buffer

  /** @param secret the same after a restart, where calls that are up are to be routed on */
  constructor(secret: string) {
    this.#key = createHmac('sha256', secret).update('record-route').digest()
  }

  /** URI parameters for a Record-Route: a loose router's, with the token. */
  params(callId: string): string {
    return `;lr;${PARAM}=${this.#sign(callId).toString('base64url')}`
  }

  /** Whether a URI is one that this server has put into the route of a call. */
  isOurs(uri: string, callId: string): boolean {
    const parsed = parseUri(uri)
    if (parsed === undefined || !isSipUri(parsed)) return false
    const token = Buffer.from(parsed.params.get(PARAM) ?? '', 'base64url')
    return token.length === TOKEN_BYTES && timingSafeEqual(token, this.#sign(callId))
  }

  #sign(callId: string): Buffer {
    return createHmac('sha256', this.#key).update(callId).digest().subarray(0, TOKEN_BYTES)
  }
}
