import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { tandem } from '../helpers/run.ts'
import { KEY, type TandemOptions, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const TO = '+12025550123'
const RETRY = { attempts: 3, afterSec: 1, on: ['busy'] }

interface ApiErrand {
  readonly state: string
  readonly reason: string | null
  readonly attempts: readonly { readonly call: string; readonly outcome: string | null }[]
}

describe('an errand', function () {
  this.timeout(90_000)
  let options: TandemOptions & { readonly dataDir: string }
  let busyOnce: Carrier
  let ringing: Carrier
  let node: TandemProcess

  before(async () => {
    const [alpha, beta] = [loopbackAddress(), loopbackAddress()]
    ;[busyOnce, ringing] = await Promise.all([
      Carrier.start({ scenario: 'uas-busy-once', address: alpha }),
      Carrier.start({ scenario: 'uas-rings', address: beta }),
    ])
    const probe = { enabled: false }
    options = {
      dataDir: await tempFolder(),
      address: loopbackAddress(),
      config: {
        trunks: [
          { id: 'alpha', targets: [{ uri: `sip:${alpha}:5080` }], probe },
          { id: 'beta', targets: [{ uri: `sip:${beta}:5080` }], probe },
        ],
        groups: { us: { trunks: ['alpha'] }, eu: { trunks: ['beta'] } },
        tenants: [
          { id: 'clinic', group: 'us', numbers: ['+12025550100'], agent: 'intake' },
          { id: 'ward', group: 'eu', numbers: ['+12025550101'], agent: 'intake' },
        ],
      },
    }
    node = await TandemProcess.start(options)
  })
  after(async () => {
    assert.equal(await node.stop(), 0)
    await rm(options.dataDir, { recursive: true, force: true })
    await Promise.all([busyOnce.stop(), ringing.stop()])
  })

  const place = async (key: string, body: object): Promise<ApiCall & { readonly errand: string }> => {
    const response = await fetch(`${node.url}/api/v1/calls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ to: TO, ...body }),
    })
    const text = await response.text()
    assert.equal(response.status, 202, text)
    const call: ApiCall & { readonly errand: string } = JSON.parse(text)
    return call
  }
  const endOf = async (id: string): Promise<ApiErrand> => {
    let errand = await node.api<ApiErrand>(`/api/v1/errands/${id}`)
    await until(
      async () => {
        errand = await node.api<ApiErrand>(`/api/v1/errands/${id}`)
        return ['done', 'failed', 'expired', 'cancelled'].includes(errand.state)
      },
      `errand ${id} to be over`,
      30_000,
    )
    return errand
  }

  it('reaches on the second call who was busy at the first, and rings once for a key', async () => {
    const body = { tenant: 'clinic', retry: RETRY }
    const [first, twin] = await Promise.all([place('patient-1', body), place('patient-1', body)])
    assert.equal(first.id, twin.id)
    assert.equal((await endOf(first.errand)).state, 'done')
    const again = await place('patient-1', body)
    assert.deepEqual([again.id, again.end?.cause], [first.id, 'busy'])
    const calls = (await allCalls(node)).toReversed()
    assert.deepEqual(
      calls.map(({ end, attempts }) => [end?.by, end?.cause, attempts.length]),
      [
        ['callee', 'busy', 1],
        ['callee', 'normal', 1],
      ],
    )
  })

  it('is each line of a list, called once however often the list is run', async () => {
    const before = (await allCalls(node)).length
    const file = join(options.dataDir, 'list.csv')
    await writeFile(file, 'to,variables.name\n+12025550131,Ann\n+12025550132,Bob\n+12025550133,Cy\n')
    const args = ['dial', file, '--tenant', 'clinic', '--cps', '10', '--json']
    const env = { TANDEM_URL: node.url, TANDEM_API_KEY: KEY }
    for (const placedBefore of [0, 3]) {
      const { code, stdout, stderr } = await tandem(args, env)
      assert.equal(code, 0, stderr)
      assert.deepEqual(JSON.parse(stdout), { lines: 3, placed: 3, placedBefore, states: { done: 3 }, ended: false })
    }
    assert.equal((await allCalls(node)).length, before + 3)
  })

  it('does not ring again who may have been rung when its node was killed, also where the client asks again', async () => {
    const body = { tenant: 'ward' }
    const call = await place('patient-2', body)
    const isRinging = async (): Promise<boolean> =>
      (await node.api<ApiCall>(`/api/v1/calls/${call.id}`)).attempts.length > 0 ||
      (await node.text(`/api/v1/calls/${call.id}/ladder`)).includes('180')
    await until(isRinging, 'the telephone to ring', 20_000)
    await node.kill()
    node = await TandemProcess.start(options)
    const again = await place('patient-2', body)
    assert.equal(again.id, call.id)
    const { state, reason, attempts } = await endOf(call.errand)
    assert.deepEqual([state, reason, attempts.map(({ outcome }) => outcome)], ['failed', 'lost', ['lost']])
    assert.equal((await ringing.stop()).calls, 1)
  })
})
