import assert from 'node:assert/strict'
import type { SharedStateChange } from '../../../app/fleet/shared-state.ts'
import type { AttemptReport } from '../../../app/signaling/hunt.ts'
import { CanaryPlaces, type SharedClaims } from '../../../app/trunk/canary-places.ts'
import { TrunkChoice } from '../../../app/trunk/trunk-choice.ts'
import type { TrunkSight } from '../../../app/trunk/trunk-health.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import type { TrunkConfig } from '../../../lib/config/resolve.ts'
import { nodeId, type TrunkId, trunkId } from '../../../lib/core/ids.ts'
import type { CountsAs } from '../../../lib/trunk/attempt-verdict.ts'
import { effectiveState, isCanaryDue } from '../../../lib/trunk/health.ts'
import { TrunkStage } from '../../helpers/trunk-stage.ts'

const ALPHA = trunkId('alpha')
const BETA = trunkId('beta')
const TO = '+12025550123'
const GROUP = { name: 'us', mode: 'warm-standby', weights: new Map<TrunkId, number>() } as const

/** The places of a fleet in memory, that can be away, or hang. */
class FakeClaims implements SharedClaims {
  readonly holders = new Map<string, string>()
  mode: 'up' | 'away' | 'hanging' = 'up'
  readonly #waiting: (() => void)[] = []

  async claim(key: string, holder: string): Promise<boolean> {
    await this.#answer()
    const known = this.holders.get(key)
    if (known !== undefined && known !== holder) return false
    this.holders.set(key, holder)
    return true
  }

  async release(key: string, holder: string): Promise<boolean> {
    await this.#answer()
    return this.holders.get(key) === holder && this.holders.delete(key)
  }

  onState(_listener: (change: SharedStateChange) => void): () => void {
    return () => undefined
  }

