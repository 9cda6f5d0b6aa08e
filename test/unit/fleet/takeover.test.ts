import assert from 'node:assert/strict'
import { startTakeover, stepTakeover, type TakeoverInput, type TakeoverState } from '../../../lib/fleet/takeover.ts'

const CONFIG = { leaseMs: 3_000, settleMs: 6_000, ownerProbes: 2, probeEveryMs: 1_000 }

/** A survivor that reads the shared state every second, and another node as the test has it. */
class Survivor {
  nowMs = 0
  state: TakeoverState = startTakeover(0)
  /** What was done, and when. */
  readonly done: string[] = []
  isThere = true
  sharedState: 'up' | 'down' = 'up'
  postgres: 'up' | 'down' = 'up'
  saidGoodbye = false
  /** Whether the other node answers OPTIONS; else they are missed after a second. */
  answers = false

  on(input: TakeoverInput): void {
    const { state, effects } = stepTakeover(this.state, input, this.nowMs, CONFIG)
    this.state = state
    for (const effect of effects) this.done.push(`${effect} ${this.nowMs}`)
    for (const effect of effects) this.#perform(effect)
  }

  readonly #later: { readonly atMs: number; readonly input: TakeoverInput }[] = []

  #perform(effect: 'note' | 'probe' | 'take'): void {
    const sentAtMs = this.nowMs
    const { answers } = this
    const later = (afterMs: number, input: TakeoverInput) => this.#later.push({ atMs: this.nowMs + afterMs, input })
    if (effect === 'probe') return void later(answers ? 50 : 1_000, { kind: 'probed', sentAtMs, answered: answers })
    const isUp = this.postgres === 'up'
    if (effect === 'take') return void later(50, { kind: isUp ? 'taken' : 'untaken' })
    later(50, this.saidGoodbye ? { kind: 'goodbye' } : { kind: isUp ? 'noted' : 'unnoted' })
  }

  runTo(endMs: number): string {
    while (this.nowMs < endMs) {
      this.nowMs += 50
      for (const due of this.#later.filter(({ atMs }) => atMs === this.nowMs)) this.on(due.input)
      if (this.nowMs % 250 === 0) this.on({ kind: 'tick' })
      if (this.nowMs % 1_000 === 0) this.read()
    }
    return this.done.splice(0).join(', ')
  }

  read(sentAtMs = this.nowMs): void {
    this.on(this.sharedState === 'up' ? { kind: 'read', sentAtMs, isThere: this.isThere } : { kind: 'broken' })
  }
}

/** The other node's lease is out at 20 s. */
const lost = (): Survivor => {
  const survivor = new Survivor()
  assert.equal(survivor.runTo(19_500), '')
  survivor.isThere = false
  return survivor
}

describe('the take-over of a node', () => {
  it('comes after the lease and two OPTIONS that were missed since, within three seconds', () => {
    assert.equal(lost().runTo(60_000), 'note 20000, probe 20050, probe 21050, take 22050')
  })

  it('is done once', () => {
    const survivor = lost()
    survivor.runTo(60_000)
    assert.equal(survivor.runTo(600_000), '')
  })

  it('is begun anew where PostgreSQL went away before the calls were taken', () => {
    const survivor = lost()
    survivor.runTo(22_000)
    survivor.postgres = 'down'
    assert.equal(survivor.runTo(22_200), 'take 22050')
    survivor.postgres = 'up'
    assert.match(survivor.runTo(30_000), /^note \d+, probe \d+, probe \d+, take \d+$/)
  })

  it('waits for PostgreSQL where the calls cannot be noted', () => {
    const survivor = lost()
    survivor.postgres = 'down'
    assert.doesNotMatch(survivor.runTo(40_000), /probe|take/)
    survivor.postgres = 'up'
    assert.match(survivor.runTo(50_000), /take/)
  })

  it('does not come over a node that answers OPTIONS: it is only cut off from the shared state', () => {
    const survivor = lost()
    survivor.answers = true
    assert.doesNotMatch(survivor.runTo(600_000), /take/)
    survivor.answers = false
    assert.match(survivor.runTo(610_000), /take/)
  })

  it('does not come over one lost OPTIONS', () => {
    const survivor = lost()
    assert.equal(survivor.runTo(20_500), 'note 20000, probe 20050')
    survivor.answers = true
    assert.doesNotMatch(survivor.runTo(30_000), /take/)
  })

  it('does not come over a node that said goodbye', () => {
    const survivor = lost()
    survivor.saidGoodbye = true
    assert.equal(survivor.runTo(600_000), 'note 20000')
  })

  it('does not come over a node whose heartbeat is back', () => {
    const survivor = lost()
    survivor.runTo(21_500)
    survivor.isThere = true
    assert.equal(survivor.runTo(600_000), '')
  })

  it('comes no sooner than six seconds after the shared state is back', () => {
    const survivor = lost()
    survivor.sharedState = 'down'
    assert.equal(survivor.runTo(39_500), '')
    survivor.sharedState = 'up'
    assert.equal(survivor.runTo(45_950), '')
    assert.match(survivor.runTo(60_000), /^note 46000, .*take 48050$/)
  })

  it('begins anew where the shared state breaks off in the midst of the proof', () => {
    const survivor = lost()
    survivor.runTo(20_500)
    survivor.sharedState = 'down'
    survivor.runTo(21_000)
    survivor.sharedState = 'up'
    assert.match(survivor.runTo(60_000), /^note 28000, .*take 30050$/)
  })

  it('waits for a reading of the shared state that began after the calls were noted', () => {
    const survivor = lost()
    survivor.runTo(20_500)
    for (survivor.nowMs = 20_600; survivor.nowMs < 22_500; survivor.nowMs += 50) {
      survivor.on({ kind: 'probed', sentAtMs: 20_050, answered: false })
      survivor.on({ kind: 'probed', sentAtMs: 21_050, answered: false })
      survivor.on({ kind: 'read', sentAtMs: 20_040, isThere: false })
    }
    assert.equal(survivor.done.join(), 'probe 21050')
    survivor.read()
    assert.match(survivor.done.join(), /take/)
  })

  it('trusts nothing that it found before its own process stood still', () => {
    const survivor = lost()
    survivor.runTo(21_000)
    survivor.nowMs += 10_000
    survivor.on({ kind: 'probed', sentAtMs: 20_050, answered: false })
    survivor.on({ kind: 'probed', sentAtMs: 21_050, answered: false })
    assert.match(survivor.runTo(60_000), /^note 38000, .*take 40050$/)
  })

  it('proves anew, without the six seconds, where its process stood still for more than an OPTIONS takes', () => {
    const survivor = lost()
    survivor.runTo(21_000)
    survivor.nowMs += 1_500
    assert.match(survivor.runTo(60_000), /^note 22750, .*take 24800$/)
  })
})
