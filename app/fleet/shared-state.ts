/**
 * State that all nodes share and that may be lost without harm: heartbeats, live calls, who can be resumed. Redis or
 * Postgres carries it; both pass the same contract suite. Keys are `kind:id`; every value has an end (TTL).
 */
export interface SharedState {
  /** Sets or replaces; the value is gone after `ttlMs` unless set again. */
  put(key: string, value: unknown, ttlMs: number): Promise<void>
  get(key: string): Promise<unknown>
  delete(key: string): Promise<void>
  /** All live entries whose key starts with `prefix`, by key. */
  list(prefix: string): Promise<ReadonlyMap<string, unknown>>
  /**
   * Takes a place that one holder has at a time, or keeps it for `ttlMs` more; false: another one has it. Holders are told apart by
   * name, which nobody uses twice. A carrier that fails over may forget a claim: what hangs on it must bear two holders.
   */
  claim(key: string, holder: string, ttlMs: number): Promise<boolean>
  /** Gives a place back; false: it was not the holder's any more. Who comes late thus frees nobody else's. */
  release(key: string, holder: string): Promise<boolean>
  /** A doorbell, not a queue: reaches who listens now, at most 7,000 bytes of JSON. */
  publish(channel: string, message: unknown): Promise<void>
  subscribe(channel: string, listener: (message: unknown) => void): Promise<Unsubscribe>
  /**
   * Hears of every change from now on; returns the way to stop hearing. While it is `down` rings may be missed, and by the
   * time it is `up` all subscriptions are heard again: what a ring stands for is to be read anew then.
   */
  onState(listener: (change: SharedStateChange) => void): () => void
  close(): Promise<void>
}

export type Unsubscribe = () => Promise<void>

export type SharedStateChange =
  | { readonly state: 'up' }
  /** `reason` is for people. */
  | { readonly state: 'down'; readonly reason: string }
