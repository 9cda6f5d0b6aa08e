import { type Buffer, isAscii } from 'node:buffer'
import { err, ok, type Result } from '../core/result.ts'
import { assembleRequest, assembleResponse } from './assemble.ts'
import { CR, codeAt, isBlank, isToken, LF, parseDecimal } from './chars.ts'
import { fromWireText, type HeaderLine, hasBareNul, lineValue } from './header-line.ts'
import { CALL_ID, CSEQ, FROM, headerName, TO, VIA } from './header-names.ts'
import { MAX_HEADER_LINE_BYTES, MAX_HEADER_LINES, MAX_MESSAGE_BYTES, MAX_REASON_CHARS } from './limits.ts'
import { splitList } from './list-values.ts'
import type { SipMessage } from './message.ts'
import { type Answerable, malformed, type SipFault, type SipParseError } from './parse-error.ts'
import { parseVia } from './via.ts'

/**
 * Parses one datagram, or one message that was framed on a stream (RFC 3261 §7). Header lines are found in one pass over
 * the bytes; the headers that every message needs are parsed and judged at once, all others when asked for. A request's
 * Contact, Route and Record-Route are judged too, so that no accessor of an accepted message fails.
 *
 * The message keeps pointing into `bytes` for its body: the caller must not write to them afterwards.
 */
export function parseMessage(bytes: Buffer): Result<SipMessage, SipParseError> {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    const message = `message too large: ${bytes.length} > ${MAX_MESSAGE_BYTES}`
    return refuse({ code: 'message-too-large', message, status: 513 }, undefined, [])
  }
  const start = skipEmptyLines(bytes)
  if (start === bytes.length) return refuse(malformed('empty', 'no message, only empty lines'), undefined, [])
  const blank = bytes.indexOf('\r\n\r\n', start, 'latin1')
  const headEnd = blank < 0 ? bytes.length : blank
  const head = bytes.toString('latin1', start, headEnd)
  const lineEnd = head.indexOf('\r\n')
  const startLine = lineEnd < 0 ? head : head.slice(0, lineEnd)
  const first =
    startLine.length > MAX_HEADER_LINE_BYTES
      ? err(malformed('start-line', `start line too long: ${startLine.length} > ${MAX_HEADER_LINE_BYTES}`))
      : parseStartLine(startLine)
  const lines: HeaderLine[] = []
  const fault = lineEnd < 0 ? undefined : (scanLines(head, lineEnd + 2, isAscii(bytes), lines) ?? judgeNul(head))
  if (!first.ok) return refuse(first.error, guessMethod(startLine), lines)
  const method = first.value.kind === 'request' ? first.value.method : undefined
  if (fault !== undefined) return refuse(fault, method, lines)
  if (blank < 0) return refuse(malformed('truncated', 'no empty line after the headers'), method, lines)
  const message = assemble(first.value, lines, bytes.subarray(headEnd + 4))
  return message.ok ? message : refuse(message.error, method, lines)
}

/** CRLFs before the start line are to be ignored (RFC 3261 §7.5). */
function skipEmptyLines(bytes: Buffer): number {
  let at = 0
  while (bytes[at] === CR && bytes[at + 1] === LF) at += 2
  return at
}

/** The start line, taken apart (RFC 3261 §7.1, §7.2). */
type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string }

function parseStartLine(line: string): Result<StartLine, SipFault> {
  if (isSipVersion(line, 0) && codeAt(line, 7) === 32) return parseStatusLine(line)
  const firstSpace = line.indexOf(' ')
  const lastSpace = line.lastIndexOf(' ')
  const method = line.slice(0, firstSpace)
  const uri = line.slice(firstSpace + 1, lastSpace)
  if (firstSpace < 1 || lastSpace === firstSpace || !isToken(method)) {
    return err(malformed('start-line', 'the start line is neither a request nor a response'))
  }
  if (!isSipVersion(line, lastSpace + 1) || line.length !== lastSpace + 8) {
    const version = line.slice(lastSpace + 1)
    return /^SIP\/\d+\.\d+$/i.test(version)
      ? err({ code: 'version', message: `not SIP/2.0: ${version}`, status: 505 })
      : err(malformed('start-line', 'the request line does not end with SIP/2.0'))
  }
  return ok({ kind: 'request', method, uri })
}

/** What ends a line for one reader or another. A reason is for humans, and nobody may read a second line into it. */
const LINE_BREAK = /[\p{Cc}\u2028\u2029]/gu

