import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { tenantId } from '../../../lib/core/ids.ts'
import { type DialFacts, planDial } from '../../../lib/route/dial.ts'
import { routesOf } from '../../../lib/route/routes.ts'

const CONFIG = `
media: { srtp: optional }
agents: { intake: { backend: local, instructions: none } }
trunks:
  - { id: alpha, sources: [192.0.2.1], targets: [{ uri: "sip:192.0.2.1" }] }
  - { id: beta, sources: [192.0.2.2] }
  - { id: gamma, sources: [192.0.2.3] }
  - { id: delta, targets: [{ uri: "sip:192.0.2.4" }], callerIds: ["+1202555*"] }
  - { id: omega, targets: [{ uri: "sip:192.0.2.5" }], callerIds: ["+14155550100"] }
groups:
  us: { trunks: [alpha, beta] }
  deaf: { trunks: [gamma] }
  coasts: { trunks: [delta, omega] }
tenants: [{ id: clinic, group: us, numbers: ["+12025550100"], agent: intake }]
`

function facts(more: Partial<DialFacts> = {}): DialFacts {
  const config = parseConfig(CONFIG, { env: {}, file: 'test.yaml' })
  assert.ok(config.ok)
  const local = {
    id: 'a/0',
    kind: 'local',
    baseUrl: 'ws://127.0.0.1:1',
    model: '',
    apiKey: '',
    renewBeforeMs: 1,
  } as const
  const routes = routesOf(config.value, local)
  return { tenant: { id: tenantId('clinic'), country: 'US' }, routes, joins: true, ...more }
}

describe('Whom a router’s dial has rung', () => {
  it('is a number over those trunks of its group that can be called, in the tenant’s own group where it names none', () => {
    const plan = planDial({ dial: [{ number: '(202) 555-0123' }, { number: '+12025550124', group: 'us' }] }, facts())
    assert.ok(plan.ok)
    assert.equal(plan.value.mode, 'sequential')
    assert.deepEqual(
      plan.value.targets.map((each) => (each.kind === 'number' ? [each.to, each.group.name, each.trunks] : null)),
      [
        ['+12025550123', 'us', ['alpha']],
        ['+12025550124', 'us', ['alpha']],
      ],
    )
  })

  it('is an address, called as a trunk without a word of its own would be; keys are offered over TLS alone', () => {
    const plan = planDial({ dial: ['sip:a@192.0.2.9', 'sips:b@192.0.2.9'] }, facts())
    assert.ok(plan.ok)
    const direct = plan.value.targets.flatMap((each) => (each.kind === 'uri' ? [each.direct] : []))
    assert.deepEqual(
      direct.map(({ srtp, policy, targets }) => [srtp, policy.ringTimeoutMs, policy.noReplyMs, targets[0]?.uri.text]),
      [
        ['optional', 60_000, 2_000, 'sip:a@192.0.2.9'],
        ['preferred', 60_000, 2_000, 'sips:b@192.0.2.9'],
      ],
    )
  })

  it('is rung over the trunks that may show the number of the router’s; a caller’s own number is theirs to show', () => {
    const dial = [{ number: '+12025550123', group: 'coasts' }]
    const trunks = (from?: string) => {
      const plan = planDial({ dial, ...(from !== undefined && { from }) }, facts())
      if (!plan.ok) return plan.error
      return plan.value.targets.flatMap((each) => (each.kind === 'number' ? each.trunks : []))
    }
    assert.deepEqual(trunks(), ['delta', 'omega'])
    assert.deepEqual(trunks('+12025550100'), ['delta'])
    assert.equal(
      trunks('+12125550100'),
      'dial.0: from: no trunk of group "coasts" may show +12125550100: delta shows +1202555*; omega shows +14155550100',
    )
  })

  it('has what is said of one before what is said of all', () => {
    const plan = planDial(
      {
        dial: [
          'sip:a@192.0.2.9',
          { number: '2025550123', from: '2025550101', timeoutMs: 5_000, headers: { 'X-A': '2' } },
        ],
        from: '+12025550100',
        timeoutMs: 20_000,
        headers: { 'X-A': '1', 'X-B': '1' },
      },
      facts(),
    )
    assert.ok(plan.ok)
    assert.deepEqual(
      plan.value.targets.map(({ from, timeoutMs, headers }) => [from, timeoutMs, headers]),
      [
        ['+12025550100', 20_000, { 'X-A': '1', 'X-B': '1' }],
        ['+12025550101', 5_000, { 'X-A': '2', 'X-B': '1' }],
      ],
    )
  })

  const ONE = { dial: ['sip:a@192.0.2.9'] }
  const BAD: readonly (readonly [
    why: string,
    dial: Parameters<typeof planDial>[0],
    more: Partial<DialFacts>,
    RegExp,
  ])[] = [
    [
      'a group that is not there',
      { dial: [{ number: '2025550123', group: 'eu' }] },
      {},
      /^dial\.0: group: there is no/,
    ],
    ['one that cannot be called', { dial: [{ number: '2025550123', group: 'deaf' }] }, {}, /no trunk of group "deaf"/],
    ['a number that is none', { dial: [ONE.dial[0] ?? '', { number: '12' }] }, {}, /^dial\.1: number: "12" is no/],
    ['a caller’s number that is none', { ...ONE, from: '12' }, {}, /^dial\.0: from: "12" is no/],
    ['an agent that is not there', { ...ONE, onLost: { agent: 'nobody' } }, {}, /^onLost: no agent is named nobody/],
    ['media that cannot join', ONE, { joins: false }, /FreeSWITCH/],
  ]
  for (const [why, dial, more, want] of BAD)
    it(`is nobody, and it says why: ${why}`, () => {
      const plan = planDial(dial, facts(more))
      assert.ok(!plan.ok)
      assert.match(plan.error, want)
    })
})
