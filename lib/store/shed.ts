import type { Entry, Worth } from './entry.ts'

/** What is left of a queue that grew too long, and how many entries of each worth went. */
export interface Shed {
  readonly kept: Entry[]
  readonly dropped: number
}

/** UTF-16 units of all entries: what the bound of the queue counts. */
export const sizeOf = (entries: readonly Entry[]): number =>
  entries.reduce((total, entry) => total + entry.json.length, 0)

/**
 * Drops until at most `maxLength` UTF-16 units are left: the least worthy first, and the oldest of equals. So debug
 * events go before SIP messages, those before events, then turns and attempts, and calls last.
 */
export function shed(entries: readonly Entry[], maxLength: number): Shed {
  let excess = sizeOf(entries) - maxLength
  const gone = new Set<Entry>()
  for (const worth of [0, 1, 2, 3, 4] satisfies Worth[]) {
    for (const entry of entries) {
      if (excess <= 0) return { kept: entries.filter((e) => !gone.has(e)), dropped: gone.size }
      if (entry.worth !== worth) continue
      gone.add(entry)
      excess -= entry.json.length
    }
  }
  return { kept: entries.filter((e) => !gone.has(e)), dropped: gone.size }
}
