import { connect } from 'node:net'
import type { ProbeResult } from '../../lib/agent/backend-health.ts'
import type { BackendSpec } from '../../lib/agent/spec.ts'

/** Whether somebody takes a TCP connection at a backend: cheap, and it proves no more than that. Never rejects. */
export function probeConnection({ baseUrl }: Pick<BackendSpec, 'baseUrl'>, timeoutMs: number): Promise<ProbeResult> {
  const { host, port } = endpointOf(baseUrl)
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const done = (result: ProbeResult): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(result)
    }
    // A look-up that hangs is no idle socket: only a timer of our own ends it.
    const timer = setTimeout(() => done({ kind: 'missed', reason: `no connection within ${timeoutMs} ms` }), timeoutMs)
    socket.once('connect', () => done({ kind: 'good' }))
    socket.once('error', (error) => done({ kind: 'missed', reason: error.message }))
  })
}

function endpointOf(baseUrl: string): { readonly host: string; readonly port: number } {
  const { protocol, hostname, port } = new URL(baseUrl)
  const isPlain = protocol === 'ws:' || protocol === 'http:'
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (isPlain ? 80 : 443) : Number(port) }
}
