import type { Timing, TransactionStep } from '../../../../lib/sip/transaction/timing.ts'

/** A machine as the players of this folder see it. */
export interface Machine<S, I extends string, E extends string> {
  readonly start: TransactionStep<S, E>
  readonly step: (state: S, input: I, nowMs: number, timing: Timing) => TransactionStep<S, E>
  /** The input that a deadline is. */
  readonly wake: I
  readonly deadlineMs: (state: S) => number | undefined
  readonly timing: Timing
}

export interface Effect<E> {
  readonly atMs: number
  readonly effect: E
}

/** An input at a moment of virtual time. */
export type Cue<I> = readonly [atMs: number, input: I]

/** More wake-ups than any exchange needs: a machine that asks for more is looping. */
const MAX_WAKES = 200

/**
 * Plays inputs to a machine in virtual time and wakes it at every deadline it asks for, until it asks for none or
 * `untilMs` has come. Returns the last state and all effects with their moments.
 */
export function play<S, I extends string, E extends string>(
  machine: Machine<S, I, E>,
  cues: readonly Cue<I>[],
  untilMs = 1_000_000,
): { state: S; effects: Effect<E>[]; endedAtMs: number } {
  const effects: Effect<E>[] = machine.start.effects.map((effect) => ({ atMs: 0, effect }))
  const queue = [...cues].sort((a, b) => a[0] - b[0])
  let state = machine.start.state
  let nowMs = 0
  for (let wakes = 0; wakes < MAX_WAKES; wakes++) {
    const deadlineMs = machine.deadlineMs(state) ?? Number.POSITIVE_INFINITY
    const cue = queue[0]
    const cueAtMs = cue?.[0] ?? Number.POSITIVE_INFINITY
    const next = Math.min(deadlineMs, cueAtMs)
    if (next > untilMs) return { state, effects, endedAtMs: nowMs }
    nowMs = next
    const due = cue !== undefined && cueAtMs <= deadlineMs
    if (due) queue.shift()
    const input = due ? cue[1] : machine.wake
    const step = machine.step(state, input, nowMs, machine.timing)
    state = step.state
    for (const effect of step.effects) effects.push({ atMs: nowMs, effect })
  }
  throw new Error(`still waking after ${MAX_WAKES} wake-ups, at ${nowMs} ms: ${JSON.stringify(state)}`)
}

/** The moments of one effect. */
export const times = <E>(effects: readonly Effect<E>[], effect: E): number[] =>
  effects.filter((e) => e.effect === effect).map((e) => e.atMs)

/** All effects in order, as one text. */
export const script = <E extends string>(effects: readonly Effect<E>[]): string =>
  effects.map((e) => e.effect).join(' ')
