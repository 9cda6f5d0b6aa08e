/** Longest payload a client may send. drachtio-server's own limit, of 12 kB, wedges the connection silently. */
export const MAX_CLIENT_FRAME_BYTES = 1_048_576
const MAX_LENGTH_DIGITS = 7
const HASH = 0x23
const ZERO = 0x30

/** Why a connection has to be closed: what follows can no longer be found in the stream. */
export interface FramingError {
  readonly code: 'bad-length' | 'too-long'
  readonly message: string
}

/**
 * Cuts a stream into the payloads of drachtio's frames, `<N>#<payload>` with N the decimal count of payload bytes.
 * Chunks may split and join frames anyhow; a frame's bytes are copied once at most.
 */
export class FrameDecoder {
  #chunks: Buffer[] = []
  #buffered = 0
  /** Bytes needed before it is worth looking again; -1 while the length is not known. */
  #wanted = -1

  /** Takes a chunk and hands each complete payload to `onFrame`. An error is final: the stream is lost. */
  push(chunk: Buffer, onFrame: (payload: Buffer) => void): FramingError | undefined {
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered < this.#wanted) return undefined
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#buffered)
    for (;;) {
      const header = readLength(rest)
      if (header === undefined) break
      if ('code' in header) return header
      this.#wanted = header.start + header.bytes
      if (rest.length < this.#wanted) return this.#keep(rest)
      const payload = rest.subarray(header.start, this.#wanted)
      rest = rest.subarray(this.#wanted)
      this.#wanted = -1
      onFrame(payload)
    }
    return this.#keep(rest)
  }

  #keep(rest: Buffer): undefined {
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#buffered = rest.length
  }
}

/** Undefined while more bytes are needed to tell. */
function readLength(buffer: Buffer): { start: number; bytes: number } | FramingError | undefined {
  let bytes = 0
  for (let at = 0; at < buffer.length; at++) {
    const code = buffer[at] ?? 0
    if (code === HASH) {
      if (at === 0 || bytes === 0) return { code: 'bad-length', message: 'a frame has no length' }
      return { start: at + 1, bytes }
    }
    const digit = code - ZERO
    if (digit < 0 || digit > 9) return { code: 'bad-length', message: `byte ${code} in a frame's length` }
    bytes = bytes * 10 + digit
    if (bytes > MAX_CLIENT_FRAME_BYTES || at >= MAX_LENGTH_DIGITS) {
      return { code: 'too-long', message: `frame too long: over ${MAX_CLIENT_FRAME_BYTES} bytes` }
    }
  }
  return undefined
}

/** One frame from a head in text and, after CRLF, a SIP message in bytes. */
export function encodeFrame(head: string, message?: Buffer): Buffer {
  const headBytes = Buffer.byteLength(head)
  const total = message === undefined ? headBytes : headBytes + 2 + message.length
  const prefix = `${total}#`
  const frame = Buffer.allocUnsafe(prefix.length + total)
  let at = frame.write(prefix, 'latin1')
  at += frame.write(head, at, 'utf8')
  if (message !== undefined) {
    at += frame.write('\r\n', at, 'latin1')
    message.copy(frame, at)
  }
  return frame
}
