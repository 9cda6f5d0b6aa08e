import { isToken, parseDecimal } from './chars.ts'

/** Orders the requests of a dialog and ties a response to its request's method (RFC 3261 §20.16). */
export interface CSeq {
  readonly seq: number
  readonly method: string
}

/** The highest legal sequence number: it must be less than 2^31 (RFC 3261 §8.1.1.5). */
export const MAX_CSEQ = 2 ** 31 - 1

/** Parses `number LWS method`; undefined where it is malformed or out of range. */
export function parseCSeq(text: string): CSeq | undefined {
  const match = /^(\d+)[ \t]+(\S+)$/.exec(text)
  const [, digits = '', method = ''] = match ?? []
  const seq = parseDecimal(digits, MAX_CSEQ)
  return seq === undefined || !isToken(method) ? undefined : { seq, method }
}
