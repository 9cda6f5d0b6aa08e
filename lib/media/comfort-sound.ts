import { encodeG711, type G711Law, RATE_HZ } from './g711.ts'

/** Length of the sound, which begins again without a seam: every partial has whole periods in it. */
const SECONDS = 2
/** A soft fifth, in Hz. */
const PARTIALS = [330, 495] as const
/** Peak of all partials together, about -22 dB of full scale: plain to hear, and no louder than a voice. */
const PEAK = 2_600
/** It swells and ebbs once a second, and is never gone: a line without any sound is taken for a dead one. */
const LEAST = 0.45

/** What says "please hold on" to a caller whose agent is away: G.711 at 8000 Hz, to be played over and over. */
export const COMFORT_SOUND: Readonly<Record<G711Law, Uint8Array>> = {
  PCMU: encodeG711(sound(), 'PCMU'),
  PCMA: encodeG711(sound(), 'PCMA'),
}

function sound(): Int16Array {
  return Int16Array.from({ length: SECONDS * RATE_HZ }, (_, i) => {
    const t = i / RATE_HZ
    const swell = LEAST + (1 - LEAST) * 0.5 * (1 - Math.cos(2 * Math.PI * t))
    const tone = PARTIALS.reduce((sum, hz) => sum + Math.sin(2 * Math.PI * hz * t), 0) / PARTIALS.length
    return Math.round(PEAK * swell * tone)
  })
}
