import type { ProbeResult } from '../../lib/agent/backend-health.ts'
import { judgeRefusal } from '../../lib/agent/backend-outcome.ts'
import type { ServerEvent } from '../../lib/agent/protocol.ts'
import { codecSettings } from '../../lib/agent/session-config.ts'
import type { BackendSpec } from '../../lib/agent/spec.ts'
import { newAgentMeter } from './meter.ts'
import { RealtimeSocket, type SocketEnd } from './realtime-socket.ts'

/**
 * Whether a backend gives us a session: opens one as a call would, waits until the server says that it is there, and closes it. Nothing is
 * said in it. Never rejects.
 */
export async function probeSession(backend: BackendSpec, timeoutMs: number): Promise<ProbeResult> {
  let socket: RealtimeSocket | undefined
  let timer: NodeJS.Timeout | undefined
  const result = await new Promise<ProbeResult>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'missed', reason: `no session within ${timeoutMs} ms` }), timeoutMs)
    socket = new RealtimeSocket(
      backend,
      timeoutMs,
      {
        // Some servers say nothing before they are told something.
        onOpen: () => socket?.send({ type: 'session.update', event_id: 'probe', session: codecSettings('PCMU') }),
        onEvent: (event) => {
          const found = judgeEvent(event)
          if (found !== null) resolve(found)
        },
        onEnd: (end) => resolve(judgeEnd(end)),
      },
      newAgentMeter(),
    )
  })
  clearTimeout(timer)
  await socket?.close()
  return result
}

function judgeEvent(event: ServerEvent): ProbeResult | null {
  if (event.type === 'session.updated' || (event.type === 'other' && event.name === 'session.created')) {
    return { kind: 'good' }
  }
  if (event.type !== 'error') return null
  const { code, type, message } = event.error
  return toResult(code ?? type ?? 'error', message, null)
}

const judgeEnd = ({ code, status, retryAfterMs, message }: SocketEnd): ProbeResult =>
  toResult(status === undefined ? `ws-${code}` : `http-${status}`, message, retryAfterMs ?? null)

function toResult(code: string, message: string, retryAfterMs: number | null): ProbeResult {
  const outcome = judgeRefusal(code, true)
  if (outcome === 'account') return { kind: 'account', reason: `${code}: ${message}` }
  if (outcome === 'limited') return { kind: 'limited', retryAfterMs }
  return { kind: 'missed', reason: message }
}
