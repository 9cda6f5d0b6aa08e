import type { Buffer } from 'node:buffer'
import { err, type Result } from '../core/result.ts'
import { assembleRequest, assembleResponse } from './assemble.ts'
import { contentLength, makeLines } from './build.ts'
import type { Essentials } from './essentials.ts'
import { type HeaderLine, lineValue, makeLine } from './header-line.ts'
import { CONTENT_LENGTH, headerName, isSameHeader, MAX_FORWARDS, VIA } from './header-names.ts'
import { splitList } from './list-values.ts'
import { type SipMessage, SipRequest, SipResponse } from './message.ts'
import { malformed, type SipFault } from './parse-error.ts'
import { formatVia, type Via, withSource } from './via.ts'

/*
 * Each edit gives a new message and leaves the old one as it was. Lines that an edit does not name are shared between
 * both and go out byte for byte as they came in.
 */

/** Adds our Via on top, as a request is sent on (RFC 3261 §16.6 item 8). */
export function pushVia(request: SipRequest, via: Via): SipRequest {
  const at = request.lines.findIndex((line) => line.header === VIA)
  const lines = request.lines.toSpliced(at, 0, makeLine(VIA, formatVia(via)))
  return copyRequest(request, lines, { ...request.essentials, vias: [via, ...request.vias()] })
}

/** Takes the top Via off, as a response is sent back (RFC 3261 §16.7 item 3); undefined where it is the last: ours. */
export function popVia(response: SipResponse): SipResponse | undefined {
  const [, next, ...others] = response.vias()
  if (next === undefined) return undefined
  const essentials: Essentials = { ...response.essentials, vias: [next, ...others] }
  const lines = replaceTopVia(response.lines, [])
  return new SipResponse(response.status, response.reason, lines, essentials, response.body)
}

/** Marks in the top Via where the request came from: `received` and `rport` (RFC 3261 §18.2.1, RFC 3581 §4). */
export function markSource(request: SipRequest, sourceHost: string, sourcePort: number): SipRequest {
  const [top, ...others] = request.vias()
  const marked = withSource(top, sourceHost, sourcePort)
  if (marked === top) return request
  const lines = replaceTopVia(request.lines, [formatVia(marked)])
  return copyRequest(request, lines, { ...request.essentials, vias: [marked, ...others] })
}

/** Sets Max-Forwards, 0 … 255; it is added where there was none (RFC 3261 §16.6 item 3). */
export function withMaxForwards(request: SipRequest, hops: number): SipRequest {
  const line = makeLine(MAX_FORWARDS, String(hops))
  const at = request.lines.findIndex((old) => old.header === MAX_FORWARDS)
  const lines = at < 0 ? [...request.lines, line] : request.lines.with(at, line)
  return copyRequest(request, lines, { ...request.essentials, maxForwards: hops })
}

/** Replaces the Request-URI; refused where it is malformed. */
export function withUri(request: SipRequest, uri: string): Result<SipRequest, SipFault> {
  return assembleRequest(request.method, uri, request.lines, request.body)
}

/**
 * Replaces all lines of one header by one line for each value, where the first of them stood, or at the end; no values
 * removes it. Refused where a value is unsafe or the message would not be let in with it.
 */
export function withHeader(message: SipRequest, name: string, values: readonly string[]): Result<SipRequest, SipFault>
export function withHeader(message: SipResponse, name: string, values: readonly string[]): Result<SipResponse, SipFault>
export function withHeader(
  message: SipRequest | SipResponse,
  name: string,
  values: readonly string[],
): Result<SipRequest | SipResponse, SipFault> {
  const header = headerName(name)
  if (header === undefined) return err(malformed('header-syntax', `no header name: ${JSON.stringify(name)}`))
  const made = makeLines(
    values.map((value) => [header.name, value] as const),
    new Set(),
  )
  if (!made.ok) return made
  const at = message.lines.findIndex((line) => isSameHeader(line.header, header))
  const kept = message.lines.filter((line) => !isSameHeader(line.header, header))
  const lines = kept.toSpliced(at < 0 ? kept.length : at, 0, ...made.value)
  return message.kind === 'request'
    ? assembleRequest(message.method, message.uri, lines, message.body)
    : assembleResponse(message.status, message.reason, lines, message.body)
}

/** Replaces the body, and with it Content-Length; the Content-Type is the caller's. */
export function withBody(message: SipRequest, body: Buffer): SipRequest
export function withBody(message: SipResponse, body: Buffer): SipResponse
export function withBody(message: SipRequest | SipResponse, body: Buffer): SipRequest | SipResponse {
  const lines = message.lines.filter((line) => line.header !== CONTENT_LENGTH)
  lines.push(contentLength(body))
  return message.kind === 'request'
    ? new SipRequest(message.method, message.uri, lines, message.essentials, body)
    : new SipResponse(message.status, message.reason, lines, message.essentials, body)
}

/**
 * The bytes that a message was parsed from, or others where applications could not read these: drachtio-srf gives up on empty lines
 * before the start line, on `sip/2.0`, and on line separators in a reason, and whoever sent such a message would wait in vain.
 */
export function plainBytes(message: SipMessage, bytes: Buffer): Buffer {
  const start = `${message.startLine}\r\n`
  return bytes.toString('latin1', 0, start.length) === start ? bytes : message.serialize()
}

const copyRequest = (request: SipRequest, lines: readonly HeaderLine[], essentials: Essentials): SipRequest =>
  new SipRequest(request.method, request.uri, lines, essentials, request.body)

/** The lines with the first Via value replaced; other values of the same line stay, on a line of their own. */
function replaceTopVia(lines: readonly HeaderLine[], replacement: readonly string[]): HeaderLine[] {
  const at = lines.findIndex((line) => line.header === VIA)
  const line = lines[at]
  const others = line === undefined ? [] : splitList(lineValue(line)).slice(1)
  const values = others.length === 0 ? replacement : [...replacement, others.join(', ')]
  return lines.toSpliced(at, 1, ...values.map((value) => makeLine(VIA, value)))
}
