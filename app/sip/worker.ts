import { parentPort, workerData } from 'node:worker_threads'
import { parseListenAddress } from '../../lib/sip/listen-address.ts'
import { handlerFault } from '../../lib/sip/request-handler.ts'
import { MIN_SESSION_S } from '../../lib/sip/session-timer.ts'
import { RFC_3261_TIMING } from '../../lib/sip/transaction/timing.ts'
import type { SipServerOptions } from './server-options.ts'
import { SipStack } from './sip-stack.ts'
import type { FromWorker, ToWorker } from './worker-protocol.ts'

/** The SIP server's thread. It starts at once and reports `ready` or `failed`; all else is asked of it by messages. */

const port = parentPort
if (port === null) throw new Error('the SIP server worker was started outside of a worker thread')

const post = (message: FromWorker): void => port.postMessage(message)

async function run(options: SipServerOptions): Promise<void> {
  const listen = options.listen.map((text) => {
    const address = parseListenAddress(text)
    if (!address.ok) throw new Error(address.error)
    return address.value
  })
  const handlers = options.requestHandlers ?? []
  for (const handler of handlers) {
    const fault = handlerFault(handler)
    if (fault !== undefined) throw new Error(fault)
  }
  const started = await SipStack.start({
    listen,
    tls: options.tls,
    advertise: options.advertise,
    secret: options.secret,
    adminHost: options.adminHost ?? '127.0.0.1',
    adminPort: options.adminPort ?? 0,
    adminTls: options.adminTls,
    userAgent: options.userAgent,
    outbound: { handlers, ca: options.outboundCa },
    minSessionS: options.minSessionS ?? MIN_SESSION_S,
    timing: { ...RFC_3261_TIMING, ...options.timers, timerDMs: 64 * (options.timers?.t1Ms ?? RFC_3261_TIMING.t1Ms) },
    trace: options.trace === true ? (batch) => post({ kind: 'trace', batch }) : undefined,
  })
  if (!started.ok) {
    post({ kind: 'failed', code: started.error.code, message: started.error.message })
    port?.close()
    return
  }
  const { stack, adminPort, adminTlsPort } = started.value
  stack.gate.set({ allowAll: options.allowAll ?? false, sources: [], unknown: options.unknown ?? 'drop' })
  port?.on('message', (message: ToWorker) => void onMessage(stack, message))
  post({ kind: 'ready', adminPort, adminTlsPort, hostports: stack.hostports() })
}

async function onMessage(stack: SipStack, message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'access':
      stack.gate.set(message.snapshot)
      break
    case 'guest':
      stack.gate.judgeGuest(message.address, message.verdict)
      break
    case 'line':
      stack.line.set(message.state)
      break
    case 'tls':
      stack.renewTls(message.material)
      break
    case 'counters':
      post({ kind: 'counters', id: message.id, counters: stack.counters() })
      break
    case 'close':
      await stack.close()
      port?.close()
      break
    default:
      message satisfies never
  }
}

run(workerData).catch((cause: unknown) => {
  post({ kind: 'failed', code: 'failed', message: cause instanceof Error ? cause.message : String(cause) })
  port?.close()
})
