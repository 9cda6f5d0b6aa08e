import type { Config } from '../../lib/config/resolve.ts'
import { recordingKeptMs } from '../../lib/store/retention.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { Recordings } from './recordings.ts'

/** How often recordings that are too old are looked for. */
const SWEEP_MS = 3_600_000

/** Opens the recordings of a node, which all its processes write, and removes those that are older than `tenants[].recording.retention`, or than records of calls are kept, now and every hour. */
export async function startRecordings(
  config: () => Config,
  dataDir: string,
  { log }: Log,
  parts: Parts,
): Promise<Recordings> {
  const recordings = await Recordings.open(dataDir, config().store.keyWrap)
  const keptForMs = (tenant: string): number | null => {
    const { store, tenants } = config()
    const found = tenants.find(({ id }) => id === tenant)
    return recordingKeptMs(found?.recording.retentionMs ?? null, found?.retention ?? store.retention)
  }
  const sweep = (): void => {
    recordings.sweep(keptForMs, Date.now()).then(
      (removed) => removed > 0 && log.info({ removed }, 'recordings that were kept long enough are removed'),
      (error: unknown) => log.error({ err: error }, 'old recordings could not be removed'),
    )
  }
  sweep()
  const timer = setInterval(sweep, SWEEP_MS).unref()
  parts.add('recordings', () => clearInterval(timer))
  return recordings
}
