import assert from 'node:assert/strict'
import { addressSet } from '../../../lib/core/cidr.ts'
import { nodeId, tenantId, trunkId } from '../../../lib/core/ids.ts'
import { type Decision, decideInvite } from '../../../lib/route/decide.ts'
import type { InviteFacts, Peer, RouteSnapshot, SourceRule, TrunkRoute } from '../../../lib/route/snapshot.ts'
import { formatContacts } from '../../../lib/route/standby-legs.ts'

const ALPHA = trunkId('alpha')
const BETA = trunkId('beta')
const CLINIC = tenantId('clinic')

type Source = Partial<SourceRule>

const trunk = (
  id: typeof ALPHA,
  source: string,
  { port = null, protocol = null, host = null, ...more }: Source & Partial<Omit<TrunkRoute, 'sources'>> = {},
): TrunkRoute => ({
  id,
  sources: [{ addresses: addressSet([source]), port, protocol, host }],
  channels: null,
  onDegraded: 'redirect',
  follows3xx: true,
  trustsIdentity: true,
  ingress: { hostPort: `${id}.example:5060`, transport: null },
  redirectTo: null,
  ...more,
})

const peer = (id: string, region: string, load: number): Peer => ({
  id: nodeId(id),
  region,
  load,
  hostPort: `${id}:5060`,
  transport: null,
})

const anywhere = { port: null, protocol: null, host: null }

const SNAPSHOT: RouteSnapshot = {
  trunks: [trunk(ALPHA, '192.0.2.1'), trunk(BETA, '198.51.100.0/24')],
  tenants: new Map([
    [
      CLINIC,
      {
        id: CLINIC,
        country: 'US',
        agent: 'intake',
        group: [ALPHA, BETA],
        channels: 2,
        recorded: false,
        resume: { windowMs: 900_000, resumeOn: 'fault' },
        referTo: [],
        callback: false,
        callingHours: null,
        retry: null,
      },
    ],
  ]),
  sbcSources: [{ tenant: CLINIC, rule: { ...anywhere, addresses: addressSet(['203.0.113.77']) } }],
  authenticate: () => null,
  countries: ['US'],
  numbers: new Map([
    ['+12025550100', { tenant: CLINIC, trunks: null }],
    ['+12025550101', { tenant: CLINIC, trunks: new Set([BETA]) }],
  ]),
  retryAfterS: { min: 1, max: 5 },
  impediments: new Set(),
  agentsAway: new Set(),
  trunkStates: new Map(),
  region: 'us-east',
  peers: [],
  trunkCalls: new Map(),
  tenantCalls: new Map(),
  admitTrunk: () => true,
  admitTenant: () => true,
}

const INVITE: InviteFacts = {
  method: 'INVITE',
  authorization: null,
  source: { address: '192.0.2.1', port: 5060, protocol: 'udp' },
  uri: 'sip:+12025550100@203.0.113.5',
  uriHost: '203.0.113.5',
  dialled: '+12025550100',
  caller: '2025550199',
  asserted: null,
  redirected: false,
}

const STRANGER: Partial<InviteFacts> = { source: { ...INVITE.source, address: '203.0.113.9' } }
const OWN_SBC: Partial<InviteFacts> = { source: { ...INVITE.source, address: '203.0.113.77' } }
const unproven = { kind: 'unproven', stale: false } as const
const proven = (tenant: typeof CLINIC) => ({ kind: 'proven', tenant }) as const

const BETA_TRUNK = trunk(BETA, '198.51.100.0/24')
const DEGRADED: Partial<RouteSnapshot> = { trunkStates: new Map([[ALPHA, 'standby']]) }

const outcome = (decision: Decision): string => {
  if (decision.kind === 'bridge') return `bridge ${decision.agent}`
  if (decision.kind === 'redirect') return `302 ${decision.legs.map((leg) => leg.hostPort).join(' ')}`
  return decision.kind === 'reject' ? `${decision.status} ${decision.cause}` : decision.kind
}

