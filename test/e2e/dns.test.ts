import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { loopbackAddress } from '../helpers/loopback.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { TandemProcess, testConfig } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const ZONE = 'sip.example.net'
const SERVICE = `_sip._udp.${ZONE}`

/** What dig is told by a node, as short as can be. */
async function dig({ address }: TandemProcess, ...args: readonly string[]): Promise<readonly string[]> {
  const where = [`@${address}`, '-p', '5353', '+time=2', '+tries=1', '+short']
  const { stdout } = await promisify(execFile)('dig', [...where, ...args])
  return stdout.split('\n').filter((line) => line !== '')
}

describe('the DNS of two nodes', () => {
  it('lists both, own region first; leaves out one that drains, and one that has died', async function () {
    this.timeout(120_000)
    const postgres = await startPostgres()
    const start = (id: string, region: string): Promise<TandemProcess> => {
      const address = loopbackAddress()
      const configText = (_address: string, dataDir: string): string =>
        JSON.stringify({
          ...testConfig(id, address, dataDir),
          node: { id, address, dataDir, region },
          store: { postgres: postgres.url },
          dns: { listen: `udp:${address}:5353`, zone: ZONE },
          fleet: { heartbeat: '300ms', lease: '1s' },
        })
      return TandemProcess.start({ address, configText })
    }
    const [east, west] = await Promise.all([start('east-1', 'east'), start('west-1', 'west')])
    try {
      const both = async (node: TandemProcess): Promise<readonly string[]> =>
        (await dig(node, 'SRV', SERVICE)).toSorted()
      await until(async () => (await both(east)).length === 2 && (await both(west)).length === 2, 'both nodes in both')
      const seen = (await both(east)).map((line) => line.split(' '))
      assert.deepEqual(
        seen.map(([priority, , port, target]) => [priority, port, target]),
        [
          ['10', '5060', `east-1.${ZONE}.`],
          ['20', '5060', `west-1.${ZONE}.`],
        ],
      )
      assert.equal((await both(west))[0]?.endsWith(`west-1.${ZONE}.`), true)
      assert.deepEqual(await dig(west, '+tcp', 'A', `east-1.${ZONE}`), [east.address])
      assert.deepEqual((await dig(west, 'NS', ZONE)).toSorted(), [`east-1.${ZONE}.`, `west-1.${ZONE}.`])

      await east.api('/api/v1/nodes/west-1/drain', { method: 'POST' })
      const drainedAtMs = performance.now()
      await until(async () => (await both(east)).length === 1, 'the draining node to be left out')
      const tookMs = performance.now() - drainedAtMs
      assert.ok(tookMs < 1_500, `${tookMs} ms`)
      assert.deepEqual(
        (await both(west)).map((line) => line.split(' ')[3]),
        [`east-1.${ZONE}.`],
      )

      await east.kill()
      await until(
        async () => (await both(west))[0]?.endsWith(`west-1.${ZONE}.`) === true,
        'the last node, though it drains',
      )
    } finally {
      await east.stop()
      await west.stop()
      await postgres.stop()
    }
  })
})
