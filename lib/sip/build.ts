import { Buffer } from 'node:buffer'
import { err, ok, type Result } from '../core/result.ts'
import { assembleRequest } from './assemble.ts'
import { isToken } from './chars.ts'
import type { Essentials } from './essentials.ts'
import { type HeaderLine, isSafeValue, lineValue, makeLine, wireText } from './header-line.ts'
import {
  CALL_ID,
  CONTENT_LENGTH,
  CSEQ,
  FROM,
  type HeaderName,
  headerName,
  RECORD_ROUTE,
  TIMESTAMP,
  TO,
  VIA,
} from './header-names.ts'
import { NO_BODY, type SipRequest, SipResponse } from './message.ts'
import { formatNameAddr, type NameAddr, tagOf } from './name-addr.ts'
import { malformed, type SipFault, type SipParseError } from './parse-error.ts'
import { formatWarning, MISCELLANEOUS_WARNING } from './warning.ts'

/** A header to be written: its name in any form, and its value without line breaks. */
export type HeaderInput = readonly [name: string, value: string]

export interface RequestParts {
  readonly method: string
  readonly uri: string
  /** In the order they shall have. A Content-Length among them is replaced by the right one. */
  readonly headers: Iterable<HeaderInput>
  readonly body?: Buffer | undefined
}

export interface ResponseParts {
  /** Our tag for the To of a request that has none yet; 100 needs none (RFC 3261 §8.2.6.2). */
  readonly toTag?: string | undefined
  /** Beyond those that RFC 3261 §8.2.6.2 copies from the request; one of those given here is left out. */
  readonly headers?: Iterable<HeaderInput> | undefined
  readonly body?: Buffer | undefined
}

/**
 * Makes a request. Refused where a header is no token, a value has a CR, LF or NUL, or the whole would not be let in by
 * `parseMessage` either.
 */
export function buildRequest(parts: RequestParts): Result<SipRequest, SipFault> {
  const body = parts.body ?? NO_BODY
  const lines = makeLines(parts.headers, NOTHING)
  if (!lines.ok) return lines
  lines.value.push(contentLength(body))
  return assembleRequest(parts.method, parts.uri, lines.value, body)
}

/**
 * Makes the response to a request (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq as they came, Record-Route where the
 * response can open a dialog (§12.1.1), Timestamp in a 100 (§8.2.6.1). Refused where a header given is unsafe.
 */
export function buildResponse(
  request: SipRequest,
  status: number,
  reason: string,
  parts: ResponseParts = {},
): Result<SipResponse, SipFault> {
  if (!Number.isInteger(status) || status < 100 || status > 699 || !isSafeValue(reason)) {
    return err(malformed('start-line', `no proper status or reason: ${status}`))
  }
  const body = parts.body ?? NO_BODY
  const copiesRoute = status > 100 && status < 300
  const tag = status === 100 || tagOf(request.to()) !== undefined ? undefined : parts.toTag
  const to = tag === undefined ? request.to() : withTag(request.to(), tag)
  if (tag !== undefined && !isToken(tag)) return err(malformed('header-malformed', 'the To tag is no token'))
  const lines: HeaderLine[] = []
  for (const line of request.lines) {
    const { header } = line
    if (header === TO) lines.push(tag === undefined ? line : makeLine(TO, formatNameAddr(to)))
    else if (COPIED.has(header)) lines.push(line)
    else if (header === RECORD_ROUTE && copiesRoute) lines.push(line)
    else if (header === TIMESTAMP && status === 100) lines.push(line)
  }
  const added = makeLines(parts.headers ?? [], COPIED_OR_TO)
  if (!added.ok) return added
  lines.push(...added.value, contentLength(body))
  const essentials: Essentials = { ...request.essentials, to, maxForwards: undefined }
  return ok(new SipResponse(status, reason, lines, essentials, body))
}

/**
 * The answer to a request that was refused by the parser, as bytes; undefined where none may be sent. It carries what
 * could be found of the headers that a response copies, and says what is wrong in a Warning (RFC 3261 §21.4.1).
 */
export function buildRefusal(
  error: SipParseError,
  reason: string,
  toTag: string,
  userAgent?: string,
): Buffer | undefined {
  if (error.partial === undefined) return undefined
  const lines = error.partial.lines.map((line) => {
    const text = wireText(line)
    return line.header === TO && !/;\s*tag\s*=/i.test(lineValue(line)) ? `${text};tag=${toTag}` : text
  })
  const server = userAgent === undefined ? [] : [`Server: ${userAgent}`]
  const warning = `Warning: ${formatWarning(MISCELLANEOUS_WARNING, error.message)}`
  const head = [`SIP/2.0 ${error.status} ${reason}`, ...lines, ...server, warning, 'Content-Length: 0', '', '']
  return Buffer.from(head.join('\r\n'), 'latin1')
}

const NOTHING: ReadonlySet<HeaderName> = new Set()
const COPIED: ReadonlySet<HeaderName> = new Set([VIA, FROM, CALL_ID, CSEQ])
const COPIED_OR_TO: ReadonlySet<HeaderName> = new Set([...COPIED, TO])

const withTag = (address: NameAddr, tag: string): NameAddr => ({ ...address, params: address.params.with('tag', tag) })

export const contentLength = (body: Buffer): HeaderLine => makeLine(CONTENT_LENGTH, String(body.length))

/** Header lines from names and values, but for those of `skip` and Content-Length. */
export function makeLines(
  headers: Iterable<HeaderInput>,
  skip: ReadonlySet<HeaderName>,
): Result<HeaderLine[], SipFault> {
  const lines: HeaderLine[] = []
  for (const [name, value] of headers) {
    const header = headerName(name)
    if (header === undefined) return err(malformed('header-syntax', `no header name: ${JSON.stringify(name)}`))
    if (!isSafeValue(value))
      return err(malformed('header-syntax', `${header.name} has a line break or NUL in its value`))
    if (header !== CONTENT_LENGTH && !skip.has(header)) lines.push(makeLine(header, value))
  }
  return ok(lines)
}
