/** How an attempt to reach somebody may end so that another one makes sense. */
export const RETRY_REASONS = ['busy', 'no-answer', 'machine', 'failed', 'lost'] as const

export type RetryReason = (typeof RETRY_REASONS)[number]

/** How often, and for how long, somebody is called who was not reached. */
export interface RetryPolicy {
  /** Calls in all, the first one included. */
  readonly attempts: number
  /** From the end of the first attempt to the second. */
  readonly afterMs: number
  /** Each further wait is so many times the one before. */
  readonly factor: number
  readonly on: readonly RetryReason[]
  /** Nobody is called later than this after the errand was given. */
  readonly withinMs: number
}

const DAY_MS = 86_400_000

/** Bounds of what clients may ask for. */
export const RETRY_LIMITS = { attempts: 10, afterMs: DAY_MS, factor: 10, withinMs: 7 * DAY_MS } as const

/** What is not said otherwise. `lost` is not among the reasons: that telephone may have rung. */
export const RETRY_DEFAULTS: RetryPolicy = {
  attempts: 3,
  afterMs: 300_000,
  factor: 1,
  on: ['busy', 'no-answer', 'failed'],
  withinMs: DAY_MS,
}

/** One call and no more. */
export const ONE_ATTEMPT: RetryPolicy = { ...RETRY_DEFAULTS, attempts: 1, on: [] }

/** A wait is up to this part shorter or longer, so that a list that was busy together is not called together again. */
const JITTER = 0.1

/**
 * How long to wait after the attempt with number `made` (from 1), at most a day.
 *
 * @param random from 0 up to 1
 */
export function retryWaitMs({ afterMs, factor }: RetryPolicy, made: number, random: number): number {
  const plain = Math.min(afterMs * factor ** (made - 1), RETRY_LIMITS.afterMs)
  return Math.round(plain * (1 + JITTER * (2 * random - 1)))
}
