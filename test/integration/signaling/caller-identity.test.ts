import assert from 'node:assert/strict'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

const DESK = '+12025550123'
const CALLER = '+12025550111'
const ASSERTED = '+12025550112'
/** drachtio-srf leaves out quotes that are not needed. */
const ANONYMOUS = 'Anonymous <sip:anonymous@anonymous.invalid>'
const uri = (number: string): string => `<sip:${number}@127.0.0.1>`

const CONFIG = (target: string, identity: string, trustsIdentity: boolean): string => `
agents: { keypad: { backend: local, instructions: none } }
trunks:
  - { id: carrier, sources: [127.0.0.1], trustsIdentity: ${trustsIdentity} }
  - { id: out, targets: [{ uri: "sip:${target}" }], identity: ${identity} }
groups: { us: { trunks: [carrier, out] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: keypad }]
`

/** RFC 3323 and RFC 3325 on the wire: what a carrier's trunk is told of who calls. */
describe('who calls, on the trunk that a call goes out on', function () {
  this.timeout(15_000)
  let router: ScriptedRouter
  let centre: CallCentre
  let caller: Peer
  let desk: Peer

  async function start(identity: string, trustsIdentity = true, configOf = CONFIG): Promise<void> {
    router = new ScriptedRouter()
    desk = await Peer.open('127.0.0.1:9')
    centre = await callCentre({ router, config: configOf(desk.address, identity, trustsIdentity), locator: AS_WRITTEN })
    caller = await Peer.open(centre.address)
  }

  afterEach(async () => {
    caller.close()
    desk.close()
    await centre.close()
  })

  const idle = () => eventually('the end of the call', () => (centre.calls.count === 0 ? true : undefined))

  async function refuse(status = 486): Promise<SipRequest> {
    const outgoing = await desk.nextRequest('INVITE')
    desk.send(desk.response(outgoing, status, 'Refused', 'bob'), centre.address)
    await desk.nextRequest('ACK')
    return outgoing
  }

  /** Has a caller put through to somebody on the trunk, and gives back the INVITE that they got. */
  async function through(headers: Record<string, string>, from?: string): Promise<SipRequest> {
    const all = { From: `<sip:${CALLER}@127.0.0.1>;tag=a`, ...headers }
    const invite = caller.request('INVITE', all, sdp(4000)).replace('sip:bob@', `sip:${NUMBER}@`)
    const before = router.asked.length
    caller.send(invite)
    await eventually('the router to be asked', () => (router.asked.length > before ? true : undefined))
    router.say({ ok: true, value: { dial: [{ number: DESK, group: 'us' }], ...(from !== undefined && { from }) } })
    const outgoing = await refuse()
    caller.send(caller.ack(invite, await caller.nextResponse(486, 'INVITE'), 'same'))
    await idle()
    return outgoing
  }

  const shown = (outgoing: SipRequest): readonly (string | undefined)[] => [
    outgoing.header('From')?.replace(/;tag=.*/, ''),
    outgoing.header('P-Asserted-Identity'),
    outgoing.header('P-Preferred-Identity'),
    outgoing.header('Privacy'),
  ]

  const PAI = { 'P-Asserted-Identity': uri(ASSERTED) }
  const HIDING = { From: `${ANONYMOUS};tag=a`, Privacy: 'id;critical', ...PAI }
  const [NOT_TOLD, NO_PRIVACY] = [undefined, undefined]

  for (const [why, identity, trusts, headers, want] of [
    ['is From alone by default', 'none', true, {}, [uri(CALLER), NOT_TOLD, NOT_TOLD, NO_PRIVACY]],
    ['is whom the carrier asserts', 'none', true, PAI, [uri(ASSERTED), NOT_TOLD, NOT_TOLD, NO_PRIVACY]],
    ['is not asserted by us alone', 'pai', true, {}, [uri(CALLER), NOT_TOLD, NOT_TOLD, NO_PRIVACY]],
    ['is asserted onward', 'pai', true, PAI, [uri(ASSERTED), uri(ASSERTED), NOT_TOLD, NO_PRIVACY]],
    ['is preferred onward', 'ppi', true, PAI, [uri(ASSERTED), NOT_TOLD, uri(ASSERTED), NO_PRIVACY]],
    [
      'is not whom a carrier asserts that is not believed',
      'pai',
      false,
      PAI,
      [uri(CALLER), NOT_TOLD, NOT_TOLD, NO_PRIVACY],
    ],
    ['is nobody where they hide', 'none', true, HIDING, [ANONYMOUS, NOT_TOLD, NOT_TOLD, 'id;critical']],
    [
      'is known to a trusted trunk alone where they hide',
      'pai',
      true,
      HIDING,
      [ANONYMOUS, uri(ASSERTED), NOT_TOLD, 'id;critical'],
    ],
    [
      'is nobody where they hide, and nobody is believed',
      'pai',
      false,
      HIDING,
      [ANONYMOUS, NOT_TOLD, NOT_TOLD, 'id;critical'],
    ],
    ['wants to be seen', 'none', true, { Privacy: 'none' }, [uri(CALLER), NOT_TOLD, NOT_TOLD, 'none']],
  ] as const) {
    it(`${why}: identity ${identity}, ${trusts ? '' : 'not '}believed`, async () => {
      await start(identity, trusts)
      const outgoing = await through(headers)
      assert.deepEqual(shown(outgoing), want)
      if (want[0] !== ANONYMOUS) return
      for (const name of ['Contact', 'Remote-Party-ID', 'Via', 'Subject'])
        assert.ok(![CALLER, ASSERTED].some((number) => outgoing.header(name)?.includes(number)), name)
    })
  }

  it('is the number that the router shows, which is ours, also for one who hides', async () => {
    await start('pai')
    assert.deepEqual(shown(await through(HIDING, NUMBER)), [uri(NUMBER), uri(NUMBER), NOT_TOLD, NO_PRIVACY])
  })

  it('is on each trunk a number that its carrier lets us show, the next one after a failure too', async () => {
    const other = '+14155550100'
    await start(
      'pai',
      true,
      (target) => `
agents: { keypad: { backend: local, instructions: none } }
trunks:
  - { id: none, targets: [{ uri: "sip:${target}" }], callerIds: ["+4930*"] }
  - { id: west, targets: [{ uri: "sip:${target}" }], callerIds: ["+1415*"] }
  - { id: out, targets: [{ uri: "sip:${target}" }], identity: pai, callerIds: ["${NUMBER}"] }
groups: { us: { trunks: [none, west, out] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}", "${other}"], agent: keypad }]
`,
    )
    const placed = centre.calls.place({ to: DESK, tenant: 'clinic' })
    assert.ok(placed.ok)
    assert.equal(placed.value.from, other)
    assert.deepEqual(shown(await refuse(502)), [uri(other), NOT_TOLD, NOT_TOLD, NO_PRIVACY])
    assert.deepEqual(shown(await refuse()), [uri(NUMBER), uri(NUMBER), NOT_TOLD, NO_PRIVACY])
    await idle()
    const attempts = centre.events.filter(({ event }) => event === 'call.attempt')
    assert.deepEqual(
      attempts.map(({ trunk, from }) => [trunk, from]),
      [
        ['west', undefined],
        ['out', NUMBER],
      ],
    )
  })

  it('is our own number, asserted, in a call that we place', async () => {
    await start('pai')
    const placed = centre.calls.place({ to: DESK, tenant: 'clinic' })
    assert.ok(placed.ok)
    assert.deepEqual(shown(await refuse()), [uri(NUMBER), uri(NUMBER), NOT_TOLD, NO_PRIVACY])
    await idle()
    assert.ok(centre.calls.place({ to: DESK, tenant: 'clinic', anonymous: true }).ok)
    assert.deepEqual(shown(await refuse()), [ANONYMOUS, uri(NUMBER), NOT_TOLD, 'id'])
    await idle()
  })
})
