import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { askOnce } from '../../app/store/postmaster.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../helpers/postgres.ts'
import { hasRedis, startRedis, type TestRedis } from '../helpers/redis.ts'
import { sipp } from '../helpers/sipp.ts'
import { gatePostgres } from '../helpers/stores.ts'
import { NUMBER, type TandemOptions, TandemProcess } from '../helpers/tandem-process.ts'
import { TcpGate } from '../helpers/tcp-gate.ts'
import { until } from '../helpers/until.ts'

const CALLS = 15
/** Every answer of a slow store. */
const ANSWER_MS = 3_000
/** What an INVITE may take longer where the stores do not answer: who calls is looked up for 250 ms, and no longer. */
const LOOKUP_MS = 250 + 150
/** A node that starts while no store answers gives each of them up once. */
const START_MS = 18_000

describe('stores that answer late, or accept and never answer', function () {
  this.timeout(120_000)
  const host = loopbackAddress()
  let postgres: TestPostgres
  let redis: TestRedis | null = null
  let gates: readonly TcpGate[]
  let options: TandemOptions & { readonly dataDir: string }

  before(async () => {
    postgres = await startPostgres()
    const { gate: records, url } = await gatePostgres(postgres, host)
    redis = (await hasRedis()) ? await startRedis() : null
    const live = redis === null ? null : await TcpGate.open(host, { host: redis.host, port: redis.port })
    gates = live === null ? [records] : [records, live]
    const store = {
      postgres: url,
      redis: live === null ? 'embedded' : `redis://${host}:${live.port}`,
    }
    options = { config: { store }, dataDir: await tempFolder(), address: loopbackAddress() }
  })

  after(async () => {
    for (const gate of gates) await gate.close()
    await redis?.stop()
    await postgres.stop()
    await rm(options.dataDir, { recursive: true, force: true })
  })

  it("are in no call's way, nor in that of a node's start, and get every record once", async () => {
    const first = await TandemProcess.start(options)
    let node = first
    try {
      const usualMs = await meanSetupMs(node)
      for (const gate of gates) gate.slow(ANSWER_MS)
      const slowMs = await meanSetupMs(node)
      for (const gate of gates) gate.freeze()
      const frozenMs = await meanSetupMs(node)
      assert.ok(slowMs < usualMs + LOOKUP_MS, `${slowMs} ms with slow stores, ${usualMs} ms before`)
      assert.ok(frozenMs < usualMs + LOOKUP_MS, `${frozenMs} ms with dead stores, ${usualMs} ms before`)

      await until(async () => /^tandem_active_calls\S* 0$/m.test(await node.metrics()), 'the last calls to end')
      await first.kill()
      const startedAt = performance.now()
      node = await TandemProcess.launch(options)
      await node.said(/ready for calls/)
      const startMs = performance.now() - startedAt
      assert.ok(startMs < START_MS, `started after ${startMs} ms`)
      assert.ok((await meanSetupMs(node)) < usualMs + LOOKUP_MS)

      for (const gate of gates) gate.reopen()
      await until(async () => (await ended()) >= 4 * CALLS, 'all records', 30_000)
      assert.equal(await ended(), 4 * CALLS)
    } finally {
      assert.equal(await node.stop(), 0)
    }
  })

  async function ended(): Promise<number> {
    const text = "select count(*)::int as n from calls where state = 'ended' and end_cause = 'normal'"
    const { rows } = await askOnce(postgres.url, (client) => client.query<{ n: number }>(text))
    return rows[0]?.n ?? 0
  }
})

/** Places calls and gives the mean of their INVITEs' way to the 200, by the node's own histogram. */
async function meanSetupMs(node: TandemProcess): Promise<number> {
  const [count, sum] = await setups(node)
  const target = `${node.address}:5060`
  const result = await sipp({ scenario: 'uac-answers', target, number: NUMBER, calls: CALLS, rate: 10, pauseMs: 500 })
  assert.equal(result.successful, CALLS, result.errors)
  const [countAfter, sumAfter] = await setups(node)
  assert.equal(countAfter - count, CALLS)
  return ((sumAfter - sum) * 1_000) / CALLS
}

async function setups(node: TandemProcess): Promise<readonly [count: number, sum: number]> {
  const metrics = await node.metrics()
  const value = (name: string): number =>
    Number(new RegExp(`^tandem_call_setup_seconds_${name}\\S* (\\S+)$`, 'm').exec(metrics)?.[1] ?? 0)
  return [value('count'), value('sum')]
}
