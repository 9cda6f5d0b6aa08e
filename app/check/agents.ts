import { WebSocket } from 'ws'
import { parseServerEvent } from '../../lib/agent/protocol.ts'
import type { BackendConfig, Config } from '../../lib/config/resolve.ts'
import { explainNetworkError, type Finding, REACH_TIMEOUT_MS } from './finding.ts'

type RemoteBackend = Exclude<BackendConfig, { readonly kind: 'local' }>

/** Each backend of each agent: reached, and let in by its key, as a call would be. Nothing is said, so nothing is billed. */
export async function checkAgents({ agents }: Config): Promise<readonly Finding[]> {
  const checks = Object.entries(agents).flatMap(([name, { backends }]) =>
    backends.map((backend, i) => checkBackend(i === 0 ? name : `${name} (fallback ${i})`, backend)),
  )
  return Promise.all(checks)
}

async function checkBackend(name: string, backend: BackendConfig): Promise<Finding> {
  const base = { subject: 'agent', name: `${name}: ${backend.kind}` } as const
  if (backend.kind === 'local') return { ...base, status: 'ok', detail: 'starts with the node' }
  const refusal = await openRealtime(backend)
  const host = new URL(backend.baseUrl).host
  return refusal === null
    ? { ...base, status: 'ok', detail: `${host} lets us in, model ${backend.model}` }
    : { ...base, status: 'error', detail: `${host}: ${refusal}` }
}

/** How long a server that has let us in is listened to: a model or a quota that it refuses it tells of then. */
const SAID_WITHIN_MS = 1_000

/** Opens a realtime session and closes it again. Null where that went well, else why not. */
function openRealtime({ kind, baseUrl, model, apiKey }: RemoteBackend): Promise<string | null> {
  const url = `${baseUrl.replace(/^http/, 'ws')}/realtime?model=${encodeURIComponent(model)}`
  const headers: Record<string, string> =
    kind === 'azure' ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` }
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers: apiKey === '' ? {} : headers, handshakeTimeout: REACH_TIMEOUT_MS })
    let timer: NodeJS.Timeout | undefined
    const done = (refusal: string | null): void => {
      clearTimeout(timer)
      resolve(refusal)
      socket.terminate()
    }
    socket.once('open', () => {
      timer = setTimeout(() => done(null), SAID_WITHIN_MS)
    })
    socket.on('message', (data: Buffer) => {
      const event = parseServerEvent(data.toString('utf8'))
      if (!event.ok) return
      const { value } = event
      if (value.type === 'error') done(`refuses a session: ${value.error.code ?? value.error.type ?? 'error'}`)
      else if (value.type === 'other' && value.name === 'session.created') done(null)
    })
    socket.once('close', () => done('closes the session at once'))
    socket.once('unexpected-response', (_request, response) => done(explainStatus(response.statusCode ?? 0)))
    // Stays on: terminating a socket that is still connecting emits one more error.
    socket.on('error', (cause) => done(explainNetworkError(cause)))
  })
}

function explainStatus(status: number): string {
  if (status === 401 || status === 403) return `refuses the apiKey (HTTP ${status})`
  if (status === 404) return 'has no realtime endpoint or no such model there (HTTP 404); check url and model'
  if (status === 429) return 'refuses for now: rate or quota exceeded (HTTP 429)'
  return `answers HTTP ${status} where a WebSocket was asked for`
}
