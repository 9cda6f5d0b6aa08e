import assert from 'node:assert/strict'
import type { SipMessage, SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { NIL_UUID, namedUuid, parseSessionId, type SessionId } from '../../../lib/sip/session-id.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

const ALICE = '11111111111141118111111111111111'
const BOB = '22222222222242228222222222222222'
const CAROL = '33333333333343338333333333333333'

const CONFIG = `
agents: { keypad: { backend: local, instructions: none } }
trunks: [{ id: carrier, sources: [127.0.0.1] }]
groups: { main: { trunks: [carrier] } }
tenants: [{ id: clinic, group: main, numbers: ["${NUMBER}"], agent: keypad }]
`

/** RFC 7989: who is at both ends of a call, in what we send on either leg of it. */
describe('the Session-ID of a call', function () {
  this.timeout(15_000)
  let router: ScriptedRouter
  let centre: CallCentre
  let caller: Peer
  let desk: Peer

  beforeEach(async () => {
    router = new ScriptedRouter()
    desk = await Peer.open('127.0.0.1:9')
    centre = await callCentre({ router, config: CONFIG, locator: AS_WRITTEN })
    caller = await Peer.open(centre.address)
  })

  afterEach(async () => {
    caller.close()
    desk.close()
    await centre.close()
  })

  const withId = (text: string, value: string): string =>
    text.replace(/^(Max-Forwards|Content-Length)/m, `Session-ID: ${value}\r\n$1`)

  function idOf(message: SipMessage): SessionId {
    const read = parseSessionId(message.header('Session-ID') ?? '')
    assert.ok(read !== undefined, `no Session-ID that can be read: ${message.header('Session-ID')}`)
    return read
  }

  /** Sends an INVITE with this Session-ID, and has the router say what to do. */
  async function invite(sessionId: string | null, decision: 'agent' | 'desk'): Promise<string> {
    const plain = caller.request('INVITE', {}, sdp(4000)).replace('sip:bob@', `sip:${NUMBER}@`)
    const text = sessionId === null ? plain : withId(plain, sessionId)
    const before = router.asked.length
    caller.send(text)
    await eventually('the router to be asked', () => (router.asked.length > before ? true : undefined))
    router.say({ ok: true, value: decision === 'agent' ? null : { dial: [`sip:desk@${desk.address}`] } })
    return text
  }

  const uuidOfCall = () => namedUuid(String(centre.events.find(({ event }) => event === 'call.incoming')?.['call']))

  function say(request: SipRequest, status: number, sessionId: string | null, body = ''): void {
    const text = desk.response(request, status, 'Whatever', 'bob', '', body)
    desk.send(sessionId === null ? text : withId(text, sessionId), centre.address)
  }

  async function answered(text: string): Promise<SipResponse> {
    const response = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(text, response))
    return response
  }

  it('has the caller and us, in every answer and in our BYE, where the caller talks to an agent', async () => {
    const text = await invite(`${ALICE};remote=${NIL_UUID}`, 'agent')
    const ours = { local: uuidOfCall(), remote: ALICE }
    assert.deepEqual(idOf(await caller.nextResponse(180, 'INVITE')), ours)
    const answer = await answered(text)
    assert.deepEqual(idOf(answer), ours)
    caller.send(withId(caller.inDialog(text, answer, 'OPTIONS', 11), `${CAROL};remote=${ours.local}`))
    assert.deepEqual(idOf(await caller.nextResponse(200, 'OPTIONS')), { ...ours, remote: CAROL })
    centre.calls.obey(await eventually('the call', () => centre.calls.terms.keys().next().value), { kind: 'hangUp' })
    assert.deepEqual(idOf(await caller.nextRequest('BYE')), { ...ours, remote: CAROL })
    const told = centre.events.find(({ event }) => event === 'call.answered')
    assert.equal(told?.['sipSessionId'], `${ours.local};remote=${ALICE}`)
    assert.equal(centre.rows.at(-1)?.sip.sessionId, `${ours.local};remote=${ALICE}`)
  })

  it('has nobody where the caller has none, or one that means nothing', async () => {
    const text = await invite('../../etc;remote=\u0007', 'agent')
    const answer = await answered(text)
    assert.deepEqual(idOf(answer), { local: uuidOfCall(), remote: NIL_UUID })
    caller.send(caller.inDialog(text, answer, 'BYE', 11))
    assert.deepEqual(idOf(await caller.nextResponse(200, 'BYE')), { local: uuidOfCall(), remote: NIL_UUID })
  })

  it('has caller and person, and nothing of us, where two people are put through', async () => {
    const text = await invite(`${ALICE};remote=${NIL_UUID}`, 'desk')
    const outgoing = await desk.nextRequest('INVITE')
    assert.deepEqual(idOf(outgoing), { local: ALICE, remote: NIL_UUID })
    say(outgoing, 180, `${BOB};remote=${ALICE}`)
    assert.deepEqual(idOf(await caller.nextResponse(180, 'INVITE')), { local: NIL_UUID, remote: ALICE })
    say(outgoing, 200, `${BOB};remote=${ALICE}`, sdp(4002))
    await desk.nextRequest('ACK')
    const answer = await answered(text)
    assert.deepEqual(idOf(answer), { local: BOB, remote: ALICE })
    await eventually('the record', () =>
      centre.rows.at(-1)?.sip.sessionId === `${BOB};remote=${ALICE}` ? true : undefined,
    )
    caller.send(caller.inDialog(text, answer, 'BYE', 11))
    assert.deepEqual(idOf(await caller.nextResponse(200, 'BYE')), { local: BOB, remote: ALICE })
    const bye = await desk.nextRequest('BYE')
    assert.deepEqual(idOf(bye), { local: ALICE, remote: BOB })
    say(bye, 200, null)
  })

  it('has one of ours for each of two people who have none', async () => {
    const text = await invite(null, 'desk')
    const outgoing = await desk.nextRequest('INVITE')
    const { local: forCaller } = idOf(outgoing)
    say(outgoing, 200, null, sdp(4002))
    await desk.nextRequest('ACK')
    const answer = await answered(text)
    const { local: forCallee, remote } = idOf(answer)
    assert.equal(remote, NIL_UUID)
    assert.equal(new Set([forCaller, forCallee, NIL_UUID, uuidOfCall()]).size, 4)
    caller.send(caller.inDialog(text, answer, 'BYE', 11))
    const bye = await desk.nextRequest('BYE')
    assert.deepEqual(idOf(bye), { local: forCaller, remote: NIL_UUID })
    say(bye, 200, null)
  })

  it('is in the CANCEL to who is given up', async () => {
    const text = await invite(`${ALICE};remote=${NIL_UUID}`, 'desk')
    const outgoing = await desk.nextRequest('INVITE')
    say(outgoing, 180, `${BOB};remote=${ALICE}`)
    await caller.nextResponse(180, 'INVITE')
    caller.send(caller.cancel(text))
    const cancel = await desk.nextRequest('CANCEL')
    assert.deepEqual(idOf(cancel), { local: ALICE, remote: BOB })
    say(cancel, 200, null)
    say(outgoing, 487, null)
    await desk.nextRequest('ACK')
  })
})
