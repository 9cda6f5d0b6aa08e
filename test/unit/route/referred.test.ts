import assert from 'node:assert/strict'
import { tenantId } from '../../../lib/core/ids.ts'
import type { TenantRoute } from '../../../lib/route/snapshot.ts'
import { judgeReferred, type ReferredTo } from '../../../lib/route/transfer.ts'

const CLINIC = tenantId('clinic')
const TENANT: TenantRoute = {
  id: CLINIC,
  country: 'US',
  agent: 'intake',
  group: [],
  channels: null,
  recorded: false,
  resume: { windowMs: 0, resumeOn: 'fault' },
  referTo: ['1002', '+12025550151'],
  callback: false,
  callingHours: null,
  retry: null,
}
const NURSE: ReferredTo = { to: '+12025550150', name: 'nurse', ringTimeoutMs: 20_000 }

describe('whom a REFER of a person may lead to', () => {
  const judge = (user: string, tenant: string | null = CLINIC) => {
    const call = { direction: 'inbound', from: '+12025550111', to: '+12025550100' } as const
    const facts = { tenants: new Map([[CLINIC, TENANT]]) }
    const found = judgeReferred({ ...call, tenant: tenant === null ? null : tenantId(tenant) }, user, [NURSE], facts)
    return found.ok ? found.value : found.error.message
  }

  it('is who the agent may transfer to, by its name and for as long as it says', () => {
    assert.deepEqual(judge('+12025550150'), NURSE)
    assert.deepEqual(judge('(202) 555-0150'), NURSE)
  })

  it('is who the tenant names', () => {
    assert.deepEqual(judge('1002'), { to: '1002', name: null, ringTimeoutMs: null })
    assert.deepEqual(judge('12025550151'), { to: '+12025550151', name: null, ringTimeoutMs: null })
  })

  for (const user of ['+19005550199', '1003', '100', '+1202555015', '+12025550100', 'nurse', '1002@evil.example', '']) {
    it(`is nobody else: ${user}`, () => assert.equal(typeof judge(user), 'string'))
  }

  it('is nobody in a call of no tenant', () => {
    assert.equal(judge('1002', null), 'the call is of no tenant')
    assert.equal(judge('1002', 'other'), 'the call is of no tenant')
  })
})
