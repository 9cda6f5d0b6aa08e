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
  const cutoff = Math.min(1, ratio) * PASS_BAND
  const reach = ZERO_CROSSINGS / Math.min(1, ratio)
  const output = new Int16Array(Math.ceil(input.length * ratio))
  for (let i = 0; i < output.length; i++) {
    const center = i / ratio
    const first = Math.max(0, Math.ceil(center - reach))
    const last = Math.min(input.length - 1, Math.floor(center + reach))
    let sum = 0
    let weights = 0
    for (let k = first; k <= last; k++) {
      const distance = k - center
      const weight = sinc(distance * cutoff) * hann(distance / reach)
      sum += weight * (input[k] ?? 0)
      weights += weight
    }
    // Dividing by the weights keeps DC exact, at the edges of the signal too.
    output[i] = weights === 0 ? 0 : Math.max(-32768, Math.min(32767, Math.round(sum / weights)))
  }
  return output
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/** The Hann window over −1 … 1. */
const hann = (x: number): number => 0.5 + 0.5 * Math.cos(Math.PI * x)
