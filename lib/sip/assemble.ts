import type { Buffer } from 'node:buffer'
import { err, ok, type Result } from '../core/result.ts'
import { isToken, parseDecimal } from './chars.ts'
import { type Essentials, parseAll, readEssentials } from './essentials.ts'
import { type HeaderLine, lineValue } from './header-line.ts'
import { CONTACT, CONTENT_LENGTH, RECORD_ROUTE, ROUTE } from './header-names.ts'
import { MAX_MESSAGE_BYTES } from './limits.ts'
import { SipRequest, SipResponse } from './message.ts'
import { parseNameAddr } from './name-addr.ts'
import { malformed, type SipFault } from './parse-error.ts'
import { isSipUri, parseUri } from './uri.ts'

/**
 * Puts a request together from its parts and judges it as a whole: essential headers, method against CSeq, the
 * Request-URI, Contact, Route and Record-Route, and the length of the body. `rest` is what follows the empty line.
 */
export function assembleRequest(
  method: string,
  uri: string,
  lines: readonly HeaderLine[],
  rest: Buffer,
): Result<SipRequest, SipFault> {
  const essentials = readEssentials(lines, 'refused')
  if (!essentials.ok) return essentials
  const body = cutBody(lines, rest)
  if (!body.ok) return body
  const fault =
    (isLenient(method, uri) ? undefined : judgeUri(uri)) ??
    judgeMethod(method, essentials.value) ??
    judgeAddresses(lines)
  return fault === undefined ? ok(new SipRequest(method, uri, lines, essentials.value, body.value)) : err(fault)
}

/**
 * Puts a response together. Only what routes it is judged: a response that is refused is lost to a call that waits for
 * it, so a Contact or Record-Route nobody can read counts as absent, and of two tags in To the first holds: there are peers that add theirs
 * to the To of a re-INVITE, which has it.
 */
export function assembleResponse(
  status: number,
  reason: string,
  lines: readonly HeaderLine[],
  rest: Buffer,
): Result<SipResponse, SipFault> {
  const essentials = readEssentials(lines, 'first')
  if (!essentials.ok) return essentials
  const body = cutBody(lines, rest)
  return body.ok ? ok(new SipResponse(status, reason, lines, essentials.value, body.value)) : body
}

/**
 * An ACK is known by its dialog or transaction and cannot be answered: where its Request-URI is nonsense, as of peers that paste it together,
 * refusing it would only make the other side repeat the 200 until the call is dropped.
 */
const isLenient = (method: string, uri: string): boolean => method === 'ACK' && VISIBLE.test(uri)

/** Nothing that any reader takes for a blank. */
const VISIBLE = /^[!-~]+$/

function judgeUri(uri: string): SipFault | undefined {
  const parsed = parseUri(uri)
  if (parsed === undefined) return malformed('request-uri', 'the Request-URI is malformed')
  if (isSipUri(parsed) && parsed.headers.length > 0) {
    return malformed('request-uri', 'the Request-URI has headers, which RFC 3261 §19.1.1 forbids')
  }
  return undefined
}

function judgeMethod(method: string, { cseq }: Essentials): SipFault | undefined {
  if (!isToken(method)) return malformed('start-line', 'the method is no token')
  if (cseq.method === method) return undefined
  return malformed('method-mismatch', `the method is ${method}, but CSeq says ${cseq.method}`)
}

function judgeAddresses(lines: readonly HeaderLine[]): SipFault | undefined {
  for (const header of [CONTACT, ROUTE, RECORD_ROUTE]) {
    const found = lines.filter((line) => line.header === header)
    const [first, another] = found
    if (first === undefined) continue
    const isAll = header === CONTACT && another === undefined && lineValue(first) === '*'
    const addresses = isAll ? ok([]) : parseAll(found, header, parseNameAddr)
    if (!addresses.ok) return addresses.error
  }
  return undefined
}

/** The body by Content-Length: bytes after it are dropped (RFC 3261 §18.3), too few are a fault. Without one, all of it. */
function cutBody(lines: readonly HeaderLine[], rest: Buffer): Result<Buffer, SipFault> {
  let length: number | undefined
  for (const line of lines) {
    if (line.header !== CONTENT_LENGTH) continue
    if (length !== undefined) return err(malformed('header-repeated', 'Content-Length stands more than once'))
    length = parseDecimal(lineValue(line), MAX_MESSAGE_BYTES)
    if (length === undefined) return err(malformed('content-length', `Content-Length is malformed: ${lineValue(line)}`))
  }
  if (length === undefined || length === rest.length) return ok(rest)
  if (length < rest.length) return ok(rest.subarray(0, length))
  return err(malformed('content-length', `body shorter than Content-Length: ${rest.length} < ${length}`))
}
