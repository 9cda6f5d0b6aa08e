import { Buffer } from 'node:buffer'
import type { CSeq } from './cseq.ts'
import { type Essentials, parseAll } from './essentials.ts'
import { type HeaderLine, lineValue, makeLine, toWireText, wireText } from './header-line.ts'
import {
  CONTACT,
  CONTENT_LENGTH,
  type HeaderName,
  headerName,
  isSameHeader,
  RECORD_ROUTE,
  ROUTE,
} from './header-names.ts'
import { splitList } from './list-values.ts'
import { type NameAddr, parseNameAddr } from './name-addr.ts'
import { parseUri, type Uri } from './uri.ts'
import type { Via } from './via.ts'

/** A SIP message: immutable. What `parseMessage` accepted and what `buildRequest` and `buildResponse` made. */
export type SipMessage = SipRequest | SipResponse

/** No body. */
export const NO_BODY = Buffer.alloc(0)

/** What requests and responses have in common (RFC 3261 §7). Values are decoded and parsed when first asked for. */
abstract class SipHeaders {
  /** The header lines in order, each as on the wire. */
  readonly lines: readonly HeaderLine[]
  readonly essentials: Essentials
  readonly body: Buffer
  #contacts: readonly NameAddr[] | '*' | undefined
  #routes: readonly NameAddr[] | undefined
  #recordRoutes: readonly NameAddr[] | undefined

  constructor(lines: readonly HeaderLine[], essentials: Essentials, body: Buffer) {
    this.lines = lines
    this.essentials = essentials
    this.body = body
  }

  /** The start line as on the wire, without its CRLF. */
  abstract get startLine(): string

  get callId(): string {
    return this.essentials.callId
  }

  /** 0 … 255; undefined where the header is missing. */
  get maxForwards(): number | undefined {
    return this.essentials.maxForwards
  }

  topVia(): Via {
    return this.essentials.vias[0]
  }

  vias(): readonly [Via, ...Via[]] {
    return this.essentials.vias
  }

  from(): NameAddr {
    return this.essentials.from
  }

  to(): NameAddr {
    return this.essentials.to
  }

  cseq(): CSeq {
    return this.essentials.cseq
  }

  /** The first value of a header, unfolded, whole as it stands on its line. Any case, compact or long name. */
  header(name: string): string | undefined {
    const line = this.#firstLine(headerName(name))
    return line === undefined ? undefined : lineValue(line)
  }

  /** The value of each line of a header, in order. */
  headers(name: string): string[] {
    const wanted = headerName(name)
    const found: string[] = []
    if (wanted === undefined) return found
    for (const line of this.lines) if (isSameHeader(line.header, wanted)) found.push(lineValue(line))
    return found
  }

  /** All values of a list header, over all its lines, split at commas outside quotes and brackets (RFC 3261 §7.3.1). */
  values(name: string): string[] {
    return this.headers(name).flatMap(splitList)
  }

  has(name: string): boolean {
    return this.#firstLine(headerName(name)) !== undefined
  }

  /** Contacts; `*` in a REGISTER that removes all (RFC 3261 §10.2.2). Of a response, none where one is malformed. */
  contacts(): readonly NameAddr[] | '*' {
    this.#contacts ??= this.header('Contact') === '*' ? '*' : this.#addresses(CONTACT)
    return this.#contacts
  }

  routes(): readonly NameAddr[] {
    this.#routes ??= this.#addresses(ROUTE)
    return this.#routes
  }

  recordRoutes(): readonly NameAddr[] {
    this.#recordRoutes ??= this.#addresses(RECORD_ROUTE)
    return this.#recordRoutes
  }

  /** Name and value of each header line in order: canonical long names, values unfolded. */
  *headerLines(): IterableIterator<[name: string, value: string]> {
    for (const line of this.lines) yield [line.header.name, lineValue(line)]
  }

  /** The message as bytes: untouched lines as they came, with a Content-Length in any case. */
  serialize(): Buffer {
    let text = `${this.startLine}\r\n`
    let measured = false
    for (const line of this.lines) {
      if (line.header === CONTENT_LENGTH) measured = true
      text += `${wireText(line)}\r\n`
    }
    if (!measured) text += `${wireText(makeLine(CONTENT_LENGTH, String(this.body.length)))}\r\n`
    text += '\r\n'
    const bytes = Buffer.allocUnsafe(text.length + this.body.length)
    bytes.write(text, 'latin1')
    this.body.copy(bytes, text.length)
    return bytes
  }

  #firstLine(wanted: HeaderName | undefined): HeaderLine | undefined {
    if (wanted === undefined) return undefined
    for (const line of this.lines) if (isSameHeader(line.header, wanted)) return line
    return undefined
  }

  #addresses(header: HeaderName): readonly NameAddr[] {
    const parsed = parseAll(this.lines, header, parseNameAddr)
    return parsed.ok ? parsed.value : []
  }
}

/** A request (RFC 3261 §7.1). */
export class SipRequest extends SipHeaders {
  readonly kind = 'request'
  readonly method: string
  /** The Request-URI as written. */
  readonly uri: string
  #parsedUri: Uri | undefined

  constructor(method: string, uri: string, lines: readonly HeaderLine[], essentials: Essentials, body: Buffer) {
    super(lines, essentials, body)
    this.method = method
    this.uri = uri
  }

  override get startLine(): string {
    return `${this.method} ${this.uri} SIP/2.0`
  }

  /** The Request-URI, parsed. A scheme we do not know is for the UAS to refuse with 416. */
  requestUri(): Uri {
    this.#parsedUri ??= parseUri(this.uri)
    if (this.#parsedUri === undefined) throw new Error(`a request with an unparsable URI was let in: ${this.uri}`)
    return this.#parsedUri
  }
}

/** A response (RFC 3261 §7.2). */
export class SipResponse extends SipHeaders {
  readonly kind = 'response'
  /** 100 … 699. */
  readonly status: number
  /** Decoded; may be empty. */
  readonly reason: string

  constructor(status: number, reason: string, lines: readonly HeaderLine[], essentials: Essentials, body: Buffer) {
    super(lines, essentials, body)
    this.status = status
    this.reason = reason
  }

  override get startLine(): string {
    return `SIP/2.0 ${this.status} ${toWireText(this.reason)}`
  }
}
