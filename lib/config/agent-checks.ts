import { isLoopback } from './addresses.ts'
import { type Complaint, conflict } from './problem.ts'
import { backendKey, backendUrl, type Environment } from './resolve.ts'
import type { ParsedConfig } from './schema.ts'

type ParsedAgent = ParsedConfig['agents'][string]
type ParsedBackend = ParsedAgent | ParsedAgent['fallback'][number]

const RTP_FRAME_MS = 20
/** More than this and the agent hears the caller too late to be interrupted in time. */
const MAX_BATCH_MS = 200

/** Every backend of every agent has what it needs to be reached, and tools have names of their own. */
export function checkAgents({ agents }: ParsedConfig, env: Environment): Complaint[] {
  return Object.entries(agents).flatMap(([name, agent]) => {
    const at = ['agents', name]
    const complaints = [
      ...checkBackend(agent, at, env),
      ...agent.fallback.flatMap((backend, i) => checkBackend(backend, [...at, 'fallback', i], env)),
    ]
    if (agent.batchMs % RTP_FRAME_MS !== 0 || agent.batchMs === 0 || agent.batchMs > MAX_BATCH_MS) {
      complaints.push(conflict([...at, 'batch'], `must be a multiple of ${RTP_FRAME_MS}ms, at most ${MAX_BATCH_MS}ms`))
    }
    const names = agent.tools.map((tool) => tool.name)
    names.forEach((tool, i) => {
      if (names.indexOf(tool) < i)
        complaints.push(conflict([...at, 'tools', i, 'name'], `there is a tool "${tool}" already`))
    })
    return complaints
  })
}

function checkBackend(parsed: ParsedBackend, at: readonly PropertyKey[], env: Environment): Complaint[] {
  const { backend, url } = parsed
  if (backend === 'local')
    return url === null
      ? []
      : [conflict([...at, 'url'], 'the local agent has no url; for a server of your own say backend: custom')]
  const complaints: Complaint[] = []
  const place = backendUrl(parsed, env)
  if (place === '') {
    complaints.push(conflict(at, `backend ${backend} needs url, the realtime endpoint ending in /realtime`))
  } else if (url === null && !isSafeUrl(place)) {
    const message =
      'OPENAI_BASE_URL must be a wss:// or https:// URL (ws:// and http:// only to a loopback host, as the API key goes with it)'
    complaints.push(conflict([...at, 'backend'], message))
  }
  if (backend !== 'custom' && backendKey(parsed, env) === '') {
    const where = backend === 'openai' ? 'apiKey, or OPENAI_API_KEY in the environment' : 'apiKey'
    complaints.push(conflict(at, `backend ${backend} needs ${where}`))
  }
  return complaints
}

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  const plain = (protocol === 'ws:' || protocol === 'http:') && isLoopback(hostname)
  return plain || protocol === 'wss:' || protocol === 'https:'
}
