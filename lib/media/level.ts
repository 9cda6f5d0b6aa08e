import { type G711Law, toLinearTable } from './g711.ts'

/** At and above this level a frame counts as audible; line noise and comfort noise of carriers lie below. Our policy. */
const AUDIBLE_DBOV = -50

/** Full scale of 16-bit samples: 0 dBov is a square wave that just does not clip (RFC 6464 §3). */
const OVERLOAD = 32768

/** The RMS level of a frame of G.711 in dBov: 0 is overload, −127 is the floor and digital silence. */
export function levelDbov(frame: Uint8Array, law: G711Law): number {
  const linear = toLinearTable(law)
  let energy = 0
  for (let i = 0; i < frame.length; i++) {
    const sample = linear[frame[i] ?? 0] ?? 0
    energy += sample * sample
  }
  if (energy === 0) return -127
  return Math.max(-127, 10 * Math.log10(energy / frame.length / (OVERLOAD * OVERLOAD)))
}

export const isAudible = (frame: Uint8Array, law: G711Law): boolean => levelDbov(frame, law) >= AUDIBLE_DBOV
