import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface ProcessFigures {
  readonly rssBytes: number
  /** User and system time since its start. */
  readonly cpuSeconds: number
}

const PAGE_BYTES = 4_096
const TICKS_PER_SECOND = 100

/** Memory and CPU of a node: its process, what it has started, and the PostgreSQL in its data folder (Linux). */
export function nodeFigures(pid: number, dataDir: string): ProcessFigures {
  const ours = processTree([pid, postmasterOf(dataDir)])
  let rssBytes = 0
  let cpuSeconds = 0
  for (const each of ours) {
    const stat = statOf(each)
    rssBytes += Number(stat?.[21] ?? 0) * PAGE_BYTES
    cpuSeconds += (Number(stat?.[11] ?? 0) + Number(stat?.[12] ?? 0)) / TICKS_PER_SECOND
  }
  return { rssBytes, cpuSeconds }
}

/** User and system time that the living of these processes, and what they have started, have taken so far (Linux). */
export function cpuSecondsOf(roots: readonly number[]): number {
  return processTree(roots)
    .map(statOf)
    .reduce((sum, stat) => sum + (Number(stat?.[11] ?? 0) + Number(stat?.[12] ?? 0)) / TICKS_PER_SECOND, 0)
}

/** The processes of these numbers and what they have started, and so on (Linux). */
export function processTree(roots: readonly number[]): readonly number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const ppid = /^\d+$/.test(name) ? Number(statOf(Number(name))?.[1]) : Number.NaN
    if (!Number.isNaN(ppid)) parents.set(Number(name), ppid)
  }
  return [...parents.keys()].filter((each) => {
    for (let at: number | undefined = each; at !== undefined && at > 1; at = parents.get(at))
      if (roots.includes(at)) return true
    return false
  })
}

/** The fields of /proc/PID/stat behind the name: 0 is the state, 1 the parent, 11 and 12 the CPU ticks, 21 the pages. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}

/** The PostgreSQL in a data folder; -1 where none runs. */
export function postmasterOf(dataDir: string): number {
  try {
    return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n', 1)[0])
  } catch {
    return -1
  }
}
