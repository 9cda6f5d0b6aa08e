import { parentPort, workerData } from 'node:worker_threads'
import type { Faults } from '../../../lib/agent/local/faults.ts'
import { AgentServer, type ServerOptions, type ServerReport } from './server.ts'

/** From `startLocalAgent` to its thread; each is answered by the same `id`. */
export type AgentOrder =
  | { readonly id: number; readonly kind: 'faults'; readonly faults: Faults }
  | { readonly id: number; readonly kind: 'report' }
  | { readonly id: number; readonly kind: 'close' }

/** From the thread. */
export type AgentNotice =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'done'; readonly id: number; readonly report?: ServerReport }

const port = parentPort
if (port === null) throw new Error('worker.ts runs as a worker thread only')
const options: ServerOptions = workerData

const tell = (notice: AgentNotice): void => port.postMessage(notice)

try {
  const server = await AgentServer.start(options)
  port.on('message', (order: AgentOrder) => void perform(server, order))
  tell({ kind: 'listening', port: server.port })
} catch (error) {
  tell({ kind: 'refused', message: error instanceof Error ? error.message : String(error) })
}

async function perform(server: AgentServer, order: AgentOrder): Promise<void> {
  if (order.kind === 'faults') server.setFaults(order.faults)
  if (order.kind === 'close') await server.close()
  tell({ kind: 'done', id: order.id, ...(order.kind === 'report' && { report: server.report() }) })
  if (order.kind === 'close') port?.close()
}
