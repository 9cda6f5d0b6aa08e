import type { HeaderInput } from '../../lib/sip/build.ts'
import type { SipRequest } from '../../lib/sip/message.ts'

/** What the ACK of a 2xx repeats from its INVITE (RFC 3261 §13.2.2.4). */
const CREDENTIALS = ['Authorization', 'Proxy-Authorization'] as const

/** The credentials in a request, as headers. */
export function credentialsOf(request: SipRequest): HeaderInput[] {
  return CREDENTIALS.flatMap((name) => request.headers(name).map((value): HeaderInput => [name, value]))
}
