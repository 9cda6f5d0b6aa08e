import { classifyError } from './server-error.ts'

/**
 * What one session of a call says of its backend.
 * - `fine`: the agent was heard, or did something.
 * - `unreachable`: it never came up, for nobody answered in time.
 * - `fault`: the server refused it, failed, stood still, or dropped it before anything came of it.
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
  /** The pause that a server asked for which limits our rate; null: it named none. */
  readonly retryAfterMs: number | null
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

/**
 * Of a session that was lost after it had been up. `wasWell`: the agent was heard in it, or did something; a socket that is dropped after
 * that says nothing of the server, as networks do that too, to many calls at once.
 */
export function judgeLoss(code: string, wasWell: boolean): BackendOutcome {
  const kind = classifyError({ code })
  if (kind === 'account' || kind === 'limited') return kind
  if (kind === 'expired') return 'nothing'
  const isDropped = code.startsWith('ws-') || code === 'no-connection'
  return isDropped && wasWell ? 'nothing' : 'fault'
}
