/** The two laws of ITU-T G.711, by their RTP names (RFC 3551 §4.5.14). 8000 Hz, one byte a sample. */
export type G711Law = 'PCMU' | 'PCMA'

/** Samples a second of every codec here. */
export const RATE_HZ = 8000
/** The frame of this project: 20 ms, 160 samples, 160 bytes of G.711. */
export const FRAME_MS = 20
export const FRAME_SAMPLES = 160
export const SAMPLES_PER_MS = RATE_HZ / 1000

/** The byte of each law that stands for no signal: +0 of µ-law, +0 of A-law with its even bits inverted. */
export const SILENCE: Readonly<Record<G711Law, number>> = { PCMU: 0xff, PCMA: 0xd5 }

/** Added to the magnitude before the segment is sought, so that every segment begins at a power of two (33 at 14 bits). */
const MULAW_BIAS = 33 << 2
/** The largest magnitude that µ-law can say, at 16 bits. */
const MULAW_CLIP = 0x7fff - MULAW_BIAS

/** µ-law byte → 16-bit linear sample (G.711 Table 2, scaled from 14 to 16 bits). */
export const MULAW_TO_LINEAR: Int16Array = Int16Array.from({ length: 256 }, (_, code) => expandMulaw(code))
/** A-law byte → 16-bit linear sample (G.711 Table 1, scaled from 13 to 16 bits). */
export const ALAW_TO_LINEAR: Int16Array = Int16Array.from({ length: 256 }, (_, code) => expandAlaw(code))

/** µ-law byte → A-law byte, through the linear value. */
export const MULAW_TO_ALAW: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => linearToAlaw(expandMulaw(code)))
/** A-law byte → µ-law byte, through the linear value. */
export const ALAW_TO_MULAW: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => linearToMulaw(expandAlaw(code)))

export const toLinearTable = (law: G711Law): Int16Array => (law === 'PCMU' ? MULAW_TO_LINEAR : ALAW_TO_LINEAR)

/** The table that turns bytes of one law into the other; null where both are the same. */
export function transcodingTable(from: G711Law, to: G711Law): Uint8Array | null {
  if (from === to) return null
  return from === 'PCMU' ? MULAW_TO_ALAW : ALAW_TO_MULAW
}

/** Replaces each byte of `bytes` by its entry in a transcoding table, in place. */
export function transcode(bytes: Uint8Array, table: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = table[bytes[i] ?? 0] ?? 0
}

/** Encodes 16-bit samples; the result has one byte a sample. */
export function encodeG711(samples: Int16Array, law: G711Law): Uint8Array {
  const encode = law === 'PCMU' ? linearToMulaw : linearToAlaw
  const bytes = new Uint8Array(samples.length)
  // `Uint8Array.from` goes through an iterator, ten times as long.
  for (let i = 0; i < samples.length; i++) bytes[i] = encode(samples[i] ?? 0)
  return bytes
}

/** Decodes into `samples`, which must be as long as `bytes`. */
export function decodeG711(bytes: Uint8Array, law: G711Law, samples: Int16Array): void {
  const table = toLinearTable(law)
  for (let i = 0; i < bytes.length; i++) samples[i] = table[bytes[i] ?? 0] ?? 0
}

/** 16-bit linear sample → µ-law byte (G.711 Table 2). */
export function linearToMulaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(sample < 0 ? -sample : sample, MULAW_CLIP) + MULAW_BIAS
  const segment = 24 - Math.clz32(magnitude) // the bias puts the leading one at bit 7 … 14
  const interval = (magnitude >> (segment + 3)) & 0x0f
  return ~(sign | (segment << 4) | interval) & 0xff
}

/** 16-bit linear sample → A-law byte (G.711 Table 1), even bits inverted as on the wire. */
export function linearToAlaw(sample: number): number {
  const sign = sample < 0 ? 0 : 0x80
  // −1 … mirrors to 0 …, as A-law has no zero of its own: the decision value 0 parts the signs.
  const magnitude = Math.min(sample < 0 ? ~sample : sample, 0x7fff) >> 4
  const segment = magnitude < 16 ? 0 : 28 - Math.clz32(magnitude)
  const interval = (segment === 0 ? magnitude : magnitude >> (segment - 1)) & 0x0f
  return (sign | (segment << 4) | interval) ^ 0x55
}

function expandMulaw(code: number): number {
  const bits = ~code & 0xff
  const magnitude = ((((bits & 0x0f) << 3) + MULAW_BIAS) << ((bits >> 4) & 0x07)) - MULAW_BIAS
  return (bits & 0x80) !== 0 ? -magnitude : magnitude
}

function expandAlaw(code: number): number {
  const bits = code ^ 0x55
  const segment = (bits >> 4) & 0x07
  const interval = ((bits & 0x0f) << 4) + 8 // the middle of the quantisation interval
  const magnitude = segment === 0 ? interval : (interval + 0x100) << (segment - 1)
  return (bits & 0x80) !== 0 ? magnitude : -magnitude
}