function parseStatusLine(line: string): Result<StartLine, SipFault> {
  const digits = line.slice(8, 11)
  const status = parseDecimal(digits, 699)
  if (status === undefined || status < 100 || digits.length < 3 || (line.length > 11 && codeAt(line, 11) !== 32)) {
    return err(malformed('start-line', `the status is not 100 to 699: ${line.slice(8, 24)}`))
  }
  return ok({
    kind: 'response',
    status,
    reason: fromWireText(line.slice(12)).slice(0, MAX_REASON_CHARS).replace(LINE_BREAK, ' '),
  })
}

/** `SIP/2.0` in any case (RFC 3261 §7.1). */
function isSipVersion(line: string, at: number): boolean {
  return line.startsWith('SIP/2.0', at) || line.slice(at, at + 7).toUpperCase() === 'SIP/2.0'
}

/** The method of a line that is no proper request line but would pass as one; undefined where it looks like a response. */
function guessMethod(line: string): string | undefined {
  const [method = ''] = /^\S+(?=\s)/.exec(line) ?? []
  return isToken(method) ? method : undefined
}

/** Finds the header lines from `at` on and adds them to `lines`, up to the first that is at fault. */
function scanLines(head: string, at: number, ascii: boolean, lines: HeaderLine[]): SipFault | undefined {
  while (at < head.length) {
    let end = head.indexOf('\r', at)
    let folded = false
    while (end >= 0 && codeAt(head, end + 1) === LF && isBlank(codeAt(head, end + 2))) {
      folded = true
      end = head.indexOf('\r', end + 2)
    }
    if (end < 0) end = head.length
    else if (codeAt(head, end + 1) !== LF)
      return malformed('header-syntax', `a lone CR in header line ${lines.length + 1}`)
    if (end - at > MAX_HEADER_LINE_BYTES) {
      return malformed('header-too-long', `header line too long: ${end - at} > ${MAX_HEADER_LINE_BYTES}`)
    }
    if (lines.length === MAX_HEADER_LINES) return malformed('too-many-headers', `over ${MAX_HEADER_LINES} header lines`)
    const colon = head.indexOf(':', at)
    let nameEnd = colon
    while (nameEnd > at && isBlank(codeAt(head, nameEnd - 1))) nameEnd--
    const header = colon < 0 || colon > end ? undefined : headerName(head.slice(at, nameEnd))
    if (header === undefined) return malformed('header-syntax', `header line ${lines.length + 1} has no proper name`)
    if (folded ? LONE_LF.test(head.slice(colon, end)) : hasLineFeed(head, colon, end)) {
      return malformed('header-syntax', `a lone LF in header line ${lines.length + 1}`)
    }
    lines.push({ header, source: head, start: at, valueStart: colon + 1, end, folded, ascii })
    at = end + 2
  }
  return undefined
}

/** A NUL outside of a quoted-pair could not be sent on: see `isSafeValue`. */
const judgeNul = (head: string): SipFault | undefined =>
  hasBareNul(head) ? malformed('header-syntax', 'a NUL in a header line') : undefined

const LONE_LF = /(?<!\r)\n/

function hasLineFeed(head: string, from: number, end: number): boolean {
  const feed = head.indexOf('\n', from)
  return feed >= 0 && feed < end
}

function assemble(first: StartLine, lines: readonly HeaderLine[], rest: Buffer): Result<SipMessage, SipFault> {
  return first.kind === 'request'
    ? assembleRequest(first.method, first.uri, lines, rest)
    : assembleResponse(first.status, first.reason, lines, rest)
}

/** What a message that could not be framed gives us to answer it with; `head` ends before its empty line. */
export function findAnswerable(head: Buffer): Answerable | undefined {
  const text = head.toString('latin1', skipEmptyLines(head))
  const lineEnd = text.indexOf('\r\n')
  if (lineEnd < 0) return undefined
  const lines: HeaderLine[] = []
  scanLines(text, lineEnd + 2, isAscii(head), lines)
  return answerable(guessMethod(text.slice(0, lineEnd)), lines)
}

const NEEDED = new Set([VIA, FROM, TO, CALL_ID, CSEQ])

function refuse(
  fault: SipFault,
  method: string | undefined,
  lines: readonly HeaderLine[],
): Result<never, SipParseError> {
  return err({ ...fault, partial: answerable(method, lines) })
}

function answerable(method: string | undefined, lines: readonly HeaderLine[]): Answerable | undefined {
  const via = lines.find((line) => line.header === VIA)
  if (method === undefined || method === 'ACK' || via === undefined) return undefined
  const [top] = splitList(lineValue(via))
  // Of what must stand once the first: an answer is not to be longer than what it answers, by much.
  const first = new Map(lines.toReversed().map((line) => [line.header, line]))
  return {
    method,
    lines: lines.filter((line) => NEEDED.has(line.header) && (line.header === VIA || first.get(line.header) === line)),
    topVia: top === undefined ? undefined : parseVia(top),
  }
}
