import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { tenantId } from '../../../lib/core/ids.ts'
import { routesOf } from '../../../lib/route/routes.ts'
import { decideTransfer } from '../../../lib/route/transfer.ts'

const CONFIG = `
agents: { intake: { backend: local } }
trunks:
  - { id: alpha, targets: [{ uri: "sip:192.0.2.1" }] }
  - { id: beta, targets: [{ uri: "sip:192.0.2.2" }], callerIds: ["+14155550100"] }
  - { id: gamma, targets: [{ uri: "sip:192.0.2.3" }], callerIds: ["+4930*"] }
groups: { us: { trunks: [alpha, beta, gamma] } }
tenants: [{ id: clinic, group: us, numbers: ["+12025550100", "+14155550100"], agent: intake }]
`

const LOCAL = {
  id: 'a/0',
  kind: 'local',
  baseUrl: 'ws://127.0.0.1:1',
  model: '',
  apiKey: '',
  renewBeforeMs: 1,
} as const
const CALL = { tenant: tenantId('clinic'), direction: 'inbound', from: '+12025550111', to: '+12025550100' } as const

function decided(hops: number | null): ReturnType<typeof decideTransfer> {
  const config = parseConfig(CONFIG, { env: {}, file: 'test.yaml' })
  assert.ok(config.ok)
  return decideTransfer(CALL, '(202) 555-0150', { ...routesOf(config.value, LOCAL), trunkCalls: new Map(), hops })
}

describe('Whom a call may be handed to', () => {
  it('is a number of the tenant’s country, shown the number that was called', () => {
    for (const hops of [null, 1]) {
      const placement = decided(hops)
      assert.ok(placement.ok)
      assert.deepEqual([placement.value.from, placement.value.to], ['+12025550100', '+12025550150'])
    }
  })

  it('is shown another number of the tenant by a trunk that may not show that one, and not rung by one that may show none', () => {
    const placement = decided(null)
    assert.ok(placement.ok)
    assert.deepEqual(placement.value.trunks, ['alpha', 'beta'])
    assert.deepEqual([...placement.value.fromOn.values()], ['+12025550100', '+14155550100'])
  })

  it('is nobody where the call was sent on too often: a loop of transfers ends', () => {
    const refused = decided(0)
    assert.ok(!refused.ok)
    assert.deepEqual([refused.error.code, /Max-Forwards/.test(refused.error.message)], ['request', true])
  })
})
