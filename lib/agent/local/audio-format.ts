import { encodeG711, type G711Law, MULAW_TO_LINEAR, RATE_HZ, toLinearTable } from '../../media/g711.ts'
import { Downsampler, upsample } from './resample.ts'
import type { AudioFormat } from './session-config.ts'

/** Bytes of one millisecond: 8 of G.711, 48 of PCM at 24 kHz. */
export const bytesPerMs = (format: AudioFormat): number => (format.type === 'audio/pcm' ? 48 : RATE_HZ / 1000)

const law = (type: 'audio/pcmu' | 'audio/pcma'): G711Law => (type === 'audio/pcmu' ? 'PCMU' : 'PCMA')

/** What speech was turned into already, for as long as the speech itself is remembered. */
const encoded = new WeakMap<Int16Array, Map<AudioFormat['type'], Uint8Array>>()

/** Speech of 8000 Hz in the bytes of a format: the same bytes for the same samples, so neither may be written into. */
export function encode(samples: Int16Array, format: AudioFormat): Uint8Array {
  const known = encoded.get(samples) ?? new Map<AudioFormat['type'], Uint8Array>()
  encoded.set(samples, known)
  const bytes = known.get(format.type) ?? encodeAnew(samples, format)
  known.set(format.type, bytes)
  return bytes
}

function encodeAnew(samples: Int16Array, format: AudioFormat): Uint8Array {
  if (format.type !== 'audio/pcm') return encodeG711(samples, law(format.type))
  const wide = upsample(samples)
  const bytes = new Uint8Array(wide.length * 2)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < wide.length; i++) view.setInt16(i * 2, wide[i] ?? 0, true)
  return bytes
}

/** Turns appended bytes into samples of 8000 Hz, wherever the appends were cut. */
export class Decoder {
  readonly #table: Int16Array
  readonly #downsampler: Downsampler | undefined
  /** The low byte of a sample whose high byte has not come yet. */
  #low: number | undefined

  constructor(format: AudioFormat) {
    this.#table = format.type === 'audio/pcm' ? MULAW_TO_LINEAR : toLinearTable(law(format.type))
    this.#downsampler = format.type === 'audio/pcm' ? new Downsampler() : undefined
  }

  /** Takes one byte; gives a sample where one is complete. */
  push(byte: number): number | undefined {
    if (this.#downsampler === undefined) return this.#table[byte]
    if (this.#low === undefined) {
      this.#low = byte
      return undefined
    }
    const sample = (((byte << 8) | this.#low) << 16) >> 16
    this.#low = undefined
    return this.#downsampler.push(sample)
  }
}

/** The quietest sound of G.711 that is not silence, as some backends send before the first word. */
const NEAR_SILENCE = 8

/** `ms` of near-silence: what a trimmer must recognise although no byte says silence. */
export const nearSilence = (ms: number): Int16Array =>
  Int16Array.from({ length: ms * (RATE_HZ / 1000) }, (_, i) => (i % 2 === 0 ? NEAR_SILENCE : -NEAR_SILENCE))
