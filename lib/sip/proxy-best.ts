/** How one destination of a proxied request ended. */
export interface Outcome {
  readonly branch: number
  /** 300 … 699; 408 and 503 also stand for silence and for a destination that cannot be reached (RFC 3261 §16.7, §16.9). */
  readonly status: number
  /** A response came; otherwise the status is our reading of its absence. */
  readonly received: boolean
}

/** What goes upstream: a response that came, one of our own, or nothing. */
export type Choice =
  | { readonly kind: 'received'; readonly branch: number }
  | { readonly kind: 'own'; readonly status: number }
  | { readonly kind: 'none' }

/** Failures that tell the caller how to do better (RFC 3261 §16.7 item 6). */
const HELPFUL: ReadonlySet<number> = new Set([401, 407, 415, 420, 484])

/** Lower is better: 6xx above all, then by class, helpful before others, received before supposed. */
function rank({ status, received }: Outcome): number {
  const group = status >= 600 ? 0 : Math.floor(status / 100)
  return group * 4 + (HELPFUL.has(status) ? 0 : 2) + (received ? 0 : 1)
}

/**
 * The best final response of those that are no 2xx (RFC 3261 §16.7 item 6); of equals, the first. A 503 is about a server behind us and
 * would make the caller avoid us, so it goes up as 500. To other requests than INVITE nobody answers 408 (RFC 4320 §4.1).
 *
 * @param cancelled the caller has given up: it is told 487 whatever came
 */
export function chooseBest(outcomes: readonly Outcome[], invite: boolean, cancelled: boolean): Choice {
  if (cancelled) {
    const terminated = outcomes.find(({ status, received }) => status === 487 && received)
    return terminated === undefined ? { kind: 'own', status: 487 } : { kind: 'received', branch: terminated.branch }
  }
  let best: Outcome | undefined
  for (const outcome of outcomes) if (best === undefined || rank(outcome) < rank(best)) best = outcome
  const status = best?.status ?? 408
  if (status === 408 && !invite) return { kind: 'none' }
  if (status === 503) return { kind: 'own', status: 500 }
  return best?.received === true ? { kind: 'received', branch: best.branch } : { kind: 'own', status }
}
