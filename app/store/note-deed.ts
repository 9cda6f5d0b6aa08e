import { withDeadline } from '../deadline.ts'
import type { Log } from '../observe/log.ts'
import type { Deed } from './audit.ts'
import type { Store } from './store.ts'

/** How long the disk may take to have a new call; one that takes nothing is PostgreSQL's and `store.degraded`'s to tell. */
const SYNC_MS = 1_000

/** Writes down in the audit what someone did, where that must not fail because it cannot be written down. */
export const deedNoter =
  (audit: Pick<Store['audit'], 'record'>, { log }: Log): ((deed: Deed) => void) =>
  (deed) => {
    audit.record(deed).catch((error: unknown) => log.error({ err: error, ...deed }, 'the audit lacks a deed'))
  }

/**
 * Notes that someone has had a call placed, and waits for the disk: who has heard its id finds its record, also where this process is killed
 * in the next moment.
 */
export async function notePlaced(
  note: (deed: Deed) => void,
  journal: Pick<Store['journal'], 'synced'>,
  { actor, call }: { readonly actor: string; readonly call: string },
): Promise<void> {
  note({ actor, action: 'call.place', subject: call, details: {} })
  await withDeadline(journal.synced(), SYNC_MS)
}
