import { setTimeout as delay } from 'node:timers/promises'
import type { Config, TenantConfig } from '../../lib/config/resolve.ts'
import { removalsOf } from '../../lib/store/retention.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { deedNoter } from './note-deed.ts'
import type { Store } from './store.ts'

export interface RetentionOptions {
  /** The config in force. */
  readonly config: () => {
    readonly store: Pick<Config['store'], 'retention'>
    readonly tenants: readonly Pick<TenantConfig, 'id' | 'retention'>[]
  }
  readonly store: Pick<Store, 'forgetting' | 'audit' | 'state'>
  readonly log: Log
}

/** How often what is too old is looked for. */
const SWEEP_MS = 3_600_000

/** Removes records and transcripts that were kept for as long as `retention` says, now and every hour; the audit has how many. */
export function startRetention({ config, store, log }: RetentionOptions, parts: Parts): void {
  const end = new AbortController()
  const note = deedNoter(store.audit, log)
  const sweep = async (): Promise<void> => {
    const { store: common, tenants } = config()
    const removals = removalsOf({ common: common.retention, tenants }, new Date())
    const removed = await store.forgetting.sweep(removals, end.signal)
    if (removed.records + removed.transcripts === 0) return
    note({ actor: 'system', action: 'records.expire', subject: 'calls', details: { ...removed } })
    log.log.info(removed, 'records and transcripts that were kept long enough are removed')
  }
  const run = async (): Promise<void> => {
    while (!end.signal.aborted) {
      // One that is away is told of by `store.degraded`.
      if (store.state().postgresAway === null)
        await sweep().catch((error: unknown) => log.log.warn({ err: error }, 'what is too old could not be removed'))
      await delay(SWEEP_MS, undefined, { signal: end.signal, ref: false }).catch(() => undefined)
    }
  }
  const running = run()
  parts.add('retention', async () => {
    end.abort()
    await running
  })
}
