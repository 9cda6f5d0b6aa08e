import { format } from 'node:util'
import type { Log } from './log.ts'

const METHODS = ['log', 'info', 'warn', 'error'] as const

/**
 * From now on what libraries write to the console goes to the log, as debug: drachtio-fsmrf and drachtio-modesl tell there, amid our
 * lines, what we notice and tell ourselves. Returns what puts the console back.
 */
export function takeLibraryConsole({ log }: Pick<Log, 'log'>): () => void {
  const before = METHODS.map((method) => [method, console[method]] as const)
  for (const method of METHODS) {
    console[method] = (...parts: unknown[]): void => log.debug({ library: 'console' }, format(...parts))
  }
  return () => {
    for (const [method, write] of before) console[method] = write
  }
}
