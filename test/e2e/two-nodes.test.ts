import assert from 'node:assert/strict'
import { endedCalls } from '../helpers/api-call.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { tandem } from '../helpers/run.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

describe('two nodes on one PostgreSQL', () => {
  it('a draining node sends callers to the other one by 302, and says 503 to a call that was sent on before', async function () {
    this.timeout(120_000)
    const postgres = await startPostgres()
    const store = { postgres: postgres.url }
    const a = await TandemProcess.start({ id: 'a', config: { store } })
    const b = await TandemProcess.start({ id: 'b', config: { store } })
    try {
      await until(async () => (await a.api<unknown[]>('/api/v1/nodes')).length === 2, 'both nodes in the registry')
      await until(async () => (await a.metrics()).includes('tandem_peers_serving{node="a"} 1'), 'a to hear b over SIP')
      await a.api('/api/v1/nodes/a/drain', { method: 'POST' })

      const placed = await tandem(['call', a.uri, '--seconds', '2', '--json'])
      assert.equal(JSON.parse(placed.stdout).status, 200, placed.stderr)
      const calls = await endedCalls(b, 2)
      const ends = calls.map(({ node, end }) => `${node} ${end?.sip} ${end?.cause}`).sort()
      assert.deepEqual(ends, ['a 302 redirected', 'b null normal'])

      const again = await tandem(['call', `sip:${NUMBER}@${a.address}:5060;tandem-hop=1`, '--seconds', '2', '--json'])
      assert.equal(JSON.parse(again.stdout).status, 503)
    } finally {
      assert.equal(await a.stop(), 0)
      assert.equal(await b.stop(), 0)
      await postgres.stop()
    }
  })
})
