/** Zero crossings of the sinc on either side, at the lower of the two rates: −60 dB and better with the window below. */
const ZERO_CROSSINGS = 16
/** The pass band ends at this part of the lower Nyquist frequency, so that the filter's slope fits below it. */
const PASS_BAND = 0.94

/**
 * Resamples mono audio by a windowed sinc: band-limited to the lower of the two rates, so that nothing folds back. The
 * whole signal is taken at once. Output length is the input's, scaled and rounded up. Equal rates return the input.
 */
export function resample(input: Int16Array, fromHz: number, toHz: number): Int16Array {
  if (fromHz === toHz) return input
  const ratio = toHz / fromHz
  const kernels = kernelsOf(fromHz, toHz)
  const output = new Int16Array(Math.ceil(input.length * ratio))
  for (let i = 0; i < output.length; i++) {
    const { first, weights } = kernels[i % kernels.length] ?? NO_KERNEL
    // The kernel of a phase is made for its first output sample; later ones lie whole input samples further on.
    const start = first + Math.floor(i / kernels.length) * ((kernels.length * fromHz) / toHz)
    let sum = 0
    let used = 0
    for (let k = 0; k < weights.length; k++) {
      const sample = input[start + k]
      if (sample === undefined) continue
      const weight = weights[k] ?? 0
      sum += weight * sample
      used += weight
    }
    // Dividing by the weights keeps DC exact, at the edges of the signal too.
    output[i] = used === 0 ? 0 : Math.max(-32768, Math.min(32767, Math.round(sum / used)))
  }
  return output
}

/** The weights of the input samples from index `first` on. */
interface Kernel {
  readonly first: number
  readonly weights: Float64Array
}

const NO_KERNEL: Kernel = { first: 0, weights: new Float64Array() }

/** Where output samples fall between input samples repeats: one kernel for each of these phases. */
function kernelsOf(fromHz: number, toHz: number): readonly Kernel[] {
  const ratio = toHz / fromHz
  const cutoff = Math.min(1, ratio) * PASS_BAND
  const reach = ZERO_CROSSINGS / Math.min(1, ratio)
  return Array.from({ length: toHz / greatestCommonDivisor(fromHz, toHz) }, (_, phase) => {
    const center = phase / ratio
    const first = Math.ceil(center - reach)
    const length = Math.floor(center + reach) - first + 1
    const weights = Float64Array.from({ length }, (_, k) => {
      const distance = first + k - center
      return sinc(distance * cutoff) * hann(distance / reach)
    })
    return { first, weights }
  })
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/** The Hann window over −1 … 1. */
const hann = (x: number): number => 0.5 + 0.5 * Math.cos(Math.PI * x)
