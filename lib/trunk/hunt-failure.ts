import type { AttemptEnd, Verdict } from './attempt-verdict.ts'

/** Why a hunt came to nothing. */
export interface HuntFailure {
  /**
   * What the caller of a B2BUA is told. Never a 503: it would take us out of service for all calls (RFC 3261 §16.7); 500 says that
   * this one failed.
   */
  readonly status: number
  /** How the deciding attempt ended; null where there was no trunk to try. */
  readonly end: AttemptEnd | null
  readonly verdict: Verdict | null
}

const FAILED = 500

/** What is about the callee or the request is passed on; what is about a trunk or us is 500, so that the caller's hunt can go on. */
function upstreamStatus(end: AttemptEnd | null, verdict: Verdict | null): number {
  if (end?.kind === 'cancelled') return 487
  if (end?.kind === 'ringTimeout') return 480
  if (end?.kind !== 'response' || end.status < 400) return FAILED
  return verdict?.blame === 'trunk' || verdict?.blame === 'account' || end.status === 503 ? FAILED : end.status
}

/** The failure that the last attempt of a hunt makes of it. */
export const failureOf = (end: AttemptEnd | null, verdict: Verdict | null): HuntFailure => ({
  status: upstreamStatus(end, verdict),
  end,
  verdict,
})
