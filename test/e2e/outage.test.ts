import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const ALPHA = loopbackAddress()
const BETA = loopbackAddress()
/** SIPp does not expect OPTIONS: what is known of the trunks comes from calls alone. */
const probe = { enabled: false }

const CONFIG = {
  trunks: [
    { id: 'alpha', targets: [{ uri: `sip:${ALPHA}:5080` }], probe },
    { id: 'beta', targets: [{ uri: `sip:${BETA}:5080` }], probe },
  ],
  groups: { us: { trunks: ['alpha', 'beta'] } },
  tenants: [{ id: 'clinic', group: 'us', numbers: ['+12025550100'], agent: 'intake' }],
}

const EVERY_MS = 100
const HEALTHY_CALLS = 10
const OUTAGE_CALLS = 40
/** From the INVITE to the answer on the standby. */
const PROMISED_MS = 2_500

describe('a carrier that falls silent under traffic', () => {
  it('costs no call that is placed from then on, and is failed by its calls', async function () {
    this.timeout(120_000)
    const carriers = await Promise.all(
      [ALPHA, BETA].map((address) => Carrier.start({ scenario: 'uas-answers', address, pauseMs: 200 })),
    )
    const node = await TandemProcess.start({ config: CONFIG })
    const place = async (count: number): Promise<readonly string[]> => {
      const placed: Promise<ApiCall>[] = []
      for (let i = 0; i < count; i++) {
        placed.push(node.post<ApiCall>('/api/v1/calls', { to: `+120255501${10 + (i % 50)}`, tenant: 'clinic' }))
        await delay(EVERY_MS)
      }
      return (await Promise.all(placed)).map(({ id }) => id)
    }
    try {
      await place(HEALTHY_CALLS)
      await until(async () => (await allCalls(node)).every(({ state }) => state === 'ended'), 'the first calls to end')
      assert.ok((await allCalls(node)).every(({ trunk, answeredAt }) => trunk === 'alpha' && answeredAt !== null))

      process.kill(carriers[0]?.pid ?? -1, 'SIGSTOP')
      const ids = await place(OUTAGE_CALLS)
      await until(async () => (await allCalls(node)).every(({ state }) => state === 'ended'), 'all calls to end')
      const calls = (await allCalls(node)).filter(({ id }) => ids.includes(id))
      assert.equal(calls.length, OUTAGE_CALLS)
      for (const { answeredAt, attempts, trunk } of calls) {
        assert.equal(trunk, 'beta')
        const tookMs = Date.parse(answeredAt ?? '') - Date.parse(attempts[0]?.startedAt ?? '')
        assert.ok(tookMs <= PROMISED_MS, `answered after ${tookMs} ms`)
      }
      const [alpha] = await node.api<readonly { readonly state: string; readonly reason: string }[]>('/api/v1/trunks')
      assert.equal(alpha?.state, 'failed', alpha?.reason)
      // Those that were placed before the third fault was over have tried it; none after that.
      assert.ok(calls.filter(({ attempts }) => attempts.length > 1).length <= 2_000 / EVERY_MS + 5)
    } finally {
      await Promise.all(carriers.map((carrier) => carrier.stop()))
      assert.equal(await node.stop(), 0)
    }
  })
})