describe('who calls', () => {
  const wary = { trunks: [trunk(ALPHA, '192.0.2.1', { trustsIdentity: false })] }
  for (const [why, invite, snapshot, from] of [
    ['is From', {}, {}, '+12025550199'],
    ['is whom a trunk asserts that is believed', { asserted: '+12025550144' }, {}, '+12025550144'],
    ['is From where a trunk is not believed', { asserted: '+12025550144' }, wary, '+12025550199'],
    ['is whom an SBC of a tenant asserts', { ...OWN_SBC, asserted: '2025550144' }, wary, '+12025550144'],
    ['is nobody where a believed trunk asserts nobody', { asserted: 'anonymous' }, {}, 'anonymous'],
  ] as const) {
    it(why, () => assert.equal(decideInvite({ ...INVITE, ...invite }, { ...SNAPSHOT, ...snapshot }, 0).from, from))
  }
})

describe('what an INVITE from a carrier gets', () => {
  const rows: readonly [string, Partial<InviteFacts>, Partial<RouteSnapshot>, string][] = [
    ['a known number is bridged to its tenant’s agent', {}, {}, 'bridge intake'],
    ['a number without + is read in the tenant’s country', { dialled: '2025550100' }, {}, 'bridge intake'],
    ['an unknown source is ignored', { source: { ...INVITE.source, address: '192.0.2.2' } }, {}, 'ignore'],
    ['a source that must show credentials is challenged', STRANGER, { authenticate: () => unproven }, 'challenge'],
    ['wrong credentials are ignored', STRANGER, { authenticate: () => ({ kind: 'wrong' }) }, 'ignore'],
    ['an SBC that has shown them goes on', STRANGER, { authenticate: () => proven(CLINIC) }, 'bridge intake'],
    ['an SBC is known by its address too', OWN_SBC, {}, 'bridge intake'],
    ['of a trunk, credentials are not asked for', {}, { authenticate: () => ({ kind: 'wrong' }) }, 'bridge intake'],
    [
      'an SBC may call the numbers of its tenant, also such as live on a trunk',
      { ...OWN_SBC, dialled: '+12025550101' },
      {},
      'bridge intake',
    ],
    [
      'an SBC may call no numbers of others',
      STRANGER,
      { authenticate: () => proven(tenantId('another')) },
      '404 rejected',
    ],
    ['an SBC of a tenant that is full', OWN_SBC, { tenantCalls: new Map([[CLINIC, 2]]) }, '486 limit'],
    [
      'an SBC while the node drains: other nodes know nothing of its host',
      OWN_SBC,
      { impediments: new Set(['draining'] as const), peers: [peer('idle', 'us-east', 0)] },
      '503 rejected',
    ],
    ['an SBC while a trunk is degraded, which is none of its concern', OWN_SBC, DEGRADED, 'bridge intake'],
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
    ['whose agent cannot be reached', {}, { agentsAway: new Set(['intake']) }, '503 agent-fault'],
    ['while the agent of others cannot be reached', {}, { agentsAway: new Set(['other']) }, 'bridge intake'],
    [
      'whose agent cannot be reached, to a node that has one',
      {},
      { agentsAway: new Set(['intake']), peers: [peer('idle', 'us-east', 0)] },
      '302 idle:5060',
    ],
    ['without an agent backend', {}, { impediments: new Set(['agent'] as const) }, '503 rejected'],
    [
      'draining, to the best healthy other node: own region first, then the least loaded',
      {},
      {
        impediments: new Set(['draining'] as const),
        peers: [peer('far', 'us-west', 0), peer('busy', 'us-east', 0.9), peer('idle', 'us-east', 0.1)],
      },
      '302 idle:5060 busy:5060 far:5060',
    ],
    [
      'draining, on a trunk that does not follow 302',
      {},
      {
        impediments: new Set(['draining'] as const),
        peers: [peer('idle', 'us-east', 0)],
        trunks: [trunk(ALPHA, '192.0.2.1', { follows3xx: false })],
      },
      '503 rejected',
    ],
    [
      'draining, when one of us has redirected the call before',
      { redirected: true },
      { impediments: new Set(['draining'] as const), peers: [peer('idle', 'us-east', 0)] },
      '503 rejected',
    ],
    [
      'on a degraded trunk: what it redirects to, the ingress of a better trunk, another node, in this order',
      {},
      {
        ...DEGRADED,
        trunks: [trunk(ALPHA, '192.0.2.1', { redirectTo: { hostPort: 'own:5060', transport: null } }), BETA_TRUNK],
        peers: [peer('idle', 'us-east', 0)],
      },
      '302 own:5060 beta.example:5060 idle:5060',
    ],
    ['on a degraded trunk, once redirected, is served', { redirected: true }, DEGRADED, 'bridge intake'],
    [
      'on a degraded trunk with no better leg is served',
      {},
      {
        trunkStates: new Map([
          [ALPHA, 'standby'],
          [BETA, 'standby'],
        ] as const),
      },
      'bridge intake',
    ],
    [
      'on a failed trunk, a trunk on standby is better',
      {},
      {
        trunkStates: new Map([
          [ALPHA, 'failed'],
          [BETA, 'standby'],
        ] as const),
      },
      '302 beta.example:5060',
    ],
    [
      'on a degraded trunk that is told to refuse',
      {},
      { ...DEGRADED, trunks: [trunk(ALPHA, '192.0.2.1', { onDegraded: 'refuse' }), BETA_TRUNK] },
      '503 rejected',
    ],
    [
      'on a degraded trunk that is told to accept',
      {},
      { ...DEGRADED, trunks: [trunk(ALPHA, '192.0.2.1', { onDegraded: 'accept' }), BETA_TRUNK] },
      'bridge intake',
    ],
    [
      'is never sent back to the address that it has just called',
      {},
      {
        ...DEGRADED,
        trunks: [
          trunk(ALPHA, '192.0.2.1'),
          { ...BETA_TRUNK, ingress: { hostPort: 'alpha.example:5060', transport: null } },
        ],
      },
      'bridge intake',
    ],
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

  it('has the SBC’s tenant on record where the number is not its own', () => {
    const snapshot = { ...SNAPSHOT, authenticate: () => proven(tenantId('another')) }
    const { trunk, tenant } = decideInvite({ ...INVITE, ...STRANGER }, snapshot, 0)
    assert.deepEqual([trunk, tenant], [null, 'another'])
  })

  it('says who calls whom in E.164', () => {
    const { from, to, trunk, tenant } = decideInvite(INVITE, SNAPSHOT, 0)
    assert.deepEqual(
      { from, to, trunk, tenant },
      { from: '+12025550199', to: '+12025550100', trunk: ALPHA, tenant: CLINIC },
    )
  })

  it('asks for a retry after as many seconds as the config says, spread evenly', () => {
    const impediments = new Set(['draining'] as const)
    const snapshot = { ...SNAPSHOT, retryAfterS: { min: 10, max: 12 }, impediments }
    const drawn = [0, 0.34, 0.999].map((random) => decideInvite(INVITE, snapshot, random))
    assert.deepEqual(
      drawn.map((decision) => decision.kind === 'reject' && decision.retryAfterS),
      [10, 11, 12],
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

  it('lists the standby legs as Contacts in order of q, each with the number, an end, and the mark of one hop', () => {
    const legs = [
      { hostPort: '192.0.2.7:5060', transport: null, via: 'node' },
      { hostPort: '192.0.2.8', transport: 'tcp', via: 'node' },
    ] as const
    assert.equal(
      formatContacts(legs, '+12025550100', 30),
      '<sip:+12025550100@192.0.2.7:5060;tandem-hop=1>;q=1.0;expires=30, ' +
        '<sip:+12025550100@192.0.2.8;transport=tcp;tandem-hop=1>;q=0.9;expires=30',
    )
  })
})
