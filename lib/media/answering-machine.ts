import { FRAME_MS } from './g711.ts'

export type AnsweredBy = 'human' | 'machine' | 'unknown'

/** What was heard of whoever has answered. All of it in milliseconds. */
export interface Greeting {
  /** Since the call was answered. */
  readonly heardMs: number
  /** From the beginning of the greeting on, pauses in it included; 0: it has not begun. */
  readonly spokenMs: number
  /** Audible without a pause, up to now. */
  readonly burstMs: number
  /** Since the last audible frame of the greeting. */
  readonly pauseMs: number
}

export const NO_GREETING: Greeting = { heardMs: 0, spokenMs: 0, burstMs: 0, pauseMs: 0 }

/** A shorter sound is a click of the line, not a word. */
const WORD_MS = 100
/** People say hello and wait; a machine goes on after a breath. */
const WAITS_MS = 800
/** Nobody answers the telephone with a longer sentence than this. Our policy, as the other two. */
const LONGEST_HELLO_MS = 2_400
/** Whoever has said nothing until now is not known. */
const SILENT_MS = 6_000

/**
 * Hears one more frame of 20 ms, or says who has answered: a short greeting and then a pause is a human, one that goes on is a machine, nothing at
 * all is not known. A guess: music, a noisy street, or a person who tells their company's name at length is taken for a machine.
 */
export function hearGreeting(greeting: Greeting, isAudible: boolean): Greeting | AnsweredBy {
  const heardMs = greeting.heardMs + FRAME_MS
  const burstMs = isAudible ? greeting.burstMs + FRAME_MS : 0
  const hasBegun = greeting.spokenMs > 0 || burstMs >= WORD_MS
  if (!hasBegun) return heardMs >= SILENT_MS ? 'unknown' : { heardMs, spokenMs: 0, burstMs, pauseMs: 0 }
  const spokenMs = greeting.spokenMs === 0 ? burstMs : greeting.spokenMs + FRAME_MS
  // A click does not end a pause.
  const pauseMs = burstMs >= WORD_MS ? 0 : greeting.pauseMs + FRAME_MS
  if (pauseMs >= WAITS_MS) return 'human'
  if (spokenMs - pauseMs > LONGEST_HELLO_MS) return 'machine'
  return { heardMs, spokenMs, burstMs, pauseMs }
}
