import { randomBytes } from 'node:crypto'
import type { BackendSpec } from '../../lib/agent/spec.ts'
import type { Log } from '../observe/log.ts'
import { Supervised } from '../supervised.ts'
import { type LocalAgent, startLocalAgent } from './local/local-agent.ts'

export interface SupervisedLocalAgent {
  /** Where it is reached; stays the same when it is started anew. */
  readonly backend: BackendSpec
  close(): Promise<void>
}

const RETRY_MS = 1_000

/** Where the config says nothing else. */
const RENEW_BEFORE_MS = 600_000

/** The local agent of a node, with a key that only this process knows. Should its thread die, it comes back at the same port. */
export async function superviseLocalAgent({ log }: Log): Promise<SupervisedLocalAgent> {
  const apiKey = randomBytes(32).toString('base64url')
  let port = 0
  let baseUrl = ''
  const agent = await Supervised.start<LocalAgent>({
    start: async (onLost) => {
      const started = await startLocalAgent({ apiKey, port, onLost })
      port = started.port
      baseUrl = started.baseUrl
      return started
    },
    onLost: (error) => log.error({ err: error }, 'the local agent was lost and is started anew'),
    retryMs: RETRY_MS,
  })
  const backend = {
    id: 'local',
    kind: 'local',
    baseUrl,
    model: 'tandem-local',
    apiKey,
    renewBeforeMs: RENEW_BEFORE_MS,
  } as const
  return { backend, close: () => agent.close() }
}
