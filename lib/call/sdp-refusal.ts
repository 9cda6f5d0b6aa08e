import type { SdpRefusal } from '../sip/sdp.ts'
import type { Refusal } from './agent-call.ts'

/** The warn-codes of RFC 3261 §20.43. */
const WARNINGS: Readonly<Record<SdpRefusal['code'], number>> = {
  'sdp-malformed': 399,
  'sdp-no-offer': 399,
  'sdp-no-audio': 304,
  'sdp-no-common-codec': 305,
  'sdp-no-common-address': 301,
  'sdp-srtp-required': 302,
}

/** RFC 3261 §21.4.26 for media that we cannot agree on, §21.4.1 for what is no SDP at all. */
export function refusalOfSdp({ code, message }: SdpRefusal): Refusal {
  const malformed = code === 'sdp-malformed'
  return {
    status: malformed ? 400 : 488,
    reason: malformed ? 'Bad Request' : 'Not Acceptable Here',
    temporary: false,
    cause: 'rejected',
    warning: WARNINGS[code],
    detail: message,
  }
}
