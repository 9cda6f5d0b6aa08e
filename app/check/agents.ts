import { WebSocket } from 'ws'
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

/** Opens the realtime socket and closes it again. Null where that went well, else why not. */
function openRealtime({ kind, baseUrl, model, apiKey }: RemoteBackend): Promise<string | null> {
  const url = `${baseUrl.replace(/^http/, 'ws')}/realtime?model=${encodeURIComponent(model)}`
  const headers: Record<string, string> =
    kind === 'azure' ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` }
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers: apiKey === '' ? {} : headers, handshakeTimeout: REACH_TIMEOUT_MS })
    const done = (refusal: string | null): void => {
      resolve(refusal)
      socket.terminate()
    }
    socket.once('open', () => done(null))
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
