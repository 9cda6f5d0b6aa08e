import assert from 'node:assert/strict'
import type { RouterDial } from '../../../lib/route/router.ts'
import { wireText } from '../../../lib/sip/header-line.ts'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

const DESK = '+12025550123'
const IDENTITY = 'eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7fX0.c2ln;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken'

const CONFIG = (target: string, more: string): string => `
agents: { keypad: { backend: local, instructions: none } }
trunks:
  - { id: carrier, sources: [127.0.0.1] }
  - { id: out, targets: [{ uri: "sip:${target}" }]${more} }
groups: { us: { trunks: [carrier, out] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: keypad }]
`

/** What of a caller's INVITE is on the wire of the trunk that the call goes on over. */
describe('the headers of a caller, on the leg of who is called', function () {
  this.timeout(15_000)
  let router: ScriptedRouter
  let centre: CallCentre
  let caller: Peer
  let desk: Peer

  async function start(more = ''): Promise<void> {
    router = new ScriptedRouter()
    desk = await Peer.open('127.0.0.1:9')
    centre = await callCentre({ router, config: CONFIG(desk.address, more), locator: AS_WRITTEN })
    caller = await Peer.open(centre.address)
  }

  afterEach(async () => {
    caller.close()
    desk.close()
    await centre.close()
  })

  async function through(lines: readonly string[], more: Partial<RouterDial> = {}): Promise<SipRequest> {
    const plain = caller.request('INVITE', { From: '<sip:+12025550111@127.0.0.1>;tag=a' }, sdp(4000))
    const text = plain
      .replace('sip:bob@', `sip:${NUMBER}@`)
      .replace(/^Max-Forwards: 70/m, [...lines, 'Max-Forwards: 9'].join('\r\n'))
    const before = router.asked.length
    caller.send(text)
    await eventually('the router to be asked', () => (router.asked.length > before ? true : undefined))
    router.say({ ok: true, value: { dial: [{ number: DESK, group: 'us' }], ...more } })
    const outgoing = await desk.nextRequest('INVITE')
    desk.send(desk.response(outgoing, 486, 'Busy Here', 'bob'), centre.address)
    await desk.nextRequest('ACK')
    caller.send(caller.ack(text, await caller.nextResponse(486, 'INVITE'), 'same'))
    await eventually('the end of the call', () => (centre.calls.count === 0 ? true : undefined))
    return outgoing
  }

  const CAME = [
    `Identity: ${IDENTITY}`,
    'Date: Mon, 23 Nov 2026 20:00:00 GMT',
    'User-to-User: 56a390f3d2b7310023;encoding=hex',
    'User-Agent: secret-pbx/10.9.8.7',
    'Record-Route: <sip:10.9.8.7;lr>',
    'P-Charging-Vector: icid-value=1234',
    'X-Internal: 10.9.8.7',
    'Diversion: <sip:+12025550177@10.9.8.7>;reason=no-answer',
    'Subject: hello',
  ]

  it('are what is signed, User-to-User and one hop less, and nothing that tells where the call came from', async () => {
    await start()
    const outgoing = await through(CAME)
    assert.equal(outgoing.header('Identity'), IDENTITY)
    assert.equal(outgoing.header('Date'), 'Mon, 23 Nov 2026 20:00:00 GMT')
    assert.equal(outgoing.header('User-to-User'), '56a390f3d2b7310023;encoding=hex')
    assert.equal(outgoing.maxForwards, 8)
    assert.deepEqual(
      outgoing.lines.map(wireText).filter((line) => /10\.9\.8\.7|icid|secret|hello/.test(line)),
      [],
    )
    assert.equal(outgoing.vias().length, 1)
  })

  it('are those that the trunk has, and how the call was diverted', async () => {
    await start(', passHeaders: [Subject], diversion: diversion')
    const outgoing = await through(CAME)
    assert.deepEqual(
      [outgoing.header('Subject'), outgoing.has('Identity'), outgoing.has('User-to-User')],
      ['hello', false, false],
    )
    assert.deepEqual(outgoing.values('Diversion'), [
      `<sip:${NUMBER}@127.0.0.1>;reason=unconditional;counter=1;privacy=off`,
      '<sip:+12025550177@10.9.8.7>;reason=no-answer',
    ])
  })

  it('are its history where the trunk wants that', async () => {
    await start(', diversion: history-info')
    const outgoing = await through([])
    assert.deepEqual(outgoing.values('History-Info'), [
      `<sip:${NUMBER}@127.0.0.1>;index=1`,
      `<sip:${DESK}@${desk.address}>;index=1.1;mp=1`,
    ])
  })

  it('are unsigned where the caller hides, or another number is shown', async () => {
    await start()
    assert.ok(!(await through([...CAME, 'Privacy: id'])).has('Identity'))
    assert.ok(!(await through(CAME, { from: NUMBER })).has('Identity'))
  })
})
