import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApiCall, allCalls, endedCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { processTree } from '../helpers/process-tree.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const CALLS = 4
const NEW_NUMBER = '+12025550109'

describe('a node with sip.workers: 2', function () {
  this.timeout(60_000)
  let node: TandemProcess
  const callers: RawCaller[] = []

  before(async () => {
    const address = loopbackAddress()
    const listen = [`udp:${address}:5060`, `tcp:${address}:5060`]
    node = await TandemProcess.start({ id: 'east', address, config: { sip: { listen, workers: 2 } } })
  })

  afterEach(() => Promise.all(callers.splice(0).map((caller) => caller.close())))

  after(() => node.stop())

  /** So many callers who are being talked to, one after the other. */
  const answered = async (count: number, number = NUMBER): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const caller = await RawCaller.open(node.address)
      callers.push(caller)
      assert.equal((await caller.call(number)).status, 200)
      caller.talk()
    }
  }

  /** The calls on the line, when the records show two. */
  const twoActive = async (): Promise<readonly ApiCall[]> => {
    let active: readonly ApiCall[] = []
    await until(async () => {
      active = (await allCalls(node)).filter(({ state }) => state === 'active')
      return active.length === 2
    }, 'two calls on the line')
    return active
  }

  const workerPid = (): number => {
    const isWorker = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('call-worker')
    return processTree([node.pid]).find(isWorker) ?? assert.fail('no call worker')
  }

  it('spreads calls evenly over two processes, which are one node to the fleet', async () => {
    await answered(CALLS)
    for (const caller of callers) assert.equal(await caller.hangUp(), 200)
    const calls = await endedCalls(node, CALLS)
    assert.deepEqual(calls.map((call) => call.node).sort(), ['east', 'east', 'east.w2', 'east.w2'])
    assert.deepEqual([...new Set(calls.map(({ end }) => end?.cause))], ['normal'])
    const nodes = await node.api<{ id: string }[]>('/api/v1/nodes')
    assert.deepEqual(
      nodes.map(({ id }) => id),
      ['east'],
    )
  })

  it('hangs up a call of the other process for an operator', async () => {
    await answered(2)
    const active = await twoActive()
    assert.deepEqual(active.map((call) => call.node).sort(), ['east', 'east.w2'])
    for (const { id } of active) await node.api(`/api/v1/calls/${id}`, { method: 'DELETE' })
    const calls = await endedCalls(node, CALLS + 2)
    assert.deepEqual(
      calls.slice(0, 2).map(({ end }) => end?.by),
      ['operator', 'operator'],
    )
  })

  it('reads a changed config in both', async () => {
    const config: { tenants: { numbers: string[] }[] } = JSON.parse(await readFile(node.configFile, 'utf8'))
    config.tenants[0]?.numbers.push(NEW_NUMBER)
    await writeFile(node.configFile, JSON.stringify(config))
    await node.said(/(?:config\.reloaded[\s\S]*){2}/)
    const before = (await allCalls(node)).length
    await answered(2, NEW_NUMBER)
    for (const caller of callers) assert.equal(await caller.hangUp(), 200)
    const calls = await endedCalls(node, before + 2)
    assert.deepEqual(nodesOf(calls.slice(0, 2)), ['east', 'east.w2'])
  })

  it('asks a router that a changed config names, in both', async () => {
    const file = join(node.dataDir, 'router.mjs')
    await writeFile(file, 'export default () => ({ reject: 603 })')
    const text = await readFile(node.configFile, 'utf8')
    await writeFile(node.configFile, JSON.stringify({ ...JSON.parse(text), router: file }))
    await node.said(/(?:router\.loaded[\s\S]*){2}/)
    const before = (await allCalls(node)).length
    for (let i = 0; i < 2; i++) {
      const caller = await RawCaller.open(node.address)
      callers.push(caller)
      assert.equal((await caller.call(NUMBER)).status, 603)
    }
    const calls = await endedCalls(node, before + 2)
    assert.deepEqual(nodesOf(calls.slice(0, 2)), ['east', 'east.w2'])
    await writeFile(node.configFile, text)
    await node.said(/(?:config\.reloaded[\s\S]*){6}/)
  })

  it('closes the records of a process that is killed, starts it anew, and goes on', async () => {
    const before = (await allCalls(node)).length
    await answered(2)
    await twoActive()
    const killed = workerPid()
    process.kill(killed, 'SIGKILL')
    const ended = async () => (await allCalls(node)).filter(({ end }) => end?.cause === 'node-lost')
    await until(async () => (await ended()).length === 1, 'the record of the lost call')
    const [lost] = await ended()
    assert.equal(lost?.node, 'east.w2')
    // Its caller's BYE finds the dialog, whose application is gone.
    for (const caller of callers) assert.equal(await caller.hangUp(), 200)
    await node.said(/(?:east\.w2.*node\.ready[\s\S]*){2}/)
    await answered(2)
    for (const caller of callers.slice(2)) assert.equal(await caller.hangUp(), 200)
    const calls = await endedCalls(node, before + 4)
    assert.deepEqual(nodesOf(calls.slice(0, 2)), ['east', 'east.w2'])
    assert.notEqual(workerPid(), killed)
  })

  it('drains both, and ends with them', async () => {
    await answered(2)
    const pid = workerPid()
    node.signal('SIGTERM')
    await node.said(/draining/)
    for (const caller of callers) assert.equal(await caller.hangUp(), 200)
    assert.equal(await node.ended(), 0)
    assert.throws(() => process.kill(pid, 0), /ESRCH/)
  })
})

const nodesOf = (calls: readonly ApiCall[]): readonly string[] => calls.map(({ node }) => node).toSorted()
