import { readFile, rename, writeFile } from 'node:fs/promises'
import * as z from 'zod'
import { MANAGED_KINDS, type ManagedEntry } from '../../lib/config/managed.ts'

/** An entry as it is kept: its secrets are sealed. */
export interface StoredEntry extends ManagedEntry {
  /** Another one after every change, never one that any entry had before. */
  readonly version: number
  /** ISO 8601. */
  readonly updatedAt: string
  readonly updatedBy: string
}

const snapshot = z.array(
  z.object({
    kind: z.enum(MANAGED_KINDS),
    name: z.string(),
    body: z.unknown(),
    version: z.int(),
    updatedAt: z.string(),
    updatedBy: z.string(),
  }),
)

/** The entries that were known last, as a file of this node has them; null where there is none. Rejects where it cannot be read. */
export async function readSnapshot(file: string): Promise<readonly StoredEntry[] | null> {
  try {
    return snapshot.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Puts them in place of those of before, whole or not at all; no others on the machine may read them. */
export async function writeSnapshot(file: string, entries: readonly StoredEntry[]): Promise<void> {
  const fresh = `${file}.new`
  await writeFile(fresh, JSON.stringify(entries), { mode: 0o600 })
  await rename(fresh, file)
}
