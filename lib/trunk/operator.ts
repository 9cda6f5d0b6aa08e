import type { TrunkState } from './state.ts'

/** What an operator decided on a trunk: wins over all evidence, and no evidence clears it. */
export interface Override {
  readonly state: TrunkState
  readonly actor: string
  readonly reason: string
  /** Null: until it is taken back. */
  readonly expiresAtMs: number | null
}

/** An override as it is given; its end is a duration, since no two nodes share a clock. */
export interface OverrideOrder {
  readonly state: TrunkState
  /** Who gave it, for the audit. */
  readonly actor: string
  readonly reason: string
  /** How long it holds from now; null: until it is taken back. */
  readonly forMs: number | null
}

export const placeOverride = ({ state, actor, reason, forMs }: OverrideOrder, nowMs: number): Override | null =>
  forMs !== null && forMs <= 0 ? null : { state, actor, reason, expiresAtMs: forMs === null ? null : nowMs + forMs }

export const hasExpired = ({ expiresAtMs }: Override, nowMs: number): boolean =>
  expiresAtMs !== null && expiresAtMs <= nowMs
