import { classifyError } from './server-error.ts'

/**
 * What one session of a call says of its backend.
 * - `fine`: the agent was heard, or did something.
 * - `unreachable`: it never came up, for nobody answered in time.
 * - `fault`: the server refused it, failed, stood still, or dropped it soon.
 * - `limited`: too much was asked for in too short a time.
 * - `account`: key, quota or model; the server works, but not for us.
 * - `nothing`: no evidence either way, such as a caller who hung up first.
 */
export type BackendOutcome = 'fine' | 'unreachable' | 'fault' | 'limited' | 'account' | 'nothing'

/** What is told of a session once it can be judged. */
export interface BackendReport {
  /** `BackendSpec.id`. */
  readonly backend: string
  readonly outcome: BackendOutcome
  /** Why, in words; empty where it went well. */
  readonly reason: string
  /** From the first packet of its socket to now. */
  readonly tookMs: number
  /** It was the canary. */
  readonly canary: boolean
}

/** Of a session that never came up, by the code of its end; `refused`: somebody answered. */
export function judgeRefusal(code: string, refused: boolean): BackendOutcome {
  const kind = classifyError({ code })
  if (kind === 'account' || kind === 'limited') return kind
  return refused ? 'fault' : 'unreachable'
}

/** A session that was dropped without a word after this time says nothing of the server: networks do that too. */
const YOUNG_MS = 10_000

/** Of a session that was lost after it had been up for so long. */
export function judgeLoss(code: string, upMs: number): BackendOutcome {
  const kind = classifyError({ code })
  if (kind === 'account' || kind === 'limited') return kind
  if (kind === 'expired') return 'nothing'
  return code.startsWith('ws-') || code === 'no-connection' ? (upMs < YOUNG_MS ? 'fault' : 'nothing') : 'fault'
}
