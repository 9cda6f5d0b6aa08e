/** Samples a second of `audio/pcm` against those of G.711: 24,000 / 8000. */
const FACTOR = 3
/** Taps for each of the three phases: 96 in all, which falls from 3.3 kHz to less than −50 dB at 4.1 kHz. */
const PHASE_TAPS = 32
const TAPS = FACTOR * PHASE_TAPS
/** Cut-off in cycles a sample at 24 kHz: 3700 Hz, just inside the telephone band's 4 kHz. */
const CUTOFF = 3700 / 24_000

/** Hamming-windowed sinc low-pass at 24 kHz with a gain of 1 at 0 Hz. */
const LOW_PASS: Float64Array = lowPass()

function lowPass(): Float64Array {
  const taps = Float64Array.from({ length: TAPS }, (_, i) => {
    const x = i - (TAPS - 1) / 2
    const window = 0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (TAPS - 1))
    return window * 2 * CUTOFF * sinc(2 * CUTOFF * x)
  })
  const sum = taps.reduce((total, tap) => total + tap, 0)
  return taps.map((tap) => tap / sum)
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

const clip = (sample: number): number => Math.max(-32_768, Math.min(32_767, Math.round(sample)))

/** 8 kHz speech as 24 kHz: three samples for each, whole utterances at a time. The filter delays by 2 ms. */
export function upsample(samples: Int16Array): Int16Array {
  const out = new Int16Array(samples.length * FACTOR)
  for (let i = 0; i < samples.length; i++) {
    for (let phase = 0; phase < FACTOR; phase++) {
      let sum = 0
      // Between the samples lie zeros, so only every third tap counts.
      for (let tap = 0; tap < PHASE_TAPS && tap <= i; tap++) {
        sum += (samples[i - tap] ?? 0) * (LOW_PASS[phase + tap * FACTOR] ?? 0)
      }
      out[i * FACTOR + phase] = clip(sum * FACTOR)
    }
  }
  return out
}

/** 24 kHz as 8 kHz, sample by sample, so that appends may be cut anywhere. */
export class Downsampler {
  readonly #history = new Float64Array(TAPS)
  #at = 0
  #phase = 0

  /** Takes one sample; every third gives one back, the others undefined. */
  push(sample: number): number | undefined {
    this.#history[this.#at] = sample
    this.#at = (this.#at + 1) % TAPS
    this.#phase = (this.#phase + 1) % FACTOR
    if (this.#phase !== 0) return undefined
    let sum = 0
    for (let tap = 0; tap < TAPS; tap++) sum += (this.#history[(this.#at + tap) % TAPS] ?? 0) * (LOW_PASS[tap] ?? 0)
    return clip(sum)
  }
}
