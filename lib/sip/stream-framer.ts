import { Buffer } from 'node:buffer'
import { CR, LF } from './chars.ts'
import { MAX_MESSAGE_BYTES } from './limits.ts'
import { malformed, type SipFault } from './parse-error.ts'

/** What a stream's bytes turn out to be. */
export type StreamEvent =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  /** Two CRLFs or more: a keepalive that wants one back (RFC 5626 §3.5.1). */
  | { readonly kind: 'ping' }
  /** The stream has lost its framing: nothing after it can be read. `head` is what there is of the message. */
  | { readonly kind: 'fault'; readonly fault: SipFault; readonly head: Buffer }

const HEAD_END = '\r\n\r\n'

/** A Content-Length line in either form, folded or not; its value is judged apart. */
const CONTENT_LENGTH_LINE = /^(?:content-length|l)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)/gim

const INITIAL_BYTES = 4_096

/**
 * Cuts a byte stream into SIP messages by their Content-Length (RFC 3261 §18.3), wherever the chunks are split. It keeps
 * at most one message and looks at no byte of a header twice. After a fault it says nothing more.
 */
export class StreamFramer {
  #buffer = Buffer.alloc(0)
  /** Bytes of `#buffer` in use: the start of a message that is not whole yet. */
  #held = 0
  /** Up to where `#buffer` was searched for the end of the head. */
  #searched = 0
  /** Length of the message in `#buffer` once its head is known, else 0. */
  #wanted = 0
  /** CRLFs since the last message or ping. */
  #blanks = 0
  #broken = false

  /** Bytes of a message that is not whole yet. */
  get heldBytes(): number {
    return this.#held
  }

  /** Takes a chunk and returns what it completes. Messages of a chunk may share its memory. */
  push(chunk: Buffer): StreamEvent[] {
    const events: StreamEvent[] = []
    if (this.#broken || chunk.length === 0) return events
    if (this.#held === 0) {
      this.#hold(chunk, this.#cut(chunk, events, false))
      return events
    }
    this.#append(chunk)
    if (this.#held < this.#wanted) return events
    const bytes = this.#buffer.subarray(0, this.#held)
    const used = this.#cut(bytes, events, true)
    if (used > 0) this.#hold(bytes, used)
    return events
  }

  /** Cuts whole messages off the front of `bytes`; returns how many bytes they and the keepalives took. */
  #cut(bytes: Buffer, events: StreamEvent[], copy: boolean): number {
    let at = 0
    while (at < bytes.length && !this.#broken) {
      const blanks = countEmptyLines(bytes, at)
      at += blanks * 2
      const isHalfLine = at === bytes.length - 1 && bytes[at] === CR
      this.#countBlanks(blanks, at < bytes.length && !isHalfLine, events)
      const size = this.#measure(bytes, at, events)
      if (size === undefined || at + size > bytes.length) break
      const message = bytes.subarray(at, at + size)
      events.push({ kind: 'message', bytes: copy ? Buffer.from(message) : message })
      at += size
      this.#wanted = 0
      this.#searched = 0
    }
    return at
  }

  /** One CRLF alone is the answer to a ping of ours, or padding before a message (RFC 3261 §7.5). */
  #countBlanks(blanks: number, isFollowed: boolean, events: StreamEvent[]): void {
    const count = this.#blanks + blanks
    if (blanks > 0 && count > 1) events.push({ kind: 'ping' })
    this.#blanks = isFollowed || count > 1 ? 0 : count
  }

  /** The length of the message at `at`, head and body; undefined while its head is not whole, or at a fault. */
  #measure(bytes: Buffer, at: number, events: StreamEvent[]): number | undefined {
    if (this.#wanted > 0 && at === 0) return this.#wanted
    const from = at === 0 ? Math.max(0, this.#searched - HEAD_END.length + 1) : at
    const headEnd = bytes.indexOf(HEAD_END, from, 'latin1')
    if (headEnd < 0) {
      this.#searched = bytes.length - at
      const size = bytes.length - at
      return size > MAX_MESSAGE_BYTES ? this.#fail(tooLarge(size), bytes.subarray(at), events) : undefined
    }
    const head = bytes.subarray(at, headEnd)
    const length = readContentLength(head.toString('latin1'))
    if (typeof length !== 'number') return this.#fail(length, head, events)
    const size = head.length + HEAD_END.length + length
    if (size > MAX_MESSAGE_BYTES) return this.#fail(tooLarge(size), head, events)
    this.#wanted = size
    return size
  }

  #fail(fault: SipFault, head: Buffer, events: StreamEvent[]): undefined {
    this.#broken = true
    this.#buffer = Buffer.alloc(0)
    this.#held = 0
    events.push({ kind: 'fault', fault, head: Buffer.from(head) })
    return undefined
  }

  /** Keeps what follows `used` for the next chunk. */
  #hold(bytes: Buffer, used: number): void {
    const rest = this.#broken ? 0 : bytes.length - used
    if (rest === 0) {
      this.#held = 0
      this.#buffer = Buffer.alloc(0)
      return
    }
    const kept = Buffer.allocUnsafe(Math.max(rest, INITIAL_BYTES))
    bytes.copy(kept, 0, used)
    this.#buffer = kept
    this.#held = rest
  }

  #append(chunk: Buffer): void {
    const size = this.#held + chunk.length
    if (size > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(size, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, this.#held)
      this.#buffer = grown
    }
    chunk.copy(this.#buffer, this.#held)
    this.#held = size
  }
}

/** How many CRLFs stand at `at`. */
function countEmptyLines(bytes: Buffer, at: number): number {
  let count = 0
  while (bytes[at] === CR && bytes[at + 1] === LF) {
    count++
    at += 2
  }
  return count
}

/** The Content-Length of a head; on a stream it must be there, once, and in range (RFC 3261 §20.14). */
function readContentLength(head: string): number | SipFault {
  const [line, another] = head.matchAll(CONTENT_LENGTH_LINE)
  if (line === undefined) return malformed('content-length', 'Content-Length is missing on a stream')
  if (another !== undefined) return malformed('header-repeated', 'Content-Length stands more than once')
  const value = (line[1] ?? '').trim()
  if (!/^\d{1,10}$/.test(value))
    return malformed('content-length', `Content-Length is malformed: ${value.slice(0, 40)}`)
  const length = Number(value)
  return length > MAX_MESSAGE_BYTES ? tooLarge(length) : length
}

function tooLarge(size: number): SipFault {
  return { code: 'message-too-large', message: `message too large: ${size} > ${MAX_MESSAGE_BYTES}`, status: 513 }
}