  /** Answers what it has left unanswered. */
  wake(): void {
    this.mode = 'up'
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async #answer(): Promise<void> {
    if (this.mode === 'away') throw new Error('away')
    if (this.mode === 'hanging') await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

function configOf(id: TrunkId): TrunkConfig {
  const file = { trunks: [{ id, sources: ['192.0.2.1'], targets: [{ uri: 'sip:192.0.2.1' }] }] }
  const parsed = parseConfig(JSON.stringify(file), { env: {}, file: 'test' })
  const trunk = parsed.ok ? parsed.value.trunks[0] : undefined
  assert.ok(trunk !== undefined, JSON.stringify(parsed))
  return trunk
}

const CONFIGS = new Map([ALPHA, BETA].map((id) => [id, configOf(id)]))

/** A node with a trunk that waits for canaries, alpha, and one that is well, beta. */
class CanaryNode {
  readonly alpha = new TrunkStage()
  readonly beta = new TrunkStage()
  readonly places: CanaryPlaces
  readonly choice: TrunkChoice

  constructor(name: string, claims: SharedClaims) {
    for (const stage of [this.alpha, this.beta]) stage.runTo(10_000)
    for (let i = 0; i < 3; i++) this.alpha.call('unreachable')
    this.alpha.runUntil(() => this.isDue, 120_000)
    this.places = new CanaryPlaces({ self: nodeId(name), shared: claims, ttlMs: 3_000, keepEveryMs: 1_000 })
    this.choice = new TrunkChoice(
      { health: (id) => this.#sight(id), feed: (id, event) => this.#stage(id).feed(event) },
      this.places,
    )
  }

  get isDue(): boolean {
    return isCanaryDue(this.alpha.health, this.alpha.config)
  }

  /** As `alpha canary, beta regular`. */
  async place(): Promise<{ readonly words: string; readonly plan: Awaited<ReturnType<TrunkChoice['choose']>> }> {
    const plan = await this.choice.choose(GROUP, [ALPHA, BETA])
    return { words: plan.order.map(({ trunk, role }) => `${trunk} ${role}`).join(', '), plan }
  }

  #stage(id: TrunkId): TrunkStage {
    return id === ALPHA ? this.alpha : this.beta
  }

  #sight(id: TrunkId): TrunkSight | null {
    const config = CONFIGS.get(id)
    if (config === undefined) return null
    const { health: state, nowMs } = this.#stage(id)
    return { config, state, fleet: { state: 'active', votes: new Map() }, honoured: effectiveState(state), nowMs }
  }
}

function report(trunk: TrunkId, countsAs: CountsAs): AttemptReport {
  const nothing = { target: '', probed: null, server: null, reason: '', pddMs: null, tookMs: 0, retryAfterMs: null }
  return {
    ...nothing,
    id: 0,
    trunk,
    startedAt: new Date(),
    end: { kind: 'noReply' },
    verdict: { next: 'trunk', blame: 'trunk', countsAs },
    sipCallId: null,
  }
}

describe('canaries of a fleet', () => {
  let claims: FakeClaims
  let a: CanaryNode
  let b: CanaryNode
  beforeEach(() => {
    claims = new FakeClaims()
    a = new CanaryNode('a', claims)
    b = new CanaryNode('b', claims)
  })
  afterEach(() => {
    a.places.close()
    b.places.close()
  })

  it('are one at a time, on whichever node; the next one follows when its outcome is there', async () => {
    const first = await a.place()
    assert.equal(first.words, 'alpha canary, beta regular')
    assert.equal((await a.place()).words, 'beta regular')
    assert.equal((await b.place()).words, 'beta regular')
    assert.equal(b.isDue, true, 'its own place is free again')
    first.plan.onAttempt(report(ALPHA, 'fine'), TO)
    await a.place().then(({ words }) => assert.equal(words, 'alpha canary, beta regular'))
  })

  it('are one, of many calls that are placed on both nodes at the same time', async () => {
    const placed = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? a : b).place()))
    assert.equal(placed.filter(({ words }) => words.startsWith('alpha canary')).length, 1)
  })

  it('give their place back where the call is given up before anything came of it', async () => {
    const { plan } = await a.place()
    plan.end()
    plan.end()
    await new Promise(setImmediate)
    assert.equal(a.isDue, true)
    assert.equal(claims.holders.size, 0)
    assert.equal((await b.place()).words, 'alpha canary, beta regular')
  })

  it('keep it while an outcome says nothing of the trunk, until the call goes on to another one', async () => {
    const { plan } = await a.place()
    plan.onAttempt(report(ALPHA, 'nothing'), TO)
    assert.equal(claims.holders.size, 1)
    plan.onAttempt(report(BETA, 'fine'), TO)
    await new Promise(setImmediate)
    assert.equal(claims.holders.size, 0)
    assert.equal(a.isDue, true)
    assert.equal(a.alpha.state, 'failed')
  })

  it('bring the trunk back on their node after three', async () => {
    for (let i = 0; i < 3; i++) {
      const { plan, words } = await a.place()
      assert.match(words, /^alpha canary/)
      plan.onAttempt(report(ALPHA, 'fine'), TO)
      plan.end()
    }
    assert.deepEqual([a.alpha.state, b.alpha.state], ['active', 'failed'])
    assert.equal((await a.place()).words, 'alpha regular, beta regular')
  })

  it('are each node’s own while the shared state is away', async () => {
    claims.mode = 'away'
    for (const node of [a, b]) assert.equal((await node.place()).words, 'alpha canary, beta regular')
    assert.equal((await a.place()).words, 'beta regular')
  })

  it('do not keep a call waiting for a shared state that hangs, and give back what they got too late', async () => {
    claims.mode = 'hanging'
    const beganAtMs = performance.now()
    assert.equal((await a.place()).words, 'beta regular')
    assert.equal((await a.place()).words, 'beta regular')
    assert.ok(performance.now() - beganAtMs < 1_000)
    claims.wake()
    await new Promise(setImmediate)
    assert.equal(claims.holders.size, 0)
    assert.equal((await b.place()).words, 'alpha canary, beta regular')
  })

  it('leave their places when the node goes', async () => {
    await a.place()
    a.places.close()
    await new Promise(setImmediate)
    assert.equal((await b.place()).words, 'alpha canary, beta regular')
  })
})
