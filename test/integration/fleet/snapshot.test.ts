import assert from 'node:assert/strict'
import type { SharedState } from '../../../app/fleet/shared-state.ts'
import { FleetSnapshot } from '../../../app/fleet/snapshot.ts'

const SETTLE_MS = 6_000

/** A carrier in memory that can be emptied, also in the very moment in which it begins to list. */
class Carrier implements SharedState {
  readonly values = new Map<string, unknown>()
  forgetsAtNextList = false

  async put(key: string, value: unknown): Promise<void> {
    this.values.set(key, value)
  }

  async get(key: string): Promise<unknown> {
    return this.values.get(key)
  }

  async delete(key: string): Promise<void> {
    this.values.delete(key)
  }

  async list(prefix: string): Promise<ReadonlyMap<string, unknown>> {
    if (this.forgetsAtNextList) this.values.clear()
    this.forgetsAtNextList = false
    return new Map([...this.values].filter(([key]) => key.startsWith(prefix)))
  }

  async claim(): Promise<boolean> {
    return true
  }

  async release(): Promise<boolean> {
    return true
  }

  async publish(): Promise<void> {}

  async subscribe(): Promise<() => Promise<void>> {
    return async () => undefined
  }

  onState(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {}
}

describe('what a node knows of the fleet', () => {
  it('keeps what a carrier has forgotten in the moment in which it was read', async () => {
    const carrier = new Carrier()
    carrier.values.set('node:west-1', { id: 'west-1' })
    let nowMs = 0
    const intervalMs = 3_600_000
    const snapshot = new FleetSnapshot({
      shared: carrier,
      prefixes: ['node:'],
      intervalMs,
      settleMs: SETTLE_MS,
      nowMs: () => nowMs,
    })
    try {
      await snapshot.refresh()
      nowMs += SETTLE_MS
      await snapshot.refresh()
      assert.equal(snapshot.settled, true)

      let breaks = 0
      snapshot.onBroken(() => breaks++)
      carrier.forgetsAtNextList = true
      await snapshot.refresh()

      assert.equal(breaks, 1)
      assert.equal(snapshot.settled, false)
      assert.deepEqual([...snapshot.list('node:').keys()], ['node:west-1'])

      nowMs += SETTLE_MS
      await snapshot.refresh()
      assert.deepEqual([...snapshot.list('node:').keys()], [], 'who has not said so again by then is gone')
    } finally {
      await snapshot.close()
    }
  })
})
