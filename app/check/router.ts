import type { Config } from '../../lib/config/resolve.ts'
import { readRouter } from '../route/read-router.ts'
import { RouterHost } from '../route/router-host.ts'
import type { Finding } from './finding.ts'

/** Whether the router can be loaded, in a process of its own as a node would; a node starts without one that cannot, so it is no less an error here. */
export async function checkRouter({ router }: Pick<Config, 'router'>): Promise<readonly Finding[]> {
  if (router === null) return []
  const read = await readRouter(router)
  const loaded = read.ok ? await RouterHost.load(read.value, { onLine: () => undefined }) : read
  if (loaded.ok) await loaded.value.close()
  const base = { subject: 'router', name: router } as const
  return [loaded.ok ? { ...base, status: 'ok', detail: 'loaded' } : { ...base, status: 'error', detail: loaded.error }]
}
