import { err, ok, type Result } from '../core/result.ts'
import { parseDecimal } from './chars.ts'
import { type CSeq, parseCSeq } from './cseq.ts'
import { type HeaderLine, lineValue } from './header-line.ts'
import { CALL_ID, CSEQ, FROM, type HeaderName, MAX_FORWARDS, TO, VIA } from './header-names.ts'
import { MAX_LIST_VALUES } from './limits.ts'
import { splitList } from './list-values.ts'
import { type NameAddr, parseNameAddr } from './name-addr.ts'
import { malformed, type SipFault } from './parse-error.ts'
import { parseVia, type Via } from './via.ts'

/** The headers without which no message can be routed or answered (RFC 3261 §8.1.1), parsed. */
export interface Essentials {
  /** At least one. */
  readonly vias: readonly [Via, ...Via[]]
  readonly from: NameAddr
  readonly to: NameAddr
  readonly callId: string
  readonly cseq: CSeq
  /** 0 … 255; undefined where the header is missing, as RFC 2543 allows. */
  readonly maxForwards: number | undefined
}

/** The highest Max-Forwards (RFC 3261 §20.22). */
const MAX_MAX_FORWARDS = 255

/** What no Call-ID has: no message of ours could carry it back. */
const BLANK_OR_CONTROL = /[\s\p{Cc}]/u

/**
 * Reads the essential headers. The fault names the first that is missing, repeated, malformed or out of range.
 *
 * @param repeated what becomes of a parameter of From or To that stands twice
 */
export function readEssentials(
  lines: readonly HeaderLine[],
  repeated: 'refused' | 'first',
): Result<Essentials, SipFault> {
  let from: HeaderLine | undefined
  let to: HeaderLine | undefined
  let callId: HeaderLine | undefined
  let cseq: HeaderLine | undefined
  let hops: HeaderLine | undefined
  for (const line of lines) {
    let another = false
    switch (line.header) {
      case FROM:
        another = from !== undefined
        from = line
        break
      case TO:
        another = to !== undefined
        to = line
        break
      case CALL_ID:
        another = callId !== undefined
        callId = line
        break
      case CSEQ:
        another = cseq !== undefined
        cseq = line
        break
      case MAX_FORWARDS:
        another = hops !== undefined
        hops = line
        break
      default:
    }
    if (another) return err(malformed('header-repeated', `${line.header.name} stands more than once`))
  }
  const vias = parseAll(lines, VIA, parseVia)
  if (!vias.ok) return vias
  const [topVia, ...otherVias] = vias.value
  if (topVia === undefined) return missing(VIA)
  if (from === undefined) return missing(FROM)
  if (to === undefined) return missing(TO)
  if (callId === undefined) return missing(CALL_ID)
  if (cseq === undefined) return missing(CSEQ)

  const fromValue = parseNameAddr(lineValue(from), repeated)
  if (fromValue === undefined) return unreadable(from)
  const toValue = parseNameAddr(lineValue(to), repeated)
  if (toValue === undefined) return unreadable(to)
  const callIdValue = lineValue(callId)
  if (callIdValue === '' || BLANK_OR_CONTROL.test(callIdValue)) return unreadable(callId)
  const cseqValue = parseCSeq(lineValue(cseq))
  if (cseqValue === undefined) return unreadable(cseq)
  const maxForwards = hops === undefined ? undefined : parseDecimal(lineValue(hops), MAX_MAX_FORWARDS)
  if (hops !== undefined && maxForwards === undefined) return unreadable(hops)
  return ok({
    vias: otherVias.length === 0 ? [topVia] : [topVia, ...otherVias],
    from: fromValue,
    to: toValue,
    callId: callIdValue,
    cseq: cseqValue,
    maxForwards,
  })
}

/**
 * All values of a list header, each parsed; the fault says which line has one that is malformed, or that there are over
 * `MAX_LIST_VALUES`.
 */
export function parseAll<T>(
  lines: readonly HeaderLine[],
  header: HeaderName,
  parse: (value: string) => T | undefined,
): Result<T[], SipFault> {
  const all: T[] = []
  for (const line of lines) {
    if (line.header !== header) continue
    const values = splitList(lineValue(line))
    if (all.length + values.length > MAX_LIST_VALUES) {
      return err(malformed('too-many-values', `${header.name} has more than ${MAX_LIST_VALUES} values`))
    }
    for (const value of values) {
      const parsed = parse(value)
      if (parsed === undefined) return unreadable(line)
      all.push(parsed)
    }
  }
  return ok(all)
}

const missing = (header: HeaderName): Result<never, SipFault> =>
  err(malformed('header-missing', `${header.name} is missing`))

const SHOWN_CHARS = 80

const unreadable = (line: HeaderLine): Result<never, SipFault> =>
  err(malformed('header-malformed', `${line.header.name} is malformed: ${lineValue(line).slice(0, SHOWN_CHARS)}`))
