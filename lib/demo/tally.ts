import { assertNever } from '../core/assert-never.ts'

/** What became of calls, by direction as Tandem sees it. */
export interface Counts {
  readonly placed: number
  readonly answered: number
  /** Reached by a 302. */
  readonly redirected: number
  /** Ended without an answer. */
  readonly lost: number
  /** Were up and fell silent, or were cut off with the carrier that they were placed at. */
  readonly dropped: number
}

export type CallDirection = 'inbound' | 'outbound'

/** The steady calls of a demo: those that are over, and by name those that are not. */
export interface Tally {
  readonly inbound: Counts
  readonly outbound: Counts
  readonly live: ReadonlyMap<string, LiveCall>
}

interface LiveCall {
  readonly direction: CallDirection
  readonly answered: boolean
}

/** What happens to a call; those of calls that nobody has placed here mean nothing. */
export type CallHappening =
  | { readonly kind: 'placed'; readonly call: string; readonly direction: CallDirection }
  | { readonly kind: 'redirected' | 'answered'; readonly call: string }
  /** The carrier of the caller is gone, and the call with it. */
  | { readonly kind: 'cut'; readonly call: string }
  /** `well`: somebody hung up. */
  | { readonly kind: 'ended'; readonly call: string; readonly well: boolean }

const NONE: Counts = { placed: 0, answered: 0, redirected: 0, lost: 0, dropped: 0 }

export const EMPTY_TALLY: Tally = { inbound: NONE, outbound: NONE, live: new Map() }

export function stepTally(tally: Tally, happening: CallHappening): Tally {
  const { kind, call } = happening
  if (kind === 'placed') {
    if (tally.live.has(call)) return tally
    const { direction } = happening
    return { ...count(tally, direction, 'placed'), live: new Map(tally.live).set(call, { direction, answered: false }) }
  }
  const before = tally.live.get(call)
  if (before === undefined) return tally
  const { direction, answered } = before
  switch (kind) {
    case 'redirected':
      return count(tally, direction, 'redirected')
    case 'answered':
      if (answered) return tally
      return {
        ...count(tally, direction, 'answered'),
        live: new Map(tally.live).set(call, { direction, answered: true }),
      }
    case 'cut':
      return count(without(tally, call), direction, 'dropped')
    case 'ended': {
      const over = without(tally, call)
      if (!answered) return count(over, direction, 'lost')
      return happening.well ? over : count(over, direction, 'dropped')
    }
    default:
      return assertNever(kind)
  }
}

function without(tally: Tally, call: string): Tally {
  const live = new Map(tally.live)
  live.delete(call)
  return { ...tally, live }
}

const count = (tally: Tally, direction: CallDirection, what: keyof Counts): Tally => ({
  ...tally,
  [direction]: { ...tally[direction], [what]: tally[direction][what] + 1 },
})

/** Calls under way, one direction or both. */
export const liveCalls = (tally: Tally, direction: CallDirection): number =>
  [...tally.live.values()].filter((call) => call.direction === direction).length
