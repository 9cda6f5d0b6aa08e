import type { BackendStanding } from './backend-place.ts'
import type { AgentSpec } from './spec.ts'

/** One go at a backend. */
export interface Try {
  /** Its place among the agent's backends. */
  readonly backend: number
  readonly afterMs: number
  /** How long it has to be open and configured. */
  readonly setupMs: number
}

/** In which order backends are tried, for a new call or after a loss. */
export interface Succession {
  readonly order: readonly number[]
  readonly tries: number
  /** Whether the order begins again at its end. */
  readonly again: boolean
  readonly endsAtMs: number
}

type Spec = Pick<AgentSpec, 'backends' | 'atFirst' | 'connectTimeoutMs' | 'reconnectForMs'>

/** How a backend stands now, by its id. */
export type Standing = (id: string) => BackendStanding

/** Pause before the second round, doubled with each further one. */
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2_000

/** A new call: each backend that it begins with once, in order; a caller who hears ringing is not to wait longer. */
export const atFirst = ({ backends, atFirst: count, connectTimeoutMs }: Spec, nowMs: number): Succession => ({
  order: backends.slice(0, count).map((_, i) => i),
  tries: 0,
  again: false,
  endsAtMs: nowMs + connectTimeoutMs,
})

/**
 * A loss in the middle of a call: the same backend at once, then the others, and round again for as long as it is worth it to keep the
 * caller on the line. Those that are known to be down come last, and those that an operator has taken out are not tried, unless there is
 * no other. `account`: the lost one refuses us for what will not pass by itself, and comes after its like.
 */
export function afterLoss(
  backend: number,
  account: boolean,
  { backends, reconnectForMs }: Spec,
  nowMs: number,
  standing: Standing,
): Succession {
  const from = account ? backend + 1 : backend
  const all = backends.map((_, i) => (from + i) % backends.length)
  const rank = (place: number): number => RANK[standing(backends[place]?.id ?? '')]
  const allowed = all.filter((place) => rank(place) < RANK.out)
  const order = (allowed.length > 0 ? allowed : all).toSorted((a, b) => rank(a) - rank(b))
  return { order, tries: 0, again: true, endsAtMs: nowMs + reconnectForMs }
}

const RANK = { active: 0, standby: 1, failed: 2, out: 3 } as const satisfies Record<BackendStanding, number>

/** The next go; null: all is tried, or the time is over. */
export function nextTry(
  succession: Succession,
  { connectTimeoutMs }: Spec,
  nowMs: number,
): { readonly succession: Succession; readonly next: Try | null } {
  const { order, tries, again, endsAtMs } = succession
  const backend = order[tries % order.length]
  const round = Math.floor(tries / order.length)
  if (backend === undefined || nowMs >= endsAtMs || (round > 0 && !again)) return { succession, next: null }
  const pauses = round > 0 && tries % order.length === 0
  const afterMs = pauses ? Math.min(FIRST_PAUSE_MS * 2 ** (round - 1), LONGEST_PAUSE_MS) : 0
  // An equal part of the time that is left for each backend that is left, so that one which hangs does not use it all up.
  const share = Math.max(1, Math.floor((endsAtMs - nowMs) / (order.length - tries)))
  return {
    succession: { ...succession, tries: tries + 1 },
    next: { backend, afterMs, setupMs: again ? connectTimeoutMs : share },
  }
}
