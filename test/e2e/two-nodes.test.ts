import assert from 'node:assert/strict'
import { endedCalls } from '../helpers/api-call.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { tandem } from '../helpers/run.ts'
import { startStores } from '../helpers/stores.ts'
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

  it('an operator on one of them speaks for both: overrides, the audit, the live log, and drain', async function () {
    this.timeout(120_000)
    const stores = await startStores()
    const store = stores.config
    const a = await TandemProcess.start({ id: 'a', config: { store } })
    const b = await TandemProcess.start({ id: 'b', config: { store } })
    try {
      await until(async () => (await a.api<unknown[]>('/api/v1/nodes')).length === 2, 'both nodes in the registry')
      const [trunk] = await a.api<readonly { readonly id: string }[]>('/api/v1/trunks')
      const id = trunk?.id ?? ''
      const tail = tandem(['tail', '--trunk', id, '--json'], a.env, 12_000)
      await until(async () => (await a.metrics()).includes('tandem_event_readers{node="a"} 1'), 'the tail to follow')

      const set = await tandem(['trunk', id, 'standby', '--reason', 'test of the fleet', '--for', '10m'], b.env)
      assert.match(set.stdout, /standby .*test: test of the fleet \(until /, set.stderr)
      const stateOn = async (node: TandemProcess): Promise<string | undefined> =>
        (await node.api<readonly { readonly id: string; readonly state: string }[]>('/api/v1/trunks')).find(
          (one) => one.id === id,
        )?.state
      await until(async () => (await stateOn(a)) === 'standby', 'the override on a')
      const auto = await tandem(['trunk', id, 'auto', '--json'], b.env)
      assert.equal(JSON.parse(auto.stdout).override, null)
      await until(async () => (await stateOn(a)) === 'active', 'the evidence on a')

      const drained = await tandem(['drain', 'b'], a.env)
      assert.match(drained.stdout, /Node b takes no new calls/, drained.stderr)
      assert.deepEqual((await tandem(['trunk', id, 'failed'], a.env)).code, 2)
      const { entries, brokenAt } = await a.api<{
        readonly entries: readonly { readonly action: string; readonly subject: string }[]
        readonly brokenAt: number | null
      }>('/api/v1/audit')
      const deeds = entries.map(({ action, subject }) => `${action} ${subject}`)
      assert.deepEqual(deeds, ['node.drain b', `trunk.auto ${id}`, `trunk.override ${id}`])
      assert.equal(brokenAt, null)

      const told = (await tail).stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line): { readonly event: string; readonly node: string; readonly state?: string } => JSON.parse(line))
        .filter(({ event }) => event === 'trunk.override')
      assert.deepEqual(
        told.map(({ node, state }) => [node, state]),
        [
          ['b', 'standby'],
          ['b', 'auto'],
        ],
      )
    } finally {
      assert.equal(await a.stop(), 0)
      assert.equal(await b.stop(), 0)
      await stores.stop()
    }
  })
})
