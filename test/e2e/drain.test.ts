import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { endedCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { postmasterOf } from '../helpers/process-tree.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

const LATE_CALLERS = 3

describe('SIGTERM to a node with callers on the line', function () {
  this.timeout(60_000)
  let dataDir: string
  const address = loopbackAddress()

  before(async () => {
    dataDir = await tempFolder()
  })

  after(() => rm(dataDir, { recursive: true, force: true }))

  const options = (drainTimeout: string) => ({
    dataDir,
    address,
    config: { node: { id: 'test-1', address, dataDir, drainTimeout } },
  })

  async function answered(): Promise<RawCaller> {
    const caller = await RawCaller.open(address)
    assert.equal((await caller.call(NUMBER)).status, 200)
    caller.talk()
    return caller
  }

  it('lets them talk on, tells new ones to go elsewhere, and leaves nothing when the last one hangs up', async () => {
    const node = await TandemProcess.start(options('30m'))
    const caller = await answered()
    await caller.hear(10)
    node.signal('SIGTERM')
    await node.said(/draining/)

    const late = await RawCaller.open(address)
    const refused = await late.call(NUMBER)
    assert.equal(refused.status, 503)
    assert.match(refused.text, /^Retry-After: [1-5]\r$/m)
    const asked = await late.ask('OPTIONS', NUMBER)
    assert.equal(asked.status, 503)
    await late.close()

    await caller.hear(50)
    assert.equal(await caller.hangUp(), 200)
    assert.equal(await node.ended(), 0)
    await caller.close()
    assert.equal(postmasterOf(dataDir), -1)
    await assertFree()
  })

  it('hangs up on those who are left when the time is over, and says so in their records', async () => {
    const node = await TandemProcess.start(options('500ms'))
    const callers = await Promise.all(Array.from({ length: LATE_CALLERS }, answered))
    node.signal('SIGTERM')
    await Promise.all(callers.map(({ hungUp }) => hungUp))
    assert.equal(await node.ended(), 0)
    await Promise.all(callers.map((caller) => caller.close()))

    const next = await TandemProcess.start(options('30m'))
    const ends = (await endedCalls(next, LATE_CALLERS + 2)).map(({ end }) => `${end?.by} ${end?.sip} ${end?.cause}`)
    const limits = Array.from({ length: LATE_CALLERS }, () => 'system null limit')
    assert.deepEqual(ends, [...limits, 'system 503 rejected', 'caller null normal'])
    assert.equal(await next.stop(), 0)
  })

  /** Its ports can be taken by others at once. */
  async function assertFree(): Promise<void> {
    const udp = createSocket('udp4')
    udp.bind(5060, address)
    await once(udp, 'listening')
    udp.close()
    for (const port of [5060, 8080]) {
      const tcp = createServer().listen(port, address)
      await once(tcp, 'listening')
      tcp.close()
    }
  }
})
