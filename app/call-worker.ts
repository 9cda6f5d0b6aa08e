import { type RunningNode, startNode } from './node.ts'
import { createLog, type Log } from './observe/log.ts'
import type { FromCallWorker, ToCallWorker } from './worker-messages.ts'

/** A process that handles a part of a node's calls. The node tells it what to do, and it ends with the node. */

const post = (message: FromCallWorker): void => {
  if (process.connected) process.send?.(message)
}

let log: Log | null = null
let running: RunningNode | null = null
const stop = new AbortController()

async function onMessage(message: ToCallWorker): Promise<void> {
  switch (message.kind) {
    case 'start': {
      const { config, node } = message
      log = createLog({ level: config.log.level })
      const judgeGuest = node.hasServer
        ? (address: string, verdict: 'proven' | 'wrong') => post({ kind: 'guest', address, verdict })
        : null
      running = await startNode({
        config,
        log,
        signal: stop.signal,
        onProgress: () => undefined,
        workerOf: { ...node, judgeGuest },
      })
      post({ kind: 'ready' })
      break
    }
    case 'reload':
      running?.reload({ ok: true, value: message.config })
      break
    case 'order':
      post({
        kind: 'obeyed',
        ask: message.ask,
        outcome: running?.obey(message.call, message.order) ?? { kind: 'absent' },
      })
      break
    case 'doubt':
      running?.doubt()
      break
    case 'drain':
      await running?.drain()
      post({ kind: 'drained' })
      break
    case 'close':
      await end()
      break
    default:
      message satisfies never
  }
}

async function end(): Promise<void> {
  stop.abort()
  await running?.close()
  await log?.close()
  process.exit()
}

const fail = (error: unknown): void => {
  post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  process.exitCode = 1
  if (process.connected) process.disconnect()
}

// Ctrl-C and SIGTERM of a process group reach all of it: the node stops its workers in order.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
process.on('disconnect', () => void end())
process.on('message', (message: ToCallWorker) => void onMessage(message).catch(fail))
