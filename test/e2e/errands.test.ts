import assert from 'node:assert/strict'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { KEY, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const TO = '+12025550123'

interface ApiErrand {
  readonly state: string
  readonly attempts: readonly { readonly call: string; readonly outcome: string | null }[]
}

describe('an errand', function () {
  this.timeout(60_000)
  let carrier: Carrier
  let node: TandemProcess

  before(async () => {
    const address = loopbackAddress()
    carrier = await Carrier.start({ scenario: 'uas-busy-once', address })
    node = await TandemProcess.start({
      config: {
        trunks: [{ id: 'alpha', targets: [{ uri: `sip:${address}:5080` }], probe: { enabled: false } }],
        groups: { us: { trunks: ['alpha'] } },
        tenants: [{ id: 'clinic', group: 'us', numbers: ['+12025550100'], agent: 'intake' }],
      },
    })
  })
  after(async () => {
    assert.equal(await node.stop(), 0)
  })

  const place = async (key: string, retry?: object): Promise<ApiCall & { readonly errand: string }> => {
    const response = await fetch(`${node.url}/api/v1/calls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ to: TO, tenant: 'clinic', ...(retry !== undefined && { retry }) }),
    })
    assert.equal(response.status, 202)
    const call: ApiCall & { readonly errand: string } = JSON.parse(await response.text())
    return call
  }

  it('reaches on the second call who was busy at the first, and rings once for a key', async () => {
    const retry = { attempts: 3, afterSec: 1, on: ['busy'] }
    const [first, twin] = await Promise.all([place('patient-1', retry), place('patient-1', retry)])
    assert.equal(first.id, twin.id)
    let errand: ApiErrand | null = null
    await until(
      async () => {
        errand = await node.api<ApiErrand>(`/api/v1/errands/${first.errand}`)
        return errand.state === 'done'
      },
      'the errand to be done',
      30_000,
    )
    const again = await place('patient-1', retry)
    assert.deepEqual([again.id, again.end?.cause], [first.id, 'busy'])
    const calls = (await allCalls(node)).toReversed()
    assert.deepEqual(
      calls.map(({ id, end }) => [id, end?.by, end?.cause]),
      [
        [first.id, 'callee', 'busy'],
        [calls[1]?.id, 'callee', 'normal'],
      ],
    )
    const { calls: invites, failed } = await carrier.stop()
    assert.deepEqual([invites, failed], [2, 0])
  })
})
