import { type ConfigProblem, formatProblem } from '../lib/config/problem.ts'
import type { Config } from '../lib/config/resolve.ts'
import type { EventDraft } from '../lib/observe/event.ts'
import { writeApiKey } from './api/api-key.ts'
import type { ApiKey } from './api/options.ts'

/** Parts of the config that are read at the start alone. */
const RESTART_PARTS = ['node', 'fleet', 'log', 'sip', 'media', 'store', 'http', 'dns'] as const

/** Another config is in force: what of it waits for a restart, and what its author should know. `started` is the one that the node has started with. */
export function reloadedEvent(started: Config, current: Config): EventDraft {
  const needsRestart = RESTART_PARTS.filter((part) => JSON.stringify(started[part]) !== JSON.stringify(current[part]))
  const notices = current.notices.map(formatProblem)
  return {
    event: 'config.reloaded',
    ...(needsRestart.length > 0 && { level: 'warn', needsRestart }),
    ...(notices.length > 0 && { notices }),
  }
}

/** The config that was read is of no use, and the one before stays in force. */
export const rejectedEvent = (problems: readonly ConfigProblem[]): EventDraft => ({
  event: 'config.rejected',
  level: 'error',
  problems: problems.map(formatProblem),
})

export const postgresOf = ({ store }: Config): string =>
  store.postgres.kind === 'embedded' ? 'embedded' : store.postgres.url

/** The keys of the config, or one that is made into the data folder for the commands on this machine. */
export async function apiKeys({ http, node }: Config): Promise<readonly ApiKey[]> {
  if (http.keys.length > 0) return http.keys
  return [{ name: 'local', key: await writeApiKey(node.dataDir), role: 'admin' }]
}
