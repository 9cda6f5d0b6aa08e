import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allCalls, endedCalls } from '../helpers/api-call.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { tandem } from '../helpers/run.ts'
import { sipp } from '../helpers/sipp.ts'
import { TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const NEW_NUMBER = '+12025550123'

describe('what is managed beside the config files of two nodes', () => {
  it('brings calls of a new number in on the other node within a second; a call in progress goes on when it is removed', async function () {
    this.timeout(120_000)
    const postgres = await startPostgres()
    const store = { postgres: postgres.url }
    const a = await TandemProcess.start({ id: 'a', config: { store } })
    const b = await TandemProcess.start({ id: 'b', config: { store } })
    try {
      const call = (scenario: string, pauseMs: number): ReturnType<typeof sipp> =>
        sipp({ scenario, target: `${b.address}:5060`, number: NEW_NUMBER, pauseMs, timeoutMs: 20_000 })
      const unknown = await call('uac-unknown-number', 100)
      assert.equal(unknown.code, 0, unknown.errors)

      const body = join(a.dataDir, 'number.yaml')
      await writeFile(body, 'tenant: clinic\n')
      const put = await tandem(['managed', 'put', 'numbers', NEW_NUMBER, body], a.env)
      assert.match(put.stdout, /numbers +\+12025550123 +managed/, put.stderr)
      // The command has ended for less than the second that is promised when SIPp is up.
      const known = call('uac-answers', 4_000)
      await until(async () => (await allCalls(b)).some(({ state }) => state === 'active'), 'the call on b')
      const removed = await tandem(['managed', 'delete', 'numbers', NEW_NUMBER], a.env)
      assert.equal(removed.code, 0, removed.stderr)
      const gone = await call('uac-unknown-number', 100)
      assert.equal(gone.code, 0, gone.errors)
      const result = await known
      assert.equal(result.code, 0, result.errors)

      const calls = await endedCalls(b, 3)
      const ends = calls.map(({ end }) => `${end?.by} ${end?.cause}`)
      assert.deepEqual(ends.sort(), ['caller normal', 'system rejected', 'system rejected'])
      const listed = await tandem(['managed', 'list', 'numbers'], b.env)
      assert.match(listed.stdout, /\+12025550100 +file/)
      assert.doesNotMatch(listed.stdout, /5550123/)
      assert.match(b.output, /config\.reloaded/)
    } finally {
      assert.equal(await a.stop(), 0)
      assert.equal(await b.stop(), 0)
      await postgres.stop()
    }
  })
})
