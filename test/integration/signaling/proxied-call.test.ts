import assert from 'node:assert/strict'
import type { RouterProxy } from '../../../lib/route/router.ts'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

describe('a call that a router has sent on', function () {
  this.timeout(15_000)
  let router: ScriptedRouter
  let centre: CallCentre
  let caller: Peer
  let desk: Peer
  let other: Peer
  let ports: number

  beforeEach(async () => {
    router = new ScriptedRouter()
    centre = await callCentre({ router })
    ports = centre.freePorts()
    caller = await Peer.open(centre.address)
    desk = await Peer.open('127.0.0.1:9')
    other = await Peer.open('127.0.0.1:9')
  })

  afterEach(async () => {
    assert.equal(centre.freePorts(), ports)
    for (const peer of [caller, desk, other]) peer.close()
    await centre.close()
  })

  const callIdOf = (invite: string): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''

  async function call(more: Partial<RouterProxy> = {}): Promise<string> {
    const invite = caller.request('INVITE', {}, sdp(4000)).replace('sip:bob@', `sip:${NUMBER}@`)
    caller.send(invite)
    await eventually('the router to be asked', () => (router.asked.length > 0 ? true : undefined))
    const proxy = [desk, other].map((peer) => `sip:desk@${peer.address}`)
    router.say({ ok: true, value: { proxy, ...more } })
    return invite
  }

  const say = (peer: Peer, request: SipRequest, status: number, body = ''): void =>
    peer.send(peer.response(request, status, 'Whatever', 'bob', '', body), centre.address)

  async function rejects(peer: Peer, status: number): Promise<void> {
    say(peer, await peer.nextRequest('INVITE'), status)
    await peer.nextRequest('ACK')
  }

  async function refused(invite: string, status: number): Promise<SipResponse> {
    const response = await caller.nextResponse(status, 'INVITE')
    caller.send(caller.ack(invite, response, 'same'))
    return response
  }

  it('comes there as it was, and is not ours from its 200 on', async () => {
    const invite = await call()
    const received = await desk.nextRequest('INVITE')
    assert.equal(received.callId, callIdOf(invite))
    assert.equal(received.body.toString(), sdp(4000))
    assert.equal(received.has('Record-Route'), false)
    assert.equal(received.maxForwards, 69)
    say(desk, received, 180)
    await caller.nextResponse(180)
    assert.equal(centre.row(callIdOf(invite))?.state, 'ringing')
    say(desk, received, 200, sdp(4002))
    const answer = await caller.nextResponse(200, 'INVITE')
    assert.equal(answer.body.toString(), sdp(4002))
    const { end, trunk } = await centre.ended(callIdOf(invite))
    assert.deepEqual([end, trunk], [{ by: 'system', sip: 200, cause: 'redirected' }, 'carrier'])
    assert.deepEqual(
      centre.attempts.map(({ target, sip }) => [target, sip]),
      [[`sip:${desk.address}`, 200]],
    )
  })

  it('goes to the next one after a failure, and its caller gets the best of their answers', async () => {
    const invite = await call()
    await rejects(desk, 486)
    await rejects(other, 503)
    await refused(invite, 486)
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'callee', sip: 486, cause: 'busy' })
    assert.deepEqual(
      centre.attempts.map(({ sip }) => sip),
      [486, 503],
    )
  })

  it('passes over who says nothing', async () => {
    const invite = await call()
    await desk.nextRequest('INVITE')
    await rejects(other, 603)
    await refused(invite, 603)
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'callee', sip: 603, cause: 'rejected' })
  })

  it('rings all at once where it is to, and stops the others', async () => {
    const invite = await call({ mode: 'parallel' })
    const [won, lost] = [await desk.nextRequest('INVITE'), await other.nextRequest('INVITE')]
    say(other, lost, 180)
    say(desk, won, 200, sdp(4002))
    await caller.nextResponse(200, 'INVITE')
    say(other, await other.nextRequest('CANCEL'), 200)
    say(other, lost, 487)
    assert.equal((await centre.ended(callIdOf(invite))).end?.sip, 200)
  })

  it('is given up with its caller', async () => {
    const invite = await call()
    const received = await desk.nextRequest('INVITE')
    say(desk, received, 180)
    await caller.nextResponse(180)
    caller.send(caller.cancel(invite))
    say(desk, await desk.nextRequest('CANCEL'), 200)
    say(desk, received, 487)
    await refused(invite, 487)
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'caller', sip: 487, cause: 'cancelled' })
  })

  it('leaves its record closed where an operator ends it, or the SIP server dies', async () => {
    const invite = await call()
    await desk.nextRequest('INVITE')
    const { id } = centre.row(callIdOf(invite)) ?? assert.fail('no record')
    assert.equal(centre.calls.obey(id, { kind: 'transfer', to: NUMBER }).kind, 'refused')
    assert.deepEqual(centre.calls.obey(id, { kind: 'hangUp' }), { kind: 'done' })
    assert.deepEqual((await centre.ended(callIdOf(invite))).end, { by: 'operator', sip: null, cause: 'normal' })
    router.asked.length = 0
    const second = await call()
    await desk.nextRequest('INVITE')
    await centre.sip.crash()
    assert.equal((await centre.ended(callIdOf(second))).end?.cause, 'trunk-fault')
  })
})
