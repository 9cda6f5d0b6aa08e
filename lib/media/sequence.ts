/**
 * Signed distance from RTP sequence number `from` to `to`, −32768 … 32767.
 * Both are uint16 and wrap at 65535 → 0 (RFC 3550 §5.1), so plain `<` is always wrong.
 */
export const seqDelta = (from: number, to: number): number => ((to - from) << 16) >> 16

/** Signed distance in clock ticks from RTP timestamp `from` to `to`; both are uint32 and wrap (RFC 3550 §5.1). */
export const timestampDelta = (from: number, to: number): number => (to - from) | 0

/**
 * The unwrapped form of a wrapped uint16: the number nearest to `previousUnwrapped` that is congruent to `seq`.
 * May be negative for packets from before the first one.
 */
export const unwrapSeq = (previousUnwrapped: number, seq: number): number =>
  previousUnwrapped + seqDelta(previousUnwrapped & 0xffff, seq)

/** The same for a uint32 timestamp. Safe integers hold 2^21 wraps of it: 35 thousand years at 8000 Hz. */
export const unwrapTimestamp = (previousUnwrapped: number, timestamp: number): number =>
  previousUnwrapped + timestampDelta(previousUnwrapped, timestamp)
