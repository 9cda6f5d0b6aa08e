import type { TrunkState } from '../trunk/state.ts'
import type { BackendVerdict } from './backend-health.ts'

/** What an operator has said of a backend of an agent, or of all of them. */
export interface BackendWord {
  readonly state: TrunkState
  readonly reason: string
}

/**
 * What calls of an agent go by, for one of its backends: the operator's word, else the evidence. Agents that share a server share its
 * evidence, and each has its own word.
 *
 * @param before what was gone by until now; null: it is new
 */
export function judgePlace(
  before: BackendVerdict | null,
  evidence: BackendVerdict,
  word: BackendWord | null,
  nowMs: number,
): BackendVerdict {
  const said = word === null ? evidence : { ...word, channel: 'operator' as const }
  const { state, channel } = said
  const reason = word === null && isLifted(before, evidence) ? 'override lifted' : said.reason
  const sinceAtMs = before === null ? evidence.sinceAtMs : state === before.state ? before.sinceAtMs : nowMs
  return { state, reason, channel: reason === said.reason ? channel : 'operator', sinceAtMs }
}

/** Nothing has changed in the evidence: it was the operator who had been against it. */
const isLifted = (before: BackendVerdict | null, { state }: BackendVerdict): boolean =>
  before?.channel === 'operator' && state === 'active'

/** What a loss in the middle of a call goes by: `out` is one that an operator has failed, and is never tried. */
export type BackendStanding = TrunkState | 'out'

export const standingOf = ({ state, channel }: BackendVerdict): BackendStanding =>
  state === 'failed' && channel === 'operator' ? 'out' : state

/** One backend of an agent, as a call that is about to begin sees it. */
export interface BackendCandidate<T> {
  readonly backend: T
  readonly standing: BackendStanding
  /** Out only because it limits our rate. */
  readonly limited: boolean
  /** It may be tried with this call as its canary. */
  readonly tryDue: boolean
  /** A call would come to nothing there, as far as is known. */
  readonly out: boolean
}

/** In which order a call has its backends: `atFirst` of them while it begins, all of them after a loss. */
export interface BackendOrder<T> {
  readonly backends: readonly T[]
  readonly atFirst: number
  readonly canary: boolean
}

/**
 * The backends of a new call: one whose canary is due, so that it comes back; the active ones, in the agent's order; those that limit our
 * rate, then those on standby. One that failed is passed over as long as there is any other, so that it costs a new call nothing, and is
 * left for a loss later on; where all have failed the least bad is tried first. One that an operator has failed is not among them: none at all where that is each of them.
 */
export function orderBackends<T>(candidates: readonly BackendCandidate<T>[]): BackendOrder<T> {
  const canary = candidates.find(({ standing, tryDue }) => standing === 'failed' && tryDue)
  const of = (wanted: (candidate: BackendCandidate<T>) => boolean): readonly BackendCandidate<T>[] =>
    candidates.filter((candidate) => candidate !== canary && wanted(candidate))
  const usable = [
    ...of(({ standing }) => standing === 'active'),
    ...of(({ standing, limited }) => standing === 'standby' && limited),
    ...of(({ standing, limited }) => standing === 'standby' && !limited),
  ]
  const failed = of(({ standing }) => standing === 'failed').toSorted((a, b) => Number(a.out) - Number(b.out))
  const first = canary === undefined ? usable : [canary, ...usable]
  return {
    backends: [...first, ...failed].map(({ backend }) => backend),
    atFirst: first.length > 0 ? first.length : failed.length,
    // Where it is the only one, it is tried anyway; its outcome counts all the same.
    canary: canary !== undefined,
  }
}
