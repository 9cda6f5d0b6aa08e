import { RESERVED_TOOLS } from '../tool/names.ts'
import { resultSchemaProblem, schemaProblem } from '../tool/schema.ts'
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
export function checkAgents({ agents, media }: ParsedConfig, env: Environment): Complaint[] {
  return Object.entries(agents).flatMap(([name, agent]) => {
    const at = ['agents', name]
    const complaints = [
      ...checkBackend(agent, at, env),
      ...agent.fallback.flatMap((backend, i) => checkBackend(backend, [...at, 'fallback', i], env)),
    ]
    if (agent.batchMs % RTP_FRAME_MS !== 0 || agent.batchMs === 0 || agent.batchMs > MAX_BATCH_MS) {
      complaints.push(conflict([...at, 'batch'], `must be a multiple of ${RTP_FRAME_MS}ms, at most ${MAX_BATCH_MS}ms`))
    }
    if (Object.keys(agent.transfers).length > 0 && media.engine.kind === 'freeswitch') {
      const message = 'needs media.engine embedded: calls that FreeSWITCH carries cannot be transferred in this version'
      complaints.push(conflict([...at, 'transfers'], message))
    }
    return [...complaints, ...checkMcp(agent, at), ...checkTools(agent.tools, [...at, 'tools'])]
  })
}

function checkMcp({ mcp, backend, fallback }: ParsedAgent, at: readonly PropertyKey[]): Complaint[] {
  const labels = mcp.map(({ label }) => label)
  const complaints = labels.flatMap((label, i) =>
    labels.indexOf(label) < i
      ? [conflict([...at, 'mcp', i, 'label'], `there is an MCP server "${label}" already`)]
      : [],
  )
  const isSpoken = [backend, ...fallback.map((next) => next.backend)].includes('openai')
  if (labels.length === 0 || isSpoken) return complaints
  return [
    ...complaints,
    conflict([...at, 'mcp'], 'needs a backend of kind openai, which calls these servers by itself'),
  ]
}

function checkTools(tools: ParsedAgent['tools'], at: readonly PropertyKey[]): Complaint[] {
  const names = tools.map((tool) => tool.name)
  return tools.flatMap(({ name, parameters, result }, i) => {
    const complaints: Complaint[] = []
    const complain = (key: string, message: string): void => void complaints.push(conflict([...at, i, key], message))
    if (names.indexOf(name) < i) complain('name', `there is a tool "${name}" already`)
    if (RESERVED_TOOLS.includes(name)) complain('name', `"${name}" is a tool of Tandem's own: choose another name`)
    const problem = schemaProblem(parameters)
    if (problem !== null) complain('parameters', `must be ${problem}`)
    const ofResult = result === null ? null : resultSchemaProblem(result)
    if (ofResult !== null) complain('result', `must be ${ofResult}`)
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
