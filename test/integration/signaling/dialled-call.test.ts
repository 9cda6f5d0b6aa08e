import assert from 'node:assert/strict'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import type { RouterDial } from '../../../lib/route/router.ts'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { namedUuid, parseSessionId } from '../../../lib/sip/session-id.ts'
import { audioPort, RawPeer } from '../media/media-fixture.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

const DESK = '+12025550123'
const CALLER = '+12025550111'

const CONFIG = (first: string, second: string): string => `
sip: { retryAfter: { min: 7s, max: 7s } }
agents: { keypad: { backend: local, instructions: none } }
trunks:
  - { id: carrier, sources: [127.0.0.1] }
  - { id: alpha, sources: [192.0.2.1], targets: [{ uri: "sip:${first}" }] }
  - { id: beta, sources: [192.0.2.2], targets: [{ uri: "sip:${second}" }] }
groups:
  main: { mode: warm-standby, trunks: [carrier] }
  out: { mode: warm-standby, trunks: [alpha, beta] }
tenants:
  - { id: clinic, group: main, numbers: ["${NUMBER}"], agent: keypad }
`

/** A frame that is all of one byte. */
const frame = (byte: number): Uint8Array => new Uint8Array(160).fill(byte)

describe('a caller who is put through to a person', function () {
  this.timeout(15_000)
  let router: ScriptedRouter
  let centre: CallCentre
  let caller: Peer
  let desk: Peer
  let other: Peer
  let ports: number

  beforeEach(async () => {
    router = new ScriptedRouter()
    desk = await Peer.open('127.0.0.1:9')
    other = await Peer.open('127.0.0.1:9')
    centre = await callCentre({ router, config: CONFIG(desk.address, other.address), locator: AS_WRITTEN })
    caller = await Peer.open(centre.address)
    ports = centre.freePorts()
  })

  afterEach(async () => {
    await eventually('all ports given back', () => (centre.freePorts() === ports ? true : undefined))
    for (const peer of [caller, desk, other]) peer.close()
    await centre.close()
  })

  const callIdOf = (invite: string): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''
  const told = (name: string) => centre.events.filter(({ event }) => event === name)
  const overTrunks: RouterDial = { dial: [{ number: DESK, group: 'out' }] }
  const straight = (...peers: readonly Peer[]): RouterDial['dial'] => peers.map((peer) => `sip:desk@${peer.address}`)

  /** Rings, and has the router say what to do. */
  async function call(dial: RouterDial, overrides: Record<string, string> = {}, body = sdp(4000)): Promise<string> {
    const from = { From: `<sip:${CALLER}@127.0.0.1>;tag=${Math.random()}` }
    const invite = caller.request('INVITE', { ...from, ...overrides }, body).replace('sip:bob@', `sip:${NUMBER}@`)
    const before = router.asked.length
    caller.send(invite)
    await eventually('the router to be asked', () => (router.asked.length > before ? true : undefined))
    router.say({ ok: true, value: dial })
    return invite
  }

  const say = (peer: Peer, request: SipRequest, status: number, body = ''): void =>
    peer.send(peer.response(request, status, 'Whatever', 'bob', '', body), centre.address)

  async function refused(invite: string, status: number): Promise<SipResponse> {
    const response = await caller.nextResponse(status, 'INVITE')
    caller.send(caller.ack(invite, response, 'same'))
    return response
  }

  async function rejects(peer: Peer, status: number): Promise<SipRequest> {
    const invite = await peer.nextRequest('INVITE')
    say(peer, invite, status)
    await peer.nextRequest('ACK')
    return invite
  }

  interface Up {
    readonly invite: string
    readonly answer: SipResponse
    readonly outgoing: SipRequest
  }

  /** Puts a call through. */
  async function up(dial: RouterDial, body = sdp(4000), answer = sdp(4002)): Promise<Up> {
    const invite = await call(dial, {}, body)
    const outgoing = await desk.nextRequest('INVITE')
    say(desk, outgoing, 180)
    await caller.nextResponse(180, 'INVITE')
    say(desk, outgoing, 200, answer)
    await desk.nextRequest('ACK')
    const answered = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(invite, answered))
    return { invite, answer: answered, outgoing }
  }

  /** A request of who was called, in the dialog that our INVITE made. */
  function fromDesk(invite: SipRequest, method: string, seq: number, body = ''): string {
    const [us, them] = [invite.header('From') ?? '', `${invite.header('To') ?? ''};tag=bob`]
    return desk.request(method, { From: them, To: us, 'Call-ID': invite.callId, CSeq: `${seq} ${method}` }, body)
  }

  async function callerHangsUp({ invite, answer }: Up, seq = 90): Promise<CallRow> {
    caller.send(caller.inDialog(invite, answer, 'BYE', seq))
    await caller.nextResponse(200, 'BYE')
    say(desk, await desk.nextRequest('BYE'), 200)
    return centre.ended(callIdOf(invite))
  }

  it('rings, is answered, and hears them and is heard; who hangs up hangs up the other', async () => {
    const [alice, bob] = [await RawPeer.open(1), await RawPeer.open(2)]
    try {
      const call = await up(overTrunks, alice.offer(), bob.offer())
      const ports = [audioPort(call.answer.body.toString()), audioPort(call.outgoing.body.toString())] as const
      for (const [from, port, to, byte] of [
        [alice, ports[0], bob, 0x42],
        [bob, ports[1], alice, 0x43],
      ] as const) {
        const heard = to.receive((_, payload) => payload.length === 160 && payload.every((each) => each === byte))
        const talking = setInterval(() => from.send(port, frame(byte)), 20)
        await heard
        clearInterval(talking)
      }
      const { end, trunk, state } = await callerHangsUp(call)
      assert.deepEqual(end, { by: 'caller', sip: null, cause: 'normal' })
      assert.deepEqual([trunk, state], ['carrier', 'ended'])
    } finally {
      await alice.close()
      await bob.close()
    }
    assert.deepEqual(
      centre.attempts.map(({ trunk, sip, target }) => [trunk, sip, target]),
      [['alpha', 200, `sip:${DESK}@${desk.address}`]],
    )
    assert.deepEqual(
      told('call.answered').map(({ callee, over }) => [callee, over]),
      [[DESK, 'alpha']],
    )
  })

  it('is hung up where they hang up', async () => {
    const { invite, outgoing } = await up({ dial: straight(desk) })
    desk.send(fromDesk(outgoing, 'BYE', 5), centre.address)
    const bye = await caller.nextRequest('BYE')
    assert.equal(bye.header('Reason'), 'Q.850;cause=16;text="Normal call clearing"')
    caller.send(caller.response(bye, 200, 'OK'))
    const { end } = await centre.ended(callIdOf(invite))
    assert.deepEqual(end, { by: 'callee', sip: null, cause: 'normal' })
    assert.deepEqual(
      centre.attempts.map(({ trunk, sip, target }) => [trunk, sip, target]),
      [[null, 200, `sip:desk@${desk.address}`]],
    )
  })

  it('is shown as who calls, and counted as one hop, with the headers of the router', async () => {
    const invite = await call({ ...overTrunks, headers: { 'X-Ticket': '17' } }, { 'Max-Forwards': '20' })
    const outgoing = await desk.nextRequest('INVITE')
    assert.match(outgoing.header('From') ?? '', new RegExp(`^<sip:\\${CALLER}@127\\.0\\.0\\.1>`))
    assert.equal(outgoing.header('X-Ticket'), '17')
    assert.equal(outgoing.header('Max-Forwards'), '19')
    say(desk, outgoing, 486)
    await refused(invite, 486)
    await centre.ended(callIdOf(invite))
  })

  it('stays unknown to them where it hides who calls, unless the router shows a number', async () => {
    const hidden = await call(overTrunks, { Privacy: 'id', 'P-Asserted-Identity': `<sip:${CALLER}@127.0.0.1>` })
    const outgoing = await rejects(desk, 486)
    assert.match(outgoing.header('From') ?? '', /^Anonymous <sip:anonymous@anonymous\.invalid>/)
    for (const name of ['P-Asserted-Identity', 'Contact', 'Remote-Party-ID'])
      assert.ok(!(outgoing.header(name) ?? '').includes(CALLER), name)
    await refused(hidden, 486)
    await centre.ended(callIdOf(hidden))
    const shown = await call({ ...overTrunks, from: NUMBER }, { Privacy: 'id' })
    assert.match((await rejects(desk, 486)).header('From') ?? '', new RegExp(`^<sip:\\${NUMBER}@`))
    await refused(shown, 486)
    await centre.ended(callIdOf(shown))
  })

  it('goes to the next trunk where the first one answers 503', async () => {
    const invite = await call(overTrunks)
    await rejects(desk, 503)
    const outgoing = await other.nextRequest('INVITE')
    say(other, outgoing, 200, sdp(4002))
    await other.nextRequest('ACK')
    const answer = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(invite, answer))
    caller.send(caller.inDialog(invite, answer, 'BYE', 90))
    say(other, await other.nextRequest('BYE'), 200)
    const { end } = await centre.ended(callIdOf(invite))
    assert.equal(end?.cause, 'normal')
    assert.deepEqual(
      centre.attempts.map(({ trunk, sip }) => [trunk, sip]),
      [
        ['alpha', 503],
        ['beta', 200],
      ],
    )
  })

  it('is told what the best of them said where nobody answers, never a 503', async () => {
    const busy = await call({ dial: straight(desk, other) })
    await rejects(desk, 404)
    await rejects(other, 486)
    const first = await refused(busy, 404)
    assert.equal(first.header('Reason'), 'Q.850;cause=1;text="Unallocated number"')
    assert.deepEqual((await centre.ended(callIdOf(busy))).end, { by: 'callee', sip: 404, cause: 'rejected' })
    const failed = await call(overTrunks)
    await rejects(desk, 503)
    await rejects(other, 503)
    await refused(failed, 500)
    assert.deepEqual((await centre.ended(callIdOf(failed))).end, { by: 'system', sip: 500, cause: 'trunk-fault' })
    const declined = await call({ dial: straight(desk, other) })
    await rejects(desk, 603)
    await refused(declined, 603)
    await centre.ended(callIdOf(declined))
    assert.equal(other.count('INVITE'), 2)
  })

  it('goes to the next one when the time of the first is over; a late 200 gets ACK and BYE', async () => {
    const invite = await call({ dial: straight(desk, other), timeoutMs: 1_000 })
    const late = await desk.nextRequest('INVITE')
    say(desk, late, 180)
    await caller.nextResponse(180, 'INVITE')
    const cancel = await desk.nextRequest('CANCEL')
    const outgoing = await other.nextRequest('INVITE')
    say(desk, cancel, 200)
    say(desk, late, 200, sdp(4002))
    await desk.nextRequest('ACK')
    say(desk, await desk.nextRequest('BYE'), 200)
    say(other, outgoing, 486)
    // Of equals the first.
    await refused(invite, 480)
    const { end } = await centre.ended(callIdOf(invite))
    assert.deepEqual(end, { by: 'callee', sip: 480, cause: 'no-answer' })
  })

  it('gives up while they ring', async () => {
    const invite = await call({ dial: straight(desk) })
    const outgoing = await desk.nextRequest('INVITE')
    say(desk, outgoing, 180)
    await caller.nextResponse(180, 'INVITE')
    caller.send(caller.cancel(invite))
    await refused(invite, 487)
    const cancel = await desk.nextRequest('CANCEL')
    assert.equal(cancel.header('Reason'), 'Q.850;cause=16;text="Caller gave up"')
    say(desk, cancel, 200)
    say(desk, outgoing, 487)
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'caller', sip: 487, cause: 'cancelled' })
  })

  it('gives up just as they answer: they get ACK and BYE', async () => {
    const invite = await call({ dial: straight(desk) })
    const outgoing = await desk.nextRequest('INVITE')
    say(desk, outgoing, 180)
    await caller.nextResponse(180, 'INVITE')
    caller.send(caller.cancel(invite))
    await refused(invite, 487)
    await desk.nextRequest('CANCEL')
    say(desk, outgoing, 200, sdp(4002))
    await desk.nextRequest('ACK')
    say(desk, await desk.nextRequest('BYE'), 200)
    assert.equal((await centre.ended(callIdOf(invite))).end?.cause, 'cancelled')
  })

  it('may be held by either, who may also both offer at once: neither waits for the other', async () => {
    const { invite, answer, outgoing } = await up({ dial: straight(desk) })
    const state = (wanted: string) =>
      eventually(wanted, () => (centre.row(callIdOf(invite))?.state === wanted ? true : undefined))
    const hold = sdp(4000).replace('sendrecv', 'sendonly')
    caller.send(caller.inDialog(invite, answer, 'INVITE', 60, hold))
    desk.send(fromDesk(outgoing, 'INVITE', 5, sdp(4002).replace('sendrecv', 'inactive')), centre.address)
    const held = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(invite.replace(/CSeq: \d+ /, 'CSeq: 60 '), held))
    const theirs = await desk.nextResponse(200, 'INVITE')
    assert.match(held.body.toString(), /^a=recvonly\r$/m)
    assert.match(theirs.body.toString(), /^a=inactive\r$/m)
    desk.send(fromDesk(outgoing, 'ACK', 5), centre.address)
    await state('held')
    caller.send(caller.inDialog(invite, answer, 'UPDATE', 61, sdp(4000)))
    await caller.nextResponse(200, 'UPDATE')
    assert.equal(centre.row(callIdOf(invite))?.state, 'held')
    desk.send(fromDesk(outgoing, 'UPDATE', 6, sdp(4002)), centre.address)
    await desk.nextResponse(200, 'UPDATE')
    await state('active')
    await callerHangsUp({ invite, answer, outgoing })
  })

  it('may come without an offer: ours is in the 200, its answer in the ACK', async () => {
    const invite = await call({ dial: straight(desk) }, {}, '')
    const outgoing = await desk.nextRequest('INVITE')
    say(desk, outgoing, 200, sdp(4002))
    await desk.nextRequest('ACK')
    const answer = await caller.nextResponse(200, 'INVITE')
    assert.match(answer.body.toString(), /^m=audio \d+ RTP\/AVP 0 8 101\r$/m)
    caller.send(caller.inDialog(invite, answer, 'ACK', 1, sdp(4000)))
    await callerHangsUp({ invite, answer, outgoing })
  })

  it('is refused before anybody is rung where there is no media that it and we can have', async () => {
    const invite = await call({ dial: straight(desk) }, {}, sdp(4000).replace('RTP/AVP 0', 'RTP/AVP 3'))
    await refused(invite, 488)
    await centre.ended(callIdOf(invite))
    assert.equal(desk.count('INVITE'), 0)
  })

  it('is hung up by an operator, with them', async () => {
    const { invite } = await up({ dial: straight(desk) })
    const { id } = centre.row(callIdOf(invite)) ?? assert.fail('no record')
    assert.deepEqual(centre.calls.obey(id, { kind: 'transfer', to: DESK }).kind, 'refused')
    assert.deepEqual(centre.calls.obey(id, { kind: 'hangUp' }), { kind: 'done' })
    caller.send(caller.response(await caller.nextRequest('BYE'), 200, 'OK'))
    say(desk, await desk.nextRequest('BYE'), 200)
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'operator', sip: null, cause: 'normal' })
  })

  it('is hung up, and they are, by a node that has drained for long enough', async () => {
    const { invite } = await up({ dial: straight(desk) })
    const drained = centre.calls.drain(100)
    caller.send(caller.response(await caller.nextRequest('BYE'), 200, 'OK'))
    say(desk, await desk.nextRequest('BYE'), 200)
    await drained
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'system', sip: null, cause: 'limit' })
  })

  it('is closed where the SIP server dies', async () => {
    const { invite } = await up({ dial: straight(desk) })
    await centre.sip.crash()
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'system', sip: null, cause: 'trunk-fault' })
  })

  it('goes to its tenant’s agent where the router names whom this node cannot ring', async () => {
    for (const [dial, reason] of [
      [{ dial: [{ number: DESK, group: 'none' }] }, 'dial.0: group: there is no group "none"'],
      [{ dial: [{ number: DESK }] }, 'dial.0: group: no trunk of group "main" has targets to call'],
      [{ dial: straight(desk), from: '12' }, 'dial.0: from: "12" is no telephone number such as +12025550123'],
    ] as const) {
      const invite = await call(dial)
      const answer = await caller.nextResponse(200, 'INVITE')
      caller.send(caller.ack(invite, answer))
      caller.send(caller.inDialog(invite, answer, 'BYE', 90))
      await centre.ended(callIdOf(invite))
      assert.equal(told('router.failed').at(-1)?.reason, reason)
    }
  })

  it('gets an agent where the person is lost, and the router wants one: the same call, on the same leg', async () => {
    const alice = await RawPeer.open(1)
    try {
      const dial: RouterDial = { dial: straight(desk), onLost: { agent: 'keypad' } }
      const { invite, answer, outgoing } = await up(dial, alice.offer())
      // What comes after their ACK is answered when that has come.
      caller.send(caller.inDialog(invite, answer, 'OPTIONS', 50))
      await caller.nextResponse(200, 'OPTIONS')
      const lost = fromDesk(outgoing, 'BYE', 5).replace('Max-Forwards', 'Reason: Q.850;cause=38\r\nMax-Forwards')
      desk.send(lost, centre.address)
      await desk.nextResponse(200, 'BYE')
      await eventually('the agent', () => (told('call.transfer').length > 0 ? true : undefined))
      assert.equal(centre.row(callIdOf(invite))?.state, 'active')
      // The agent hears keys, answers offers, and hangs up: as on every call of its own.
      const key = (digit: string, seq: number): void =>
        caller.send(
          caller
            .inDialog(invite, answer, 'INFO', seq, digit)
            .replace('Content-Type: application/sdp', 'Content-Type: application/dtmf'),
        )
      await eventually('the agent to hear keys', async () => {
        key('5', 60 + caller.received.length)
        await caller.nextResponse(200, 'INFO')
        return centre.turns.length > 0 ? true : undefined
      })
      caller.send(caller.inDialog(invite, answer, 'UPDATE', 900, alice.offer([], 'sendonly', 2)))
      await caller.nextResponse(200, 'UPDATE')
      await eventually('held', () => (centre.row(callIdOf(invite))?.state === 'held' ? true : undefined))
      caller.send(caller.inDialog(invite, answer, 'UPDATE', 901, alice.offer([], 'sendrecv', 3)))
      await caller.nextResponse(200, 'UPDATE')
      key('9', 902)
      const bye = await caller.nextRequest('BYE')
      caller.send(caller.response(bye, 200, 'OK'))
      // The person is who it talked to; from then on it is the call.
      const { local } = parseSessionId(bye.header('Session-ID') ?? '') ?? {}
      assert.equal(local, namedUuid(String(told('call.incoming')[0]?.call)))
      const { end } = await centre.ended(callIdOf(invite))
      assert.deepEqual(end, { by: 'agent', sip: null, cause: 'normal' })
      assert.deepEqual(
        told('call.transfer').map(({ outcome, name }) => [outcome, name]),
        [['returned', 'keypad']],
      )
      assert.equal(told('call.ended').length, 1)
    } finally {
      await alice.close()
    }
  })

  it('is put through to who of several answers first; the others are cancelled, and one who answers all the same is hung up', async () => {
    const invite = await call({ dial: straight(desk, other), mode: 'parallel' })
    const [won, lost] = [await desk.nextRequest('INVITE'), await other.nextRequest('INVITE')]
    say(other, lost, 180)
    say(desk, won, 200, sdp(4002))
    await desk.nextRequest('ACK')
    const cancel = await other.nextRequest('CANCEL')
    say(other, cancel, 200)
    say(other, lost, 200, sdp(4004))
    await other.nextRequest('ACK')
    say(other, await other.nextRequest('BYE'), 200)
    const answer = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(invite, answer))
    const { end } = await callerHangsUp({ invite, answer, outgoing: won })
    assert.equal(end?.cause, 'normal')
  })
})
