/** What every transaction machine is told about time and its transport. Milliseconds throughout (RFC 3261 table 4). */
export interface Timing {
  /** Round-trip estimate. */
  readonly t1Ms: number
  /** The longest interval between retransmissions of a non-INVITE request or an INVITE response. */
  readonly t2Ms: number
  /** The longest time a message stays in the network. */
  readonly t4Ms: number
  /** Timer C: how long an INVITE may stay without a final response once it had a provisional one (RFC 3261 §16.6). */
  readonly timerCMs: number
  /** Timer D over UDP: how long repeated final responses of an INVITE are ACKed. */
  readonly timerDMs: number
  /** TCP and TLS deliver by themselves: nothing is retransmitted and nothing lingers. */
  readonly reliable: boolean
}

/** The values RFC 3261 recommends, over UDP. Timer C is "larger than 3 minutes" there. */
export const RFC_3261_TIMING: Timing = {
  t1Ms: 500,
  t2Ms: 4000,
  t4Ms: 5000,
  timerCMs: 181_000,
  timerDMs: 32_000,
  reliable: false,
}

/** 64*T1, the length of timers B, F, H, J, L and M: how long an exchange may take before it has failed. */
export const exchangeMs = (timing: Timing): number => 64 * timing.t1Ms

/** A machine's next state and its effects; the driver holds the messages that the effects speak of. */
export interface TransactionStep<S, E extends string> {
  readonly state: S
  readonly effects: readonly E[]
}

/** Shared by all machines so that an input which changes nothing allocates nothing. */
export const NO_EFFECTS: readonly never[] = []

/** The earlier of two deadlines, either of which may be absent. */
export function earliest(a: number | undefined, b: number): number {
  return a === undefined ? b : Math.min(a, b)
}
