import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { allCalls, endedCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const CALLS = 20

describe('kill -9 of a node', () => {
  it('loses no record: after the restart each of 20 calls is there, ended as node-lost', async function () {
    this.timeout(120_000)
    const dataDir = await tempFolder()
    const address = loopbackAddress()
    const first = await TandemProcess.start({ dataDir, address })
    const callers = sipp({
      scenario: 'uac-answers',
      target: `${address}:5060`,
      number: NUMBER,
      calls: CALLS,
      rate: 20,
      pauseMs: 8_000,
      timeoutMs: 20_000,
    })
    await until(
      async () => (await allCalls(first)).filter((call) => call.state === 'active').length === CALLS,
      'all calls to be up',
    )
    await first.kill()

    const second = await TandemProcess.start({ dataDir, address })
    const calls = await endedCalls(second, CALLS)
    assert.equal(calls.length, CALLS)
    for (const call of calls) {
      assert.deepEqual(call.end, { by: 'system', sip: null, cause: 'node-lost' })
      assert.notEqual(call.endedAt, null)
    }
    await callers
    assert.equal(await second.stop(), 0)
    await rm(dataDir, { recursive: true, force: true })
  })
})
