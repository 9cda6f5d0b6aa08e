import type { TrunkConfig } from '../config/resolve.ts'

export type CallsConfig = TrunkConfig['calls']

/**
 * Outcomes of the last minute, in at most 61 slices of a second, however many calls there are. A slice ends as a whole,
 * so an outcome may be forgotten up to a sixtieth of the window early.
 */
export type CallsWindow = readonly Slice[]

/** Counts of one slice. `noProgress` stands apart: it counts only once enough numbers have seen it. */
export interface Slice {
  readonly startedAtMs: number
  /** Attempts that count, and the faults among them, both without `noProgress`. */
  readonly attempts: number
  readonly faults: number
  /** Distinct numbers of the faults, no more than are needed. */
  readonly faultNumbers: readonly string[]
  readonly noProgress: number
  readonly noProgressNumbers: readonly string[]
}

export interface Tally {
  readonly attempts: number
  readonly faults: number
  /** Distinct dialled numbers of the faults, counted no further than needed. */
  readonly faultNumbers: number
}

const SLICES = 60

export type CountedOutcome = 'fine' | 'fault' | 'noProgress'

/** The window with one more outcome, and without what is too old. */
export function countOutcome(
  window: CallsWindow,
  outcome: CountedOutcome,
  number: string,
  nowMs: number,
  config: CallsConfig,
): CallsWindow {
  const recent = window.filter(({ startedAtMs }) => nowMs - startedAtMs < config.windowMs)
  const last = recent.at(-1)
  const fits = last !== undefined && nowMs - last.startedAtMs < config.windowMs / SLICES
  const slice = fits ? last : emptySlice(nowMs)
  const counted = add(slice, outcome, number, config.minNumbers)
  return fits ? [...recent.slice(0, -1), counted] : [...recent, counted]
}

/** The sum of what is not too old. */
export function tally(window: CallsWindow, nowMs: number, config: CallsConfig): Tally {
  const recent = window.filter(({ startedAtMs }) => nowMs - startedAtMs < config.windowMs)
  const sum = (of: (slice: Slice) => number): number => recent.reduce((total, slice) => total + of(slice), 0)
  const stalled = new Set(recent.flatMap(({ noProgressNumbers }) => noProgressNumbers))
  const faulty = new Set(recent.flatMap(({ faultNumbers }) => faultNumbers))
  const base = { attempts: sum(({ attempts }) => attempts), faults: sum(({ faults }) => faults) }
  if (stalled.size < config.minNumbers) return { ...base, faultNumbers: faulty.size }
  const noProgress = sum((slice) => slice.noProgress)
  return {
    attempts: base.attempts + noProgress,
    faults: base.faults + noProgress,
    faultNumbers: new Set([...faulty, ...stalled]).size,
  }
}

/** `numbers` with one more, as long as no more than `most` are held. */
export function withNumber(numbers: readonly string[], number: string, most: number): readonly string[] {
  return numbers.length >= most || numbers.includes(number) ? numbers : [...numbers, number]
}

const emptySlice = (startedAtMs: number): Slice => ({
  startedAtMs,
  attempts: 0,
  faults: 0,
  faultNumbers: [],
  noProgress: 0,
  noProgressNumbers: [],
})

function add(slice: Slice, outcome: CountedOutcome, number: string, most: number): Slice {
  switch (outcome) {
    case 'fine':
      return { ...slice, attempts: slice.attempts + 1 }
    case 'fault':
      return {
        ...slice,
        attempts: slice.attempts + 1,
        faults: slice.faults + 1,
        faultNumbers: withNumber(slice.faultNumbers, number, most),
      }
    case 'noProgress':
      return {
        ...slice,
        noProgress: slice.noProgress + 1,
        noProgressNumbers: withNumber(slice.noProgressNumbers, number, most),
      }
  }
}
