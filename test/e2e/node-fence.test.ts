import assert from 'node:assert/strict'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { type QuickAgent, startQuickAgent } from '../helpers/quick-agent.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { gatePostgres, startStores, type TestStores } from '../helpers/stores.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import type { TcpGate } from '../helpers/tcp-gate.ts'
import { until } from '../helpers/until.ts'

const CALLS = 4
/** From the death of a node to the last of its calls: lease, heartbeat, two OPTIONS, which take 7 s, and what a busy machine adds. */
const TAKEN_MS = 12_000

let people = 0
/** A caller whom no other test knows. */
const someone = (): string => `+1202555${String(3_000 + ++people)}`

interface Called {
  readonly caller: RawCaller
  readonly person: string
}

/** No agent of node a is on node b, which therefore closes the calls of a instead of going on with them. */
describe('the calls of a node that is lost', function () {
  this.timeout(60_000)
  const host = loopbackAddress()
  const address = loopbackAddress()
  let stores: TestStores
  let gate: TcpGate
  let gatedUrl: string
  let agent: QuickAgent
  let dataDir: string
  let a: TandemProcess
  let b: TandemProcess
  const callers: RawCaller[] = []

  const start = (id: string, agentName: string, postgresUrl: string, more: object = {}): Promise<TandemProcess> =>
    TandemProcess.start({
      id,
      config: {
        store: { ...stores.config, postgres: postgresUrl },
        agents: { [agentName]: agent.config },
        trunks: [{ id: 'local', sources: [host] }],
        tenants: [{ id: 'clinic', group: 'us', numbers: [NUMBER], agent: agentName }],
      },
      ...more,
    })
  const startA = (): Promise<TandemProcess> => start('a', 'intake', gatedUrl, { dataDir, address })

  before(async () => {
    stores = await startStores()
    ;({ gate, url: gatedUrl } = await gatePostgres(stores.postgres))
    agent = await startQuickAgent()
    dataDir = await tempFolder()
    ;[a, b] = await Promise.all([startA(), start('b', 'desk', stores.config.postgres)])
  })

  after(async () => {
    await Promise.all(callers.map((caller) => caller.close()))
    await Promise.all([a?.stop(), b?.stop()])
    await agent?.close()
    await gate?.close()
    await stores?.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  async function dial(node: TandemProcess, person: string): Promise<RawCaller> {
    const caller = await RawCaller.open(node.address, host, person)
    callers.push(caller)
    assert.equal((await caller.call(NUMBER)).status, 200)
    caller.talk()
    return caller
  }

  /** People who talk to a, all on record. */
  async function talking(): Promise<readonly Called[]> {
    const called = await Promise.all(
      Array.from({ length: CALLS }, async () => {
        const person = someone()
        return { person, caller: await dial(a, person) }
      }),
    )
    await all(called, ({ state, transcript }) => state === 'active' && transcript.length > 0, 'to be on record')
    return called
  }

  const callsOf = async (person: string): Promise<readonly ApiCall[]> =>
    (await allCalls(b)).filter(({ from }) => from === person).toReversed()

  /** Resolves with the first call of each of them, as soon as all are as wanted. */
  async function all(
    called: readonly Called[],
    isSo: (call: ApiCall) => boolean,
    what: string,
  ): Promise<readonly ApiCall[]> {
    let found: readonly ApiCall[] = []
    await until(
      async () => {
        found = (await Promise.all(called.map(({ person }) => callsOf(person)))).flatMap((calls) => calls.slice(0, 1))
        return found.length === called.length && found.every(isSo)
      },
      `the calls ${what}`,
      20_000,
    )
    return found
  }

  const isLost = ({ end }: ApiCall): boolean => end?.cause === 'node-lost'
  const active = async (node: TandemProcess): Promise<number> =>
    Number(/^tandem_active_calls\S* (\d+)$/m.exec(await node.metrics())?.[1])

  /** Whether the journal of a has something. */
  async function isOnDisk(pattern: string): Promise<boolean> {
    const folder = join(dataDir, 'journal')
    const files = (await readdir(folder)).filter((name) => name !== 'dead-letters.jsonl')
    const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'latin1').catch(() => '')))
    return texts.some((text) => new RegExp(pattern).test(text))
  }

  it('are not taken up again by a node that only stood still: it drops them without a word', async () => {
    const called = await talking()
    a.signal('SIGSTOP')
    const closed = await all(called, isLost, 'to be closed')
    const heard = called.map(({ caller }) => caller.heard.length)
    const hungUp: string[] = []
    for (const { caller, person } of called) void caller.hungUp.then(() => hungUp.push(person))
    a.signal('SIGCONT')
    await a.said(/node\.fenced/)
    await until(async () => (await active(a)) === 0, 'the calls to be dropped')
    // What the media threads sent before they were told: milliseconds of it, more on a busy machine, and no more than a second.
    for (const [i, { caller }] of called.entries())
      assert.ok(caller.heard.length - (heard[i] ?? 0) < 50, `${caller.heard.length} ${heard[i]}`)
    const person = someone()
    const next = await dial(a, person)
    await next.hear(10)
    await next.hangUp()
    await all([{ person, caller: next }], ({ end }) => end?.cause === 'normal', 'after it to end')
    assert.deepEqual(await all(called, isLost, 'to stay closed'), closed)
    assert.deepEqual(hungUp, [])
  })

  it('are closed within seconds of its death, each once, and the sessions wait for whoever calls again', async () => {
    const called = await talking()
    const [leaver, ...others] = called
    assert.ok(leaver)
    // What comes now stays on the disk of a.
    gate.shut()
    assert.equal(await leaver.caller.hangUp(), 200)
    const [leaving] = await callsOf(leaver.person)
    await until(() => isOnDisk(`"id":"${leaving?.id}"[^\\n]*"state":"ended"`), 'its end to be on disk')
    const killedAtMs = performance.now()
    await a.kill()
    await all(called, isLost, 'to be closed')
    assert.ok(performance.now() - killedAtMs < TAKEN_MS, `${performance.now() - killedAtMs} ms`)
    const [first] = await callsOf(others[0]?.person ?? '')
    assert.ok(first)
    const again = await dial(b, first.from)
    await until(async () => (await callsOf(first.from))[1]?.state === 'active', 'the next call')
    assert.deepEqual((await callsOf(first.from))[1]?.session, { id: first.session.id, resumedFrom: first.id })
    await again.hangUp()

    gate.reopen()
    a = await startA()
    const [left] = await all([leaver], ({ end }) => end?.cause === 'normal', 'that a had seen the end of')
    assert.equal(left?.end?.by, 'caller')
    await all(others, isLost, 'to stay closed')
    for (const { person } of others.slice(1)) assert.equal((await callsOf(person)).length, 1)
  })
})
