import { crc32 } from 'node:zlib'

/**
 * A line of a journal segment. Length and checksum stand before the body, so a line that was cut off by a crash, at
 * whichever byte, is told from a whole one:
 *
 *     000001a4 5c0f9e21 call {"sequence":7,…}\n
 *     length   CRC-32   kind JSON
 *     of the body, in bytes; both are 8 lower-case hex digits, the CRC is that of zlib (RFC 1952 §8)
 */
export interface Frame {
  readonly kind: string
  readonly json: Buffer
}

/** The longest body of a line, in bytes: every UTF-16 unit of the longest entry takes three bytes at most. */
export const MAX_BODY_BYTES = 2 * 1024 * 1024

const PREFIX_BYTES = 18
const NEWLINE = 0x0a
const SPACE = 0x20
const PREFIX = /^[0-9a-f]{8} [0-9a-f]{8} $/

/** One line of bytes. `kind` is a word without a space, `json` has no raw newline (`JSON.stringify` writes none). */
export function encodeFrame(kind: string, json: string): Buffer {
  const body = Buffer.from(`${kind} ${json}`)
  const line = Buffer.allocUnsafe(PREFIX_BYTES + body.length + 1)
  line.write(`${hex8(body.length)} ${hex8(crc32(body))} `, 0, 'latin1')
  body.copy(line, PREFIX_BYTES)
  line[line.length - 1] = NEWLINE
  return line
}

/** What a stretch of a segment holds. */
export interface Decoded {
  readonly frames: readonly Frame[]
  /** Bytes that need not be looked at again; what follows them is the beginning of a line, or nothing. */
  readonly consumed: number
  /** Bytes inside `consumed` that belong to no whole line: damage in the middle of a segment. */
  readonly damaged: number
}

/**
 * The whole lines at the front of `bytes`. Stops before a line that is not whole yet. Damaged bytes that whole lines
 * follow are skipped and counted.
 */
export function decodeFrames(bytes: Buffer): Decoded {
  const frames: Frame[] = []
  let consumed = 0
  let damaged = 0
  while (consumed < bytes.length) {
    const line = decodeLine(bytes, consumed)
    if (line !== null) {
      frames.push(line.frame)
      consumed = line.end
      continue
    }
    const next = nextWholeLine(bytes, consumed)
    if (next === null) break
    damaged += next - consumed
    consumed = next
  }
  return { frames, consumed, damaged }
}

function decodeLine(bytes: Buffer, at: number): { readonly frame: Frame; readonly end: number } | null {
  const bodyAt = at + PREFIX_BYTES
  if (bodyAt > bytes.length) return null
  const prefix = bytes.toString('latin1', at, bodyAt)
  if (!PREFIX.test(prefix)) return null
  const length = Number.parseInt(prefix.slice(0, 8), 16)
  const end = bodyAt + length
  // The newline is for eyes and for finding the next line; length and checksum decide.
  if (length > MAX_BODY_BYTES || end >= bytes.length) return null
  const body = bytes.subarray(bodyAt, end)
  const space = body.indexOf(SPACE)
  if (space < 1 || crc32(body) !== Number.parseInt(prefix.slice(9, 17), 16)) return null
  return { frame: { kind: body.toString('latin1', 0, space), json: body.subarray(space + 1) }, end: end + 1 }
}

/** Where the next whole line begins after the damage at `at`, or null if none does in these bytes. */
function nextWholeLine(bytes: Buffer, at: number): number | null {
  for (let newline = bytes.indexOf(NEWLINE, at); newline !== -1; newline = bytes.indexOf(NEWLINE, newline + 1)) {
    if (decodeLine(bytes, newline + 1) !== null) return newline + 1
  }
  return null
}

const hex8 = (value: number): string => value.toString(16).padStart(8, '0')
