import assert from 'node:assert/strict'
import { callId } from '../../../lib/core/ids.ts'
import { type LeaseConfig, type LeaseInput, type LeaseState, startLease, stepLease } from '../../../lib/fleet/lease.ts'

const AMONG_OTHERS: LeaseConfig = {
  leaseMs: 3_000,
  retryMs: 1_000,
  verifyEveryMs: Number.POSITIVE_INFINITY,
  isAlone: false,
}
const ALONE: LeaseConfig = { ...AMONG_OTHERS, isAlone: true }
const CALL = callId('01CALL')

/** An owner whose heartbeats, ticks and answers of PostgreSQL the test gives. */
class Owner {
  state: LeaseState = startLease(0)
  nowMs = 0
  readonly config: LeaseConfig

  constructor(config = AMONG_OTHERS) {
    this.config = config
  }

  /** What the input brings about, as words. */
  on(input: LeaseInput): string {
    const { state, effects } = stepLease(this.state, input, this.nowMs, this.config)
    this.state = state
    return effects.map((effect) => (effect.kind === 'verify' ? `verify ${effect.round}` : effect.kind)).join(', ')
  }

  /** Ticks, and heartbeats that take 10 ms, for so long. */
  run(forMs: number, { renews }: { readonly renews: boolean }): string {
    const words: string[] = []
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; ) {
      this.nowMs += 250
      words.push(this.on({ kind: 'tick' }))
      if (renews && this.nowMs % 1_000 === 0) words.push(this.renew())
    }
    return words.filter((word) => word !== '').join(', ')
  }

  renew(tookMs = 10): string {
    const sentAtMs = this.nowMs
    this.nowMs += tookMs
    const words = this.on({ kind: 'renewed', sentAtMs })
    this.nowMs -= tookMs
    return words
  }
}

describe('the lease of a node on its calls', () => {
  it('holds as long as heartbeats reach the shared state', () => {
    const owner = new Owner()
    assert.equal(owner.run(60_000, { renews: true }), '')
    assert.equal(owner.state.kind, 'held')
  })

  it('goes on while the shared state is away, and verifies in silence when it is back', () => {
    const owner = new Owner()
    owner.run(10_000, { renews: true })
    assert.equal(owner.run(600_000, { renews: false }), '')
    assert.equal(owner.renew(), 'mute, verify 1')
    assert.equal(owner.on({ kind: 'verified', round: 1, lost: [] }), 'unmute')
    assert.equal(owner.run(10_000, { renews: true }), '')
  })

  it('goes on where heartbeats fail for less than a lease', () => {
    const owner = new Owner()
    owner.run(10_000, { renews: true })
    owner.run(1_000, { renews: false })
    assert.equal(owner.run(10_000, { renews: true }), '')
  })

  it('falls silent at the first sign of life after the process was stopped, before any heartbeat', () => {
    const owner = new Owner()
    owner.run(10_000, { renews: true })
    owner.nowMs += 10_000
    assert.equal(owner.on({ kind: 'tick' }), 'mute, verify 1')
  })

  it('drops the calls that another node has, and goes on with the others', () => {
    const owner = new Owner()
    owner.nowMs += 10_000
    owner.on({ kind: 'tick' })
    const { effects } = stepLease(owner.state, { kind: 'verified', round: 1, lost: [CALL] }, owner.nowMs, AMONG_OTHERS)
    assert.deepEqual(effects, [{ kind: 'fence', calls: [CALL] }, { kind: 'unmute' }])
  })

  it('verifies once more where the heartbeat that closes the gap comes after the verification began', () => {
    const owner = new Owner()
    owner.nowMs += 10_000
    assert.equal(owner.on({ kind: 'tick' }), 'mute, verify 1')
    assert.equal(owner.renew(), 'mute, verify 2')
    assert.equal(owner.on({ kind: 'verified', round: 1, lost: [] }), '', 'it may have been asked too early')
    assert.equal(owner.on({ kind: 'verified', round: 2, lost: [] }), 'unmute')
  })

  it('drops what an older verification found lost', () => {
    const owner = new Owner()
    owner.nowMs += 10_000
    owner.on({ kind: 'tick' })
    owner.renew()
    assert.equal(owner.on({ kind: 'verified', round: 1, lost: [CALL] }), 'fence')
    assert.equal(owner.state.kind, 'lapsed')
  })

  it('stays silent and asks every second while PostgreSQL does not answer', () => {
    const owner = new Owner()
    owner.nowMs += 10_000
    owner.on({ kind: 'tick' })
    assert.equal(owner.renew(), 'mute, verify 2')
    assert.equal(owner.on({ kind: 'unverified', round: 2 }), '')
    assert.equal(owner.run(750, { renews: true }), '')
    assert.equal(owner.run(250, { renews: true }), 'mute, verify 3')
    assert.equal(owner.on({ kind: 'unverified', round: 2 }), '', 'that was an older one')
    assert.equal(owner.on({ kind: 'verified', round: 3, lost: [] }), 'unmute')
  })

  it('mutes nobody for a doubt where no other node is known, and verifies all the same', () => {
    const owner = new Owner(ALONE)
    owner.nowMs += 10_000
    assert.equal(owner.on({ kind: 'tick' }), 'verify 1')
    assert.equal(owner.on({ kind: 'verified', round: 1, lost: [CALL] }), 'fence')
    assert.equal(owner.state.kind, 'held')
  })

  it('believes no answer that the process slept over', () => {
    const owner = new Owner()
    owner.nowMs += 10_000
    owner.on({ kind: 'tick' })
    owner.nowMs += 10_000
    assert.equal(owner.on({ kind: 'verified', round: 1, lost: [CALL] }), 'fence, mute, verify 2')
  })

  it('looks from time to time whose its calls are, and silences none of them for that', () => {
    const owner = new Owner({ ...AMONG_OTHERS, verifyEveryMs: 10_000 })
    assert.equal(owner.run(9_750, { renews: true }), '')
    assert.equal(owner.run(250, { renews: true }), 'verify 1')
    assert.equal(owner.on({ kind: 'unverified', round: 1 }), '')
    assert.equal(owner.run(10_000, { renews: true }), 'verify 2')
    assert.equal(owner.on({ kind: 'verified', round: 2, lost: [CALL] }), 'fence')
    assert.equal(owner.state.kind, 'held')
  })

  it('verifies where the node that it is part of doubts', () => {
    const owner = new Owner()
    assert.equal(owner.on({ kind: 'doubted' }), 'mute, verify 1')
  })

  it('ignores answers that nobody waits for', () => {
    const owner = new Owner()
    assert.equal(owner.on({ kind: 'verified', round: 0, lost: [] }), '')
    assert.equal(owner.on({ kind: 'unverified', round: 0 }), '')
    assert.equal(owner.state.kind, 'held')
  })
})
