import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 10_000
const POLL_MS = 50

/** Waits until something outside of this process is so; there is no event to wait for. */
export async function until(isSo: () => Promise<boolean>, what: string, patienceMs = PATIENCE_MS): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${patienceMs} ms for ${what}`)
    await delay(POLL_MS)
  }
}
