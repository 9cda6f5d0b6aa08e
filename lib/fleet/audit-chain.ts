import { createHash } from 'node:crypto'
import { canonicalJson } from '../core/canonical-json.ts'

/** What someone did, as the audit keeps it. `details` are JSON values. */
export interface AuditEntry {
  /** 1, 2, 3 … without a gap. */
  readonly sequence: number
  /** ISO 8601, milliseconds, UTC; by the clock of Postgres. */
  readonly at: string
  /** The name of an API key, or `system`. */
  readonly actor: string
  /** What was done, as `trunk.override`. */
  readonly action: string
  /** What it was done to: the id of a trunk, call or node. */
  readonly subject: string
  readonly details: Readonly<Record<string, unknown>>
}

/** An entry with its place in the chain; hashes are SHA-256 in hex. */
export interface ChainedEntry extends AuditEntry {
  readonly previousHash: string
  readonly hash: string
}

/** What stands before the first entry. */
export const GENESIS_HASH = '0'.repeat(64)

/** The hash of an entry: it covers every field of it, and by the hash before it all that was done until then. */
export function auditHash(previousHash: string, entry: AuditEntry): string {
  const { sequence, at, actor, action, subject, details } = entry
  const text = canonicalJson([sequence, at, actor, action, subject, details])
  return createHash('sha256').update(Buffer.from(previousHash, 'hex')).update(text).digest('hex')
}

/**
 * The first entry, oldest first, that was changed, or before which one was left out or put in; null where the chain is
 * whole. Entries may begin anywhere in the chain: what came before the first is taken on trust.
 */
export function firstBroken(entries: readonly ChainedEntry[]): number | null {
  let before: ChainedEntry | null = null
  for (const entry of entries) {
    const follows =
      before === null
        ? entry.sequence > 1 || entry.previousHash === GENESIS_HASH
        : entry.previousHash === before.hash && entry.sequence === before.sequence + 1
    if (!follows || auditHash(entry.previousHash, entry) !== entry.hash) return entry.sequence
    before = entry
  }
  return null
}
