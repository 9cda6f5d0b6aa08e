import assert from 'node:assert/strict'
import { PostgresDoorbell } from '../../../app/fleet/postgres-doorbell.ts'
import { PostgresSharedState } from '../../../app/fleet/postgres-shared-state.ts'
import { RedisSharedState } from '../../../app/fleet/redis-shared-state.ts'
import type { SharedState } from '../../../app/fleet/shared-state.ts'
import { FleetSnapshot } from '../../../app/fleet/snapshot.ts'
import { TrunkVerdicts } from '../../../app/fleet/trunk-verdicts.ts'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { createPool } from '../../../app/store/postgres.ts'
import { nodeId, trunkId } from '../../../lib/core/ids.ts'
import { type ChannelStates, VERDICT_PREFIX } from '../../../lib/fleet/reports.ts'
import type { FleetVerdict } from '../../../lib/fleet/verdict.ts'
import { startPostgres, type TestPostgres } from '../../helpers/postgres.ts'
import { hasRedis, startRedis, type TestRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

const ALPHA = trunkId('alpha')
/** So rarely by itself that a ring must have done it. */
const NEVER_MS = 600_000
const QUICK_MS = 100
/** Well under a heartbeat of a second, on a machine that runs other tests too. */
const PROMISE_MS = 500

/** A view of the shared state, and what ends it. */
interface View {
  readonly shared: SharedState
  close(): Promise<void>
}

interface Timing {
  readonly everyMs: number
  readonly ttlMs: number
  /** How far this node's clock is ahead. */
  readonly aheadMs?: number
}

/** What a voter says, and what it has heard. */
interface Told {
  states: ChannelStates
  verdict: FleetVerdict | undefined
  onVerdict: () => void
}

/** A node that publishes what the test says of one trunk, and counts. */
class Voter {
  readonly #view: View
  readonly #snapshot: FleetSnapshot
  readonly #verdicts: TrunkVerdicts
  readonly #told: Told

  private constructor(view: View, snapshot: FleetSnapshot, verdicts: TrunkVerdicts, told: Told) {
    this.#view = view
    this.#snapshot = snapshot
    this.#verdicts = verdicts
    this.#told = told
  }

  static async start(name: string, view: View, { everyMs, ttlMs, aheadMs = 0 }: Timing): Promise<Voter> {
    const { shared } = view
    const told: Told = { states: {}, verdict: undefined, onVerdict: () => undefined }
    const snapshot = new FleetSnapshot({
      shared,
      prefixes: [VERDICT_PREFIX],
      intervalMs: everyMs,
      settleMs: 2 * Math.min(ttlMs, 300),
    })
    await snapshot.refresh()
    const verdicts = await TrunkVerdicts.start({
      self: nodeId(name),
      shared,
      snapshot,
      own: () => new Map([[ALPHA, told.states]]),
      onVerdicts: (said) => {
        told.verdict = said.get(ALPHA)
        told.onVerdict()
      },
      heartbeatMs: everyMs,
      ttlMs,
      onError: () => undefined,
      nowMs: () => performance.now() + aheadMs,
    })
    return new Voter(view, snapshot, verdicts, told)
  }

  say(states: ChannelStates): void {
    this.#told.states = states
    this.#verdicts.changed()
  }

  /** As `failed of 3 votes`. */
  get verdict(): string {
    const { verdict } = this.#told
    return `${verdict?.state} of ${verdict?.votes.size} votes`
  }

  /** Resolves with the time it took once the verdict is so. */
  async hears(wanted: string): Promise<number> {
    const beganAtMs = performance.now()
    await new Promise<void>((resolve) => {
      this.#told.onVerdict = () => this.verdict === wanted && resolve()
      this.#told.onVerdict()
    })
    return performance.now() - beganAtMs
  }

  async stop(): Promise<void> {
    await this.#verdicts.close()
    await this.#snapshot.close()
    await this.#view.close()
  }

  /** As when its process is killed: its report stays until its time is over. */
  async kill(): Promise<void> {
    await this.#view.close()
    await this.#verdicts.close()
    await this.#snapshot.close()
  }
}

function describeVerdicts(carrier: string, connect: () => Promise<View>): void {
  describe(`verdicts on trunks, with the shared state in ${carrier}`, function () {
    this.timeout(30_000)
    let voters: Voter[] = []
    const start = async (count: number, timing: Timing): Promise<readonly Voter[]> => {
      voters = await Promise.all(
        Array.from({ length: count }, async (_, i) =>
          Voter.start(`n${i}`, await connect(), { ...timing, aheadMs: (i - 1) * 5_000 }),
        ),
      )
      return voters
    }
    afterEach(async () => {
      for (const voter of voters) await voter.stop()
      voters = []
    })

    it('reach nodes whose clocks are 5 s apart in well under a heartbeat, and more than half of the voters decide', async () => {
      const [a, b, c] = await start(3, { everyMs: NEVER_MS, ttlMs: NEVER_MS })
      assert.ok(a !== undefined && b !== undefined && c !== undefined)
      a.say({ probe: 'active', calls: 'failed' })
      for (const voter of [a, b, c]) assert.ok((await voter.hears('failed of 1 votes')) < PROMISE_MS)
      b.say({ probe: 'active' })
      c.say({ probe: 'active' })
      for (const voter of [a, b, c]) assert.ok((await voter.hears('active of 3 votes')) < PROMISE_MS)
      b.say({ probe: 'standby' })
      for (const voter of [a, b, c]) assert.ok((await voter.hears('standby of 3 votes')) < PROMISE_MS)
      c.say({ calls: 'failed' })
      for (const voter of [a, b, c]) assert.ok((await voter.hears('failed of 3 votes')) < PROMISE_MS)
      a.say({})
      b.say({})
      for (const voter of [a, b, c]) assert.ok((await voter.hears('failed of 1 votes')) < PROMISE_MS)
    })

    it('of many changes in a row leave the last one, whatever the order of the rings', async () => {
      const [a, b] = await start(2, { everyMs: NEVER_MS, ttlMs: NEVER_MS })
      assert.ok(a !== undefined && b !== undefined)
      for (let i = 0; i < 200; i++) a.say({ calls: i % 2 === 0 ? 'failed' : 'active' })
      a.say({ probe: 'standby' })
      await b.hears('standby of 1 votes')
      assert.equal(b.verdict, a.verdict)
    })

    it('end with their node: at once where it goes, after its time where it is killed, and stay while it lives', async () => {
      const [a, b, c] = await start(3, { everyMs: QUICK_MS, ttlMs: 3 * QUICK_MS })
      assert.ok(a !== undefined && b !== undefined && c !== undefined)
      for (const voter of [a, b, c]) voter.say({ calls: 'failed' })
      await a.hears('failed of 3 votes')
      voters = [a]
      await b.stop()
      await a.hears('failed of 2 votes')
      await c.kill()
      const tookMs = await a.hears('failed of 1 votes')
      // What is left of its time in the shared state, and, as it might have been rewritten just then, its time here.
      assert.ok(tookMs < 6 * QUICK_MS + PROMISE_MS, `${tookMs} ms`)
    })
  })
}

describe('verdicts of the fleet', () => {
  let postgres: TestPostgres
  let redis: TestRedis | null = null
  before(async function () {
    this.timeout(60_000)
    postgres = await startPostgres()
    await prepareDatabase(postgres.url, new Date())
    redis = (await hasRedis()) ? await startRedis() : null
  })
  after(async () => {
    await redis?.stop()
    await postgres.stop()
  })

  describeVerdicts('Postgres', async () => {
    const pool = createPool(postgres.url, () => undefined)
    const doorbell = new PostgresDoorbell(postgres.url)
    const shared = new PostgresSharedState(pool, doorbell)
    const close = async (): Promise<void> => {
      await shared.close()
      await doorbell.close()
      await pool.end()
    }
    return { shared, close }
  })

  describe('with Redis', () => {
    before(function () {
      if (redis === null) this.skip()
    })
    const connect = async (): Promise<View> => {
      const url = `redis://${redis?.host}:${redis?.port}`
      const shared = await RedisSharedState.connect({ kind: 'server', url })
      return { shared, close: () => shared.close() }
    }

    describeVerdicts('Redis', connect)

    it('are each node’s own while Redis is killed, and common again when it is back', async function () {
      this.timeout(30_000)
      const timing = { everyMs: QUICK_MS, ttlMs: 3 * QUICK_MS }
      const [a, b] = await Promise.all([
        Voter.start('n0', await connect(), timing),
        Voter.start('n1', await connect(), { ...timing, aheadMs: 5_000 }),
      ])
      try {
        a.say({ calls: 'failed' })
        b.say({ probe: 'active' })
        for (const voter of [a, b]) await voter.hears('active of 2 votes')
        await redis?.kill()
        await Promise.all([a.hears('failed of 1 votes'), b.hears('active of 1 votes')])
        await redis?.resume()
        for (const voter of [a, b]) await voter.hears('active of 2 votes')
        a.say({ probe: 'active' })
        b.say({ calls: 'failed' })
        await until(async () => a.verdict === 'active of 2 votes', 'a to hear b')
      } finally {
        await a.stop()
        await b.stop()
      }
    })
  })
})
