import assert from 'node:assert/strict'
import { addressSet } from '../../../lib/core/cidr.ts'
import { tenantId, trunkId } from '../../../lib/core/ids.ts'
import { type Decision, decideInvite } from '../../../lib/route/decide.ts'
import type { InviteFacts, RouteSnapshot, SourceRule, TrunkRoute } from '../../../lib/route/snapshot.ts'

const ALPHA = trunkId('alpha')
const BETA = trunkId('beta')
const CLINIC = tenantId('clinic')

const trunk = (
  id: typeof ALPHA,
  source: string,
  more: Partial<SourceRule> & { readonly channels?: number } = {},
): TrunkRoute => {
  const { channels = null, ...rule } = more
  return {
    id,
    sources: [{ addresses: addressSet([source]), port: null, protocol: null, host: null, ...rule }],
    channels,
  }
}

const SNAPSHOT: RouteSnapshot = {
  trunks: [trunk(ALPHA, '192.0.2.1'), trunk(BETA, '198.51.100.0/24')],
  tenants: new Map([[CLINIC, { id: CLINIC, country: 'US', agent: 'intake', channels: 2 }]]),
  countries: ['US'],
  numbers: new Map([
    ['+12025550100', { tenant: CLINIC, trunk: null }],
    ['+12025550101', { tenant: CLINIC, trunk: BETA }],
  ]),
  impediments: new Set(),
  trunkCalls: new Map(),
  tenantCalls: new Map(),
  admitTrunk: () => true,
  admitTenant: () => true,
}

const INVITE: InviteFacts = {
  source: { address: '192.0.2.1', port: 5060, protocol: 'udp' },
  uri: 'sip:+12025550100@203.0.113.5',
  uriHost: '203.0.113.5',
  dialled: '+12025550100',
  caller: '2025550199',
}

const outcome = (decision: Decision): string => {
  if (decision.kind === 'bridge') return `bridge ${decision.agent}`
  return decision.kind === 'reject' ? `${decision.status} ${decision.cause}` : decision.kind
}

describe('what an INVITE from a carrier gets', () => {
  const rows: readonly [string, Partial<InviteFacts>, Partial<RouteSnapshot>, string][] = [
    ['a known number is bridged to its tenant’s agent', {}, {}, 'bridge intake'],
    ['a number without + is read in the tenant’s country', { dialled: '2025550100' }, {}, 'bridge intake'],
    ['an unknown source is ignored', { source: { ...INVITE.source, address: '192.0.2.2' } }, {}, 'ignore'],
    ['an unknown number is 404', { dialled: '+12025550155' }, {}, '404 rejected'],
    ['a number that lives on another trunk is 404', { dialled: '+12025550101' }, {}, '404 rejected'],
    [
      'an unknown number is 503 while tenants cannot be read',
      { dialled: '+12025550155' },
      { impediments: new Set(['store'] as const) },
      '503 rejected',
    ],
    ['over the trunk’s rate', {}, { admitTrunk: () => false }, '503 limit'],
    [
      'over the trunk’s channels',
      {},
      { trunks: [trunk(ALPHA, '192.0.2.1', { channels: 1 })], trunkCalls: new Map([[ALPHA, 1]]) },
      '503 limit',
    ],
    ['over the tenant’s rate', {}, { admitTenant: () => false }, '486 limit'],
    ['over the tenant’s channels', {}, { tenantCalls: new Map([[CLINIC, 2]]) }, '486 limit'],
    ['draining', {}, { impediments: new Set(['draining'] as const) }, '503 rejected'],
    ['without an agent backend', {}, { impediments: new Set(['agent'] as const) }, '503 rejected'],
    [
      'our own fault never hides that the tenant is full',
      {},
      { impediments: new Set(['draining'] as const), tenantCalls: new Map([[CLINIC, 2]]) },
      '486 limit',
    ],
  ]
  for (const [why, invite, snapshot, want] of rows) {
    it(why, () => {
      assert.equal(outcome(decideInvite({ ...INVITE, ...invite }, { ...SNAPSHOT, ...snapshot }, 0.5)), want)
    })
  }

  it('says who calls whom in E.164', () => {
    const { from, to, trunk, tenant } = decideInvite(INVITE, SNAPSHOT, 0)
    assert.deepEqual(
      { from, to, trunk, tenant },
      { from: '+12025550199', to: '+12025550100', trunk: ALPHA, tenant: CLINIC },
    )
  })

  it('asks for a retry after 1 to 5 seconds on every 503', () => {
    for (const random of [0, 0.2, 0.5, 0.999]) {
      const decision = decideInvite(INVITE, { ...SNAPSHOT, impediments: new Set(['draining']) }, random)
      assert.ok(decision.kind === 'reject' && decision.retryAfterS !== null)
      assert.ok(decision.retryAfterS >= 1 && decision.retryAfterS <= 5)
    }
  })

  it('tells trunks that share a source address apart by port, protocol, host or number', () => {
    const shared = '192.0.2.1'
    const byPort = [trunk(ALPHA, shared, { port: 5062 }), trunk(BETA, shared)]
    assert.equal(decideInvite(INVITE, { ...SNAPSHOT, trunks: byPort }, 0).trunk, BETA)
    const byHost = [trunk(ALPHA, shared, { host: 'a.example' }), trunk(BETA, shared)]
    assert.equal(decideInvite({ ...INVITE, uriHost: 'a.example' }, { ...SNAPSHOT, trunks: byHost }, 0).trunk, ALPHA)
    const byNumber = [trunk(ALPHA, shared), trunk(BETA, shared)]
    const dialled = { ...INVITE, dialled: '+12025550101' }
    assert.equal(decideInvite(dialled, { ...SNAPSHOT, trunks: byNumber }, 0).trunk, BETA)
  })
})
