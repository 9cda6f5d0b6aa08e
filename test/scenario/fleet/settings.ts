/** A node's figures, by default or as app/ has them. */
export const BEAT_MS = 1_000
export const LEASE = { leaseMs: 3_000, retryMs: 1_000, verifyEveryMs: 30_000 }
export const TAKEOVER = { leaseMs: 3_000, settleMs: 6_000, ownerProbes: 2, probeEveryMs: 1_000 }
export const WRITE_MS = 200
export const PROBE_MS = 1_000
export const POLICY = { windowMs: 900_000, resumeOn: 'fault' } as const
/** How often a node looks for calls that are its own on record and that it does not have. */
export const SWEEP_MS = 5_000
