import type { HeaderLine } from './header-line.ts'
import type { Via } from './via.ts'

/** Why a message was refused; stable, for logs and metrics. */
export type SipFaultCode =
  | 'empty'
  | 'truncated'
  | 'message-too-large'
  | 'start-line'
  | 'version'
  | 'request-uri'
  | 'header-syntax'
  | 'header-too-long'
  | 'too-many-headers'
  | 'too-many-values'
  | 'header-missing'
  | 'header-repeated'
  | 'header-malformed'
  | 'method-mismatch'
  | 'content-length'

/** A fault of a message: code, the words with the numbers, and the status that answers it. */
export interface SipFault {
  readonly code: SipFaultCode
  readonly message: string
  readonly status: 400 | 505 | 513
}

/** What a refused request still gives us to answer it with. */
export interface Answerable {
  readonly method: string
  /** The Via, From, To, Call-ID and CSeq lines as they came; those that are missing are missing. */
  readonly lines: readonly HeaderLine[]
  /** The top Via where it could be parsed; else the answer goes to where the packet came from. */
  readonly topVia: Via | undefined
}

/** A refused message. `partial` is undefined where no answer may be sent: a response, an ACK, or no Via at all. */
export interface SipParseError extends SipFault {
  readonly partial: Answerable | undefined
}

/** A fault that is answered 400. */
export const malformed = (code: SipFaultCode, message: string): SipFault => ({ code, message, status: 400 })
