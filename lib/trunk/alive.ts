import type { TrunkConfig } from '../config/resolve.ts'

/** Which answers to OPTIONS count as signs of life. */
export type AlivePolicy = TrunkConfig['probe']['alive']

/** Answers of a hop that is broken or refuses, not of a server that merely dislikes OPTIONS (RFC 3261 §11, RFC 4320). */
const IMPAIRED: readonly number[] = [408, 500, 502, 503, 504]

/**
 * Whether a final answer to OPTIONS counts as alive. `status` is one that came over the network: a timeout that a SIP
 * server on our side reports as 408 is no answer and never gets here (`unanswered`).
 *
 * Presets are named after what peers do: `default` and FreeSWITCH take nearly anything, `any` is Asterisk's rule, `2xx`
 * Kamailio's, `200` OpenSIPS's and jambonz's. A list takes exactly its codes.
 */
export function isAlive(status: number, policy: AlivePolicy): boolean {
  if (!(status >= 200 && status <= 699)) return false
  switch (policy) {
    case 'default':
      return !IMPAIRED.includes(status)
    case 'any':
      return true
    case '200':
      return status === 200
    case '2xx':
      return status < 300
    default:
      return policy.includes(status)
  }
}
