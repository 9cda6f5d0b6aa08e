import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { type LocalAgent, startLocalAgent } from '../../app/agent/local/local-agent.ts'
import { allCalls, endedCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { postmasterOf, processTree } from '../helpers/process-tree.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { NUMBER, type TandemOptions, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const CALLS = 10
/** The agent behind this number is never ready in time: callers hear ringing for two seconds. */
const RINGING = '+12025550101'

describe('kill -9 of a node', function () {
  this.timeout(60_000)
  let agent: LocalAgent
  let options: TandemOptions & { readonly dataDir: string }
  const callers: RawCaller[] = []

  before(async () => {
    agent = await startLocalAgent({ apiKey: 'key', faults: { mute: true } })
  })

  beforeEach(async () => {
    const mute = { backend: 'custom', url: `${agent.baseUrl}/realtime`, model: 'any', apiKey: 'key' }
    const tenant = { group: 'us', agent: 'intake' }
    options = {
      dataDir: await tempFolder(),
      address: loopbackAddress(),
      config: {
        agents: { intake: { backend: 'local', greeting: 'Hello.' }, mute },
        tenants: [
          { ...tenant, id: 'clinic', numbers: [NUMBER] },
          { ...tenant, id: 'slow', numbers: [RINGING], agent: 'mute' },
        ],
      },
    }
  })

  afterEach(async () => {
    await Promise.all(callers.splice(0).map((caller) => caller.close()))
    await rm(options.dataDir, { recursive: true, force: true })
  })

  after(() => agent.close())

  async function newCaller({ address }: TandemProcess): Promise<RawCaller> {
    const caller = await RawCaller.open(address)
    callers.push(caller)
    return caller
  }

  /** So many callers who are being talked to. */
  const answered = (node: TandemProcess, count = CALLS): Promise<readonly RawCaller[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const caller = await newCaller(node)
        assert.equal((await caller.call(NUMBER)).status, 200)
        caller.talk()
        return caller
      }),
    )

  const stateCount = async (node: TandemProcess, state: string): Promise<number> =>
    (await allCalls(node)).filter((call) => call.state === state).length

  /** Each call is there once, and has ended; how many of them by each cause. */
  async function causesAfter(node: TandemProcess, count: number): Promise<Readonly<Record<string, number>>> {
    const calls = await endedCalls(node, count)
    assert.equal(calls.length, count)
    assert.equal(new Set(calls.map(({ id }) => id)).size, count)
    const causes: Record<string, number> = {}
    for (const { end, endedAt } of calls) {
      assert.notEqual(endedAt, null)
      causes[end?.cause ?? ''] = (causes[end?.cause ?? ''] ?? 0) + 1
    }
    return causes
  }

  it('loses no record of calls that were up, twice in a row: each is there once, ended as node-lost', async () => {
    const first = await TandemProcess.start(options)
    await answered(first)
    await until(async () => (await stateCount(first, 'active')) === CALLS, 'all calls to be up')
    await first.kill()

    const second = await TandemProcess.start(options)
    await answered(second)
    await second.kill()

    // This one does not live long enough to say that it is ready.
    const third = await TandemProcess.launch(options)
    await third.said(/starting/)
    await third.kill()

    const fourth = await TandemProcess.start(options)
    assert.deepEqual(await causesAfter(fourth, 2 * CALLS), { 'node-lost': 2 * CALLS })
    assert.equal(await fourth.stop(), 0)
  })

  it('loses no record of calls that rang: callers hear no more, and the records say why', async () => {
    const first = await TandemProcess.start(options)
    for (let i = 0; i < CALLS; i++) (await newCaller(first)).invite(RINGING)
    await until(async () => (await stateCount(first, 'ringing')) === CALLS, 'all calls to ring')
    await first.kill()
    const second = await TandemProcess.start(options)
    assert.deepEqual(await causesAfter(second, CALLS), { 'node-lost': CALLS })
    assert.equal(await second.stop(), 0)
  })

  it('loses no record where PostgreSQL stood still before and after: calls begin, end and are killed meanwhile', async () => {
    const first = await TandemProcess.start(options)
    const [leaver] = await answered(first, 1)
    const servers = processTree([postmasterOf(options.dataDir)])
    assert.ok(servers.length > 1)
    const signal = (name: 'SIGSTOP' | 'SIGCONT'): void => {
      for (const pid of servers) process.kill(pid, name)
    }
    signal('SIGSTOP')
    let second: TandemProcess
    try {
      assert.equal(await leaver?.hangUp(), 200)
      await answered(first)
      await first.kill()
      second = await TandemProcess.launch(options)
      await second.said(/PostgreSQL/)
    } finally {
      signal('SIGCONT')
    }
    await second.said(/ready for calls/)
    assert.deepEqual(await causesAfter(second, CALLS + 1), { normal: 1, 'node-lost': CALLS })
    assert.equal(await second.stop(), 0)
  })
})
