import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { TandemProcess } from './tandem-process.ts'
import { until } from './until.ts'

const PAGE_BYTES = 4_096
/** Timers J, H and L of RFC 3261 and RFC 6026 keep a transaction for 64·T1, 32 s; an unanswered BYE takes as long again. */
const TRANSACTIONS_END_WITHIN_MS = 75_000

/** What a process holds (Linux). */
export interface Footprint {
  readonly rssBytes: number
  /** Open file descriptors, and those among them that are UDP or TCP sockets in use by it. */
  readonly fds: number
  readonly sockets: number
}

export function footprintOf({ pid }: TandemProcess): Footprint {
  const fds = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
  const [, residentPages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')
  return {
    rssBytes: Number(residentPages) * PAGE_BYTES,
    fds: fds.length,
    sockets: fds.filter((target) => target.startsWith('socket:')).length,
  }
}

/** A descriptor may be closed between two looks. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Gauges that are 0 where nobody calls, and counters of the SIP server that say how full its tables are. */
const GAUGES = ['tandem_active_calls', 'tandem_media_legs', 'tandem_event_readers']
const TABLES = ['serverTransactions', 'clientTransactions', 'dialogs', 'pendingRequests', 'outgoingRequests']

/** What of the node's tables is not empty, as `name value`. */
export async function residueOf(node: TandemProcess): Promise<readonly string[]> {
  const metrics = await node.metrics()
  const read = (pattern: RegExp): number => Number(pattern.exec(metrics)?.[1] ?? Number.NaN)
  return [
    ...GAUGES.map((name) => [name, read(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm'))] as const),
    ...TABLES.map(
      (name) => [name, read(new RegExp(`^tandem_sip_server\\{[^}]*counter="${name}"[^}]*\\} (\\S+)$`, 'm'))] as const,
    ),
  ].flatMap(([name, value]) => (value === 0 ? [] : [`${name} ${value}`]))
}

/** Waits until nobody calls, every RTP port is given back and the SIP server's tables are empty. */
export async function emptied(node: TandemProcess): Promise<void> {
  let residue: readonly string[] = []
  try {
    await until(
      async () => {
        residue = await residueOf(node)
        return residue.length === 0
      },
      'the tables to be empty',
      TRANSACTIONS_END_WITHIN_MS,
    )
  } catch (error) {
    throw new Error(`left: ${residue.join(', ')}`, { cause: error })
  }
}
