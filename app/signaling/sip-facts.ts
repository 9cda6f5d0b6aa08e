import type Srf from 'drachtio-srf'
import type { SessionRequestFacts } from '../../lib/sip/session-request.ts'

/** What requests in our calls may be; anything else is answered 405. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK'

/** The same in dialogs whose far end may hand somebody on. */
export const ALLOW_REFER = `${ALLOW}, REFER`

/** Who is at the ends of a call (RFC 7989). */
export const SESSION_ID = 'Session-ID'

/** A header of a message of drachtio-srf, which gives an empty string for one that is not there. */
export const headerOf = (message: Srf.SipMessage, name: string): string | undefined =>
  message.has(name) ? message.get(name) : undefined

/** A header that has a compact form, which drachtio-srf knows of a few only. */
export const headerOrCompact = (message: Srf.SipMessage, name: string, compact: string): string | undefined =>
  headerOf(message, name) ?? headerOf(message, compact)

/** What lib/sip wants to know of a request that may carry an offer. */
export const sessionFactsOf = (req: Srf.SrfRequest): SessionRequestFacts => ({
  require: headerOf(req, 'Require'),
  accept: headerOf(req, 'Accept'),
  hasContact: req.has('Contact'),
  type: headerOf(req, 'Content-Type'),
  disposition: headerOf(req, 'Content-Disposition'),
  encoding: headerOf(req, 'Content-Encoding'),
  body: req.body ?? '',
})
