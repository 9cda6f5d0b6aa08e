import assert from 'node:assert/strict'
import { effectiveState, isCanaryDue } from '../../../lib/trunk/health.ts'
import { type Answer, seeded, TrunkStage } from '../../helpers/trunk-stage.ts'

const HOUR_MS = 3_600_000

/** What the carrier does to calls and probes between two moments. */
interface Outage {
  readonly fromMs: number
  readonly toMs: number
  /** `silent`: nothing works. `refusing`: OPTIONS 200, INVITE 503 (a gray failure). */
  readonly kind: 'silent' | 'refusing'
}

/** Two to four outages of 20 s to 5 min in an hour, far enough apart to recover between. */
function outagesOf(random: () => number): readonly Outage[] {
  const outages: Outage[] = []
  for (let atMs = 120_000 + random() * 300_000; atMs < HOUR_MS - 600_000; ) {
    const toMs = atMs + 20_000 + random() * 280_000
    outages.push({ fromMs: atMs, toMs, kind: random() < 0.5 ? 'silent' : 'refusing' })
    atMs = toMs + 900_000 + random() * 600_000
  }
  return outages
}

interface Report {
  readonly outages: readonly Outage[]
  readonly placed: number
  /** Faults that calls met on the trunk, canaries aside, in each outage. */
  readonly faults: readonly number[]
  readonly canaryFaults: number
  readonly stage: TrunkStage
  /** How long after each outage the trunk was still out. */
  readonly outAfterMs: readonly number[]
}

/** An hour of calls, one in 2 s, on a trunk with seeded outages and 1 % of lost OPTIONS. */
function simulate(seed: number): Report {
  const random = seeded(seed)
  const outages = outagesOf(random)
  const during = (ms: number): Outage | undefined => outages.find(({ fromMs, toMs }) => ms >= fromMs && ms < toMs)
  const answer = (_: string, ms: number): Answer =>
    during(ms)?.kind === 'silent' || random() < 0.01 ? 'silence' : { status: 200 }
  const stage = new TrunkStage({ random, answer })
  const faults = outages.map(() => 0)
  const outAfterMs = outages.map(() => Number.NaN)
  let placed = 0
  let canaryFaults = 0
  for (let ms = 0; ms < HOUR_MS; ms += 2_000) {
    stage.runTo(ms)
    const outage = during(ms)
    const outcome = outage === undefined ? 'fine' : outage.kind === 'silent' ? 'unreachable' : 'fault'
    if (isCanaryDue(stage.health, stage.config)) {
      stage.canary(outcome)
      if (outage !== undefined) canaryFaults++
    } else if (stage.state === 'active') {
      placed++
      stage.call(outcome)
      if (outage !== undefined) faults[outages.indexOf(outage)] = (faults[outages.indexOf(outage)] ?? 0) + 1
    }
    outages.forEach(({ toMs }, i) => {
      if (ms >= toMs && Number.isNaN(outAfterMs[i]) && stage.state === 'active') outAfterMs[i] = ms - toMs
    })
  }
  return { outages, placed, faults, canaryFaults, stage, outAfterMs }
}

describe('an hour with outages', () => {
  for (let seed = 1; seed <= 20; seed++) {
    it(`costs at most 3 calls a silence and 5 a refusal, and leaves the trunk active (seed ${seed})`, () => {
      const { outages, faults, stage, outAfterMs, canaryFaults } = simulate(seed)
      outages.forEach(({ kind }, i) => {
        assert.ok((faults[i] ?? 0) <= (kind === 'silent' ? 3 : 5), `${kind}: ${faults[i]} faults`)
        // At worst a canary failed just before the outage ended: the longest hold-down that it can have caused.
        assert.ok((outAfterMs[i] ?? Number.NaN) <= 260_000, `out for ${outAfterMs[i]} ms after outage ${i}`)
      })
      assert.ok(canaryFaults <= 4 * outages.length, `${canaryFaults} canaries failed`)
      assert.equal(stage.state, 'active')
      const changes = stage.history
      assert.ok(changes.length >= 2 * outages.length && changes.length <= 4 * outages.length, changes.join(', '))
    })
  }

  it('is nothing to a healthy trunk that loses 1 % of its probes', () => {
    const random = seeded(99)
    const stage = new TrunkStage({ random, answer: () => (random() < 0.01 ? 'silence' : { status: 200 }) })
    stage.runTo(24 * HOUR_MS)
    assert.deepEqual(stage.history, [])
    assert.equal(effectiveState(stage.health).channel, null)
  })

  it('is the same every time it is played', () => {
    assert.deepEqual(simulate(3).stage.effects, simulate(3).stage.effects)
  })
})
