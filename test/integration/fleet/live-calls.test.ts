import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { LiveCalls } from '../../../app/fleet/live-calls.ts'
import type { SharedStateChange } from '../../../app/fleet/shared-state.ts'
import { type LiveCall, liveCallKey } from '../../../lib/call/live-call.ts'
import { callId } from '../../../lib/core/ids.ts'
import { LIVE_CALL } from '../../helpers/live-call.ts'

/** A carrier of shared state that answers when it is told to. */
class SlowState {
  readonly values = new Map<string, unknown>()
  readonly waiting: (() => void)[] = []
  puts = 0
  failing = false
  slow = false
  #listener: (change: SharedStateChange) => void = () => undefined

  async put(key: string, value: unknown): Promise<void> {
    this.puts += 1
    await this.#answer()
    this.values.set(key, value)
  }

  async delete(key: string): Promise<void> {
    await this.#answer()
    this.values.delete(key)
  }

  onState(listener: (change: SharedStateChange) => void): () => void {
    this.#listener = listener
    return () => undefined
  }

  become(change: SharedStateChange): void {
    this.#listener(change)
  }

  async #answer(): Promise<void> {
    if (this.failing) throw new Error('no answer')
    if (this.slow) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}

const key = liveCallKey(LIVE_CALL.row.id)
const { id } = LIVE_CALL.row

describe("The entries of a node's live calls", () => {
  let shared: SlowState
  let errors: unknown[]
  let calls: LiveCalls

  beforeEach(() => {
    shared = new SlowState()
    errors = []
    calls = new LiveCalls({ shared, refreshMs: 3_600_000, onError: (error) => errors.push(error) })
  })

  afterEach(async () => {
    shared.slow = false
    for (const answer of shared.waiting.splice(0)) answer()
    await calls.close()
  })

  it('are put as the call is up, put again as it changes, and go with it', async () => {
    let entry: LiveCall | null = LIVE_CALL
    const kept = calls.keep(id, () => entry)
    await turn()
    assert.equal(shared.values.get(key), LIVE_CALL)
    entry = { ...LIVE_CALL, generation: 1 }
    kept.changed()
    await turn()
    assert.equal(shared.values.get(key), entry)
    kept.end()
    kept.end()
    kept.changed()
    await turn()
    assert.equal(shared.values.size, 0)
    assert.equal(calls.size, 0)
  })

  it('stay where another node has taken the call over', async () => {
    const kept = calls.keep(id, () => LIVE_CALL)
    await turn()
    kept.leave()
    shared.values.set(key, "the new owner's")
    kept.changed()
    shared.become({ state: 'up' })
    kept.end()
    await turn()
    assert.equal(shared.values.get(key), "the new owner's")
  })

  it('are not put where there is nothing that another node could use, and go where there is no longer', async () => {
    let entry: LiveCall | null = null
    const kept = calls.keep(id, () => entry)
    await turn()
    assert.equal(shared.puts, 0)
    entry = LIVE_CALL
    kept.changed()
    await turn()
    assert.equal(shared.values.size, 1)
    entry = null
    kept.changed()
    await turn()
    assert.equal(shared.values.size, 0)
  })

  it('are all put again when the shared state is back, and nothing is tried while it is away', async () => {
    calls.keep(id, () => LIVE_CALL)
    const other = callId('01J00000000000000000000001')
    calls.keep(other, () => LIVE_CALL)
    await turn()
    shared.become({ state: 'down', reason: 'a test' })
    shared.values.clear()
    calls.keep(callId('01J00000000000000000000002'), () => LIVE_CALL)
    await turn()
    assert.equal(shared.values.size, 0)
    shared.become({ state: 'up' })
    await turn()
    assert.equal(shared.values.size, 3)
  })

  it('cost a slow carrier one operation a call at a time, and the deletion comes last', async () => {
    shared.slow = true
    const kept = calls.keep(id, () => LIVE_CALL)
    for (let i = 0; i < 100; i++) kept.changed()
    kept.end()
    assert.equal(shared.waiting.length, 1)
    shared.slow = false
    for (const answer of shared.waiting.splice(0)) answer()
    await calls.close()
    assert.equal(shared.puts, 1)
    assert.equal(shared.values.size, 0)
  })

  it('are put a few at a time, however many there are', async () => {
    shared.slow = true
    for (let i = 0; i < 1_000; i++) calls.keep(callId(`call-${i}`), () => LIVE_CALL)
    assert.equal(shared.waiting.length, 16)
    shared.slow = false
    for (const answer of shared.waiting.splice(0)) answer()
    await calls.close()
    assert.equal(shared.values.size, 1_000)
  })

  it('tell of a carrier that fails, and are put at the next chance', async () => {
    shared.failing = true
    const kept = calls.keep(id, () => LIVE_CALL)
    await turn()
    assert.equal(errors.length, 1)
    shared.failing = false
    kept.changed()
    await turn()
    assert.equal(shared.values.size, 1)
  })
})
