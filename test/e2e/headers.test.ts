import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allCalls } from '../helpers/api-call.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const ROUTER = `import { defineRouter } from 'tandem'
export default defineRouter(async () => ({ dial: [{ number: '+12025550123', group: 'out' }] }))
`

/** What stands on the wire is checked by the scenarios on both sides: SIPp fails a call whose headers are others. */
describe('the headers of a hidden caller who is put through over a carrier that is told of them', function () {
  this.timeout(60_000)
  let node: TandemProcess
  let carrier: Carrier
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tandem-router-'))
    await writeFile(join(folder, 'router.ts'), ROUTER)
    const address = loopbackAddress()
    carrier = await Carrier.start({ scenario: 'uas-checks-headers', address, pauseMs: 300 })
    const out = { id: 'out', targets: [{ uri: `sip:${address}:5080` }], probe: { enabled: false } }
    node = await TandemProcess.start({
      configText: (host, dataDir) =>
        JSON.stringify({
          node: { id: 'test-1', address: host, dataDir },
          sip: { listen: [`udp:${host}:5060`] },
          http: { listen: `${host}:8080`, keys: [{ name: 'test', key: 'test-key', role: 'admin' }] },
          agents: { intake: { backend: 'local' } },
          trunks: [
            { id: 'in', sources: ['127.0.0.1'] },
            { ...out, identity: 'pai', diversion: 'diversion' },
          ],
          groups: { us: { trunks: ['in'] }, out: { trunks: ['out'] } },
          tenants: [{ id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake' }],
          router: join(folder, 'router.ts'),
        }),
    })
  })

  after(async () => {
    await carrier.stop()
    node.abandon()
    await rm(folder, { recursive: true, force: true })
  })

  it('tell the carrier who they are, the callee that they hide, and both of them who is at the other end', async () => {
    const result = await sipp({ scenario: 'uac-hides', target: `${node.address}:5060`, number: NUMBER })
    const { failed, calls, errors } = await carrier.stop()
    assert.deepEqual([result.code, failed, calls], [0, 0, 1], `${result.errors}${errors}`)
    await until(async () => (await allCalls(node))[0]?.state === 'ended', 'the record')
    const [call] = await allCalls(node)
    assert.deepEqual([call?.end?.by, call?.end?.cause, call?.trunk], ['callee', 'normal', 'in'])
  })
})
