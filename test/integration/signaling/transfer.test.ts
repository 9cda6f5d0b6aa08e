import assert from 'node:assert/strict'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { namedUuid, parseSessionId } from '../../../lib/sip/session-id.ts'
import { audioPort, RawPeer } from '../media/media-fixture.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'

const DESK = '+12025550150'
/** RFC 3326: something on the way has broken. */
const OUT_OF_ORDER = 'Reason: Q.850;cause=38\r\n'

const config = (alpha: Peer, beta: Peer): string => `
agents:
  keypad:
    backend: local
    transfers:
      desk: { to: "${DESK}" }
      ward: { to: "${DESK}", attended: true }
trunks:
  - { id: carrier, sources: [127.0.0.1] }
  - { id: alpha, targets: [{ uri: "sip:${alpha.address}" }] }
  - { id: beta, targets: [{ uri: "sip:${beta.address}" }], diversion: diversion }
groups: { us: { trunks: [alpha, beta] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: keypad }]
`

interface Dialog {
  readonly invite: string
  readonly answer: SipResponse
}

describe('a call that its agent hands to a person', function () {
  this.timeout(20_000)
  let centre: CallCentre
  let caller: Peer
  let alpha: Peer
  let beta: Peer
  let rtp: { readonly caller: RawPeer; readonly person: RawPeer }
  let ports: number

  beforeEach(async () => {
    ;[alpha, beta] = await Promise.all([Peer.open('127.0.0.1:9'), Peer.open('127.0.0.1:9')])
    centre = await callCentre({
      config: config(alpha, beta),
      locator: AS_WRITTEN,
      talker: new URL('./transfer-talker.js', import.meta.url),
    })
    caller = await Peer.open(centre.address)
    rtp = { caller: await RawPeer.open(), person: await RawPeer.open() }
    ports = centre.freePorts()
  })

  afterEach(async () => {
    assert.equal(centre.freePorts(), ports)
    for (const peer of [caller, alpha, beta]) peer.close()
    await Promise.all([rtp.caller.close(), rtp.person.close()])
    await centre.close()
  })

  const callIdOf = (invite: string): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''
  const told = (name: string) => centre.events.filter(({ event }) => event === name)
  const outcomes = () =>
    told('call.transfer').map(({ outcome, reason }) =>
      typeof reason === 'string' ? `${String(outcome)}: ${reason}` : outcome,
    )
  const said = () => centre.turns.map(({ text }) => text)
  const ended = ({ invite }: Dialog) => centre.ended(callIdOf(invite))
  const stateOf = ({ invite }: Dialog) => centre.row(callIdOf(invite))?.state
  const until = (what: string, holds: () => boolean) => eventually(what, () => (holds() ? true : undefined))

  async function call(headers: Readonly<Record<string, string>> = {}): Promise<Dialog> {
    const invite = caller.request('INVITE', headers, rtp.caller.offer()).replace('sip:bob@', `sip:${NUMBER}@`)
    caller.send(invite)
    const answer = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(invite, answer))
    await until('the agent', () => said().length >= 0 && stateOf({ invite, answer }) === 'active')
    return { invite, answer }
  }

  /** A key of the caller, by SIP INFO. */
  function press({ invite, answer }: Dialog, digit: string, seq = 10): void {
    const body = `Signal=${digit}\r\nDuration=100\r\n`
    caller.send(caller.inDialog(invite, answer, 'INFO', seq, body).replace('application/sdp', 'application/dtmf-relay'))
  }

  const refuse = async (trunk: Peer, status: number, reason: string): Promise<SipRequest> => {
    const invite = await trunk.nextRequest('INVITE')
    trunk.send(trunk.response(invite, status, reason, `refused-${status}`), centre.address)
    await trunk.nextRequest('ACK')
    return invite
  }

  /** The person rings and answers. */
  async function answer(trunk: Peer, headers = ''): Promise<SipRequest> {
    const invite = await trunk.nextRequest('INVITE')
    trunk.send(trunk.response(invite, 180, 'Ringing', 'person'), centre.address)
    trunk.send(trunk.response(invite, 200, 'OK', 'person', headers, rtp.person.offer()), centre.address)
    await trunk.nextRequest('ACK')
    return invite
  }

  /** A request of the person in the dialog of the INVITE that they got. */
  const ofPerson = (trunk: Peer, invite: SipRequest, method: string, extra = '', body = ''): string => {
    const to = invite.header('From') ?? ''
    const from = `${invite.header('To') ?? ''};tag=person`
    const text = trunk.request(method, { From: from, To: to, 'Call-ID': invite.callId }, body)
    return text.replace(/^(Max-Forwards)/m, `${extra}$1`)
  }

  const hangUp = async ({ invite, answer: ok }: Dialog): Promise<void> => {
    caller.send(caller.inDialog(invite, ok, 'BYE', 90))
    await caller.nextResponse(200, 'BYE')
  }

  const frame = (byte: number): Uint8Array => new Uint8Array(160).fill(byte)

  /** Says a byte until the other one hears it. */
  async function hears(from: RawPeer, port: number, byte: number, to: RawPeer): Promise<void> {
    const hearing = to.receive((_header, payload) => payload.length === 160 && payload.every((each) => each === byte))
    const talking = setInterval(() => from.send(port, frame(byte)), 20)
    try {
      await hearing
    } finally {
      clearInterval(talking)
    }
  }

  /** Rings the desk over the second trunk, as the first one refuses, until both talk. */
  async function joined(): Promise<{ readonly up: Dialog; readonly invite: SipRequest }> {
    const up = await call()
    press(up, '1')
    await refuse(alpha, 503, 'Service Unavailable')
    const invite = await answer(beta)
    await until('both on the line', () => outcomes().includes('joined') && stateOf(up) === 'active')
    return { up, invite }
  }

  it('goes over the second trunk where the first one refuses, and both hear each other until the caller hangs up', async () => {
    const { up, invite } = await joined()
    assert.match(invite.startLine, new RegExp(`^INVITE sip:${DESK.replace('+', '\\+')}@`))
    assert.match(invite.header('From') ?? '', new RegExp(`<sip:${NUMBER.replace('+', '\\+')}@`))
    const [callerPort, personPort] = [audioPort(up.answer.body.toString()), audioPort(invite.body.toString())]
    await hears(rtp.caller, callerPort, 0x41, rtp.person)
    await hears(rtp.person, personPort, 0x42, rtp.caller)
    await hangUp(up)
    const bye = await beta.nextRequest('BYE')
    assert.match(bye.header('Reason') ?? '', /cause=16/)
    beta.send(beta.response(bye, 200, 'OK'), centre.address)
    const row = await ended(up)
    assert.deepEqual(row.end, { by: 'caller', sip: null, cause: 'transferred' })
    assert.deepEqual(
      centre.attempts.map(({ trunk, sip }) => [trunk, sip]),
      [
        ['alpha', 503],
        ['beta', 200],
      ],
    )
    assert.deepEqual(said(), ['to-desk: done'])
    assert.deepEqual(outcomes(), ['begun', 'joined', 'ended'])
    const [begun] = told('call.transfer')
    assert.deepEqual([begun?.to, begun?.name, begun?.by, begun?.call], [DESK, 'desk', 'agent', row.id])
  })

  it('goes on with one hop less, what passes of the caller’s headers, and whom it was for; nothing signed, as the person sees our number', async () => {
    const up = await call({
      'Max-Forwards': '9',
      'User-to-User': '56a390f3;encoding=hex',
      Identity: 'eyJ.eyJ.c2ln;info=<https://cert.example/a.pem>',
      'User-Agent': 'secret-pbx',
    })
    press(up, '1')
    const [first, second] = [await refuse(alpha, 503, 'Service Unavailable'), await answer(beta)]
    for (const invite of [first, second]) {
      assert.equal(invite.maxForwards, 8)
      assert.equal(invite.header('User-to-User'), '56a390f3;encoding=hex')
      assert.deepEqual([invite.header('Identity'), invite.header('User-Agent')], [undefined, 'Tandem/test'])
    }
    assert.equal(first.header('Diversion'), undefined)
    assert.match(second.header('Diversion') ?? '', new RegExp(`^<sip:${NUMBER.replace('+', '\\+')}@.*;counter=1`))
    await until('both on the line', () => outcomes().includes('joined'))
    await hangUp(up)
    beta.send(beta.response(await beta.nextRequest('BYE'), 200, 'OK'), centre.address)
    await ended(up)
  })

  it('names caller and person to each other in Session-ID while they talk, and itself before and after', async () => {
    const [alice, bob] = ['a'.repeat(32), 'b'.repeat(32)]
    const up = await call({ 'Session-ID': `${alice};remote=${'0'.repeat(32)}` })
    const idOf = (message: SipRequest | SipResponse) => parseSessionId(message.header('Session-ID') ?? '')
    let seq = 50
    const toCaller = async (): Promise<string | undefined> => {
      caller.send(caller.inDialog(up.invite, up.answer, 'OPTIONS', seq++))
      return idOf(await caller.nextResponse(200, 'OPTIONS'))?.local
    }
    const ours = namedUuid(String(told('call.incoming')[0]?.call))
    assert.equal(await toCaller(), ours)
    press(up, '1', seq++)
    await refuse(alpha, 503, 'Service Unavailable')
    const invite = await answer(beta, `Session-ID: ${bob};remote=${ours}`)
    assert.equal(idOf(invite)?.local, ours)
    await until('both on the line', () => outcomes().includes('joined'))
    assert.equal(await toCaller(), bob)
    beta.send(ofPerson(beta, invite, 'BYE', OUT_OF_ORDER), centre.address)
    assert.deepEqual(idOf(await beta.nextResponse(200, 'BYE')), { local: alice, remote: bob })
    await until('the agent', () => said().some((text) => text.startsWith('left')))
    assert.equal(await toCaller(), ours)
    await hangUp(up)
    await ended(up)
  })

  it('is over when the person hangs up', async () => {
    const { up, invite } = await joined()
    beta.send(ofPerson(beta, invite, 'BYE'), centre.address)
    await beta.nextResponse(200, 'BYE')
    const bye = await caller.nextRequest('BYE')
    caller.send(caller.response(bye, 200, 'OK'))
    assert.deepEqual((await ended(up)).end, { by: 'callee', sip: null, cause: 'transferred' })
  })

  it('is with its agent again where the person is lost', async () => {
    const { up, invite } = await joined()
    beta.send(ofPerson(beta, invite, 'BYE', OUT_OF_ORDER), centre.address)
    await until('the agent', () => said().some((text) => text.startsWith('left')))
    await hears(rtp.caller, audioPort(up.answer.body.toString()), 0x43, rtp.caller)
    assert.deepEqual(outcomes(), ['begun', 'joined', 'returned: their trunk has lost the call', 'ended'])
    assert.equal(stateOf(up), 'active')
    await hangUp(up)
    assert.deepEqual((await ended(up)).end, { by: 'caller', sip: null, cause: 'normal' })
  })

  it('stays with its agent where the person is busy, who is told, and may try again', async () => {
    const up = await call()
    press(up, '1')
    await until('the transfer', () => stateOf(up) === 'transferring')
    await refuse(alpha, 486, 'Busy Here')
    await until('the word', () => said().length > 0)
    await until('the call', () => stateOf(up) === 'active')
    await hears(rtp.caller, audioPort(up.answer.body.toString()), 0x44, rtp.caller)
    press(up, '1', 11)
    await refuse(alpha, 404, 'Not Found')
    await until('the second word', () => said().length > 1)
    assert.deepEqual(said(), ['to-desk: they are busy', 'to-desk: their number does not exist'])
    press(up, '3', 12)
    await until('the third word', () => said().length > 2)
    assert.equal(said()[2], 'to-nobody: there is nobody called nobody')
    await hangUp(up)
    assert.deepEqual((await ended(up)).end, { by: 'caller', sip: null, cause: 'normal' })
  })

  it('stops ringing where the caller hangs up, and a 200 that crosses the CANCEL is hung up', async () => {
    for (const crosses of [false, true]) {
      const up = await call()
      press(up, '1')
      const invite = await alpha.nextRequest('INVITE')
      alpha.send(alpha.response(invite, 180, 'Ringing', 'person'), centre.address)
      await until('the ringing', () => stateOf(up) === 'transferring')
      await hangUp(up)
      const cancel = await alpha.nextRequest('CANCEL')
      alpha.send(alpha.response(cancel, 200, 'OK'), centre.address)
      if (crosses) alpha.send(alpha.response(invite, 200, 'OK', 'person', '', rtp.person.offer()), centre.address)
      else alpha.send(alpha.response(invite, 487, 'Request Terminated', 'person'), centre.address)
      await alpha.nextRequest('ACK')
      if (crosses) {
        const bye = await alpha.nextRequest('BYE')
        alpha.send(alpha.response(bye, 200, 'OK'), centre.address)
      }
      assert.deepEqual((await ended(up)).end, { by: 'caller', sip: null, cause: 'normal' })
    }
    assert.equal(outcomes().filter((outcome) => outcome === 'failed: the call ended before').length, 2)
  })

  it('goes to whom an operator names, one at a time', async () => {
    const up = await call()
    const { id } = centre.row(callIdOf(up.invite)) ?? assert.fail('no record')
    const order = (to: string) => centre.calls.obey(id, { kind: 'transfer', to })
    assert.match(JSON.stringify(order('a friend')), /request.*no telephone number/)
    assert.deepEqual(order('1001'), { kind: 'done' })
    assert.match(JSON.stringify(order('1001')), /state.*under way/)
    const invite = await answer(alpha)
    assert.match(invite.startLine, /^INVITE sip:1001@/)
    await until('both on the line', () => outcomes().includes('joined'))
    assert.match(JSON.stringify(order('1001')), /state.*under way/)
    caller.send(caller.inDialog(up.invite, up.answer, 'INVITE', 50, rtp.caller.offer([], 'sendonly', 2)))
    const held = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(up.invite, held).replace(/CSeq: \d+/, 'CSeq: 50'))
    await until('the hold', () => stateOf(up) === 'held')
    await hangUp(up)
    const bye = await alpha.nextRequest('BYE')
    alpha.send(alpha.response(bye, 200, 'OK'), centre.address)
    assert.deepEqual((await ended(up)).end, { by: 'caller', sip: null, cause: 'transferred' })
    assert.deepEqual(said(), [])
    assert.deepEqual(centre.calls.obey(id, { kind: 'transfer', to: DESK }), { kind: 'absent' })
  })

  describe('after it was told who is calling', () => {
    /** A key of the person, by SIP INFO. */
    const pressOfPerson = (invite: SipRequest, digit: string): void => {
      const text = ofPerson(alpha, invite, 'INFO', '', `Signal=${digit}\r\nDuration=100\r\n`)
      alpha.send(text.replace('application/sdp', 'application/dtmf-relay'), centre.address)
    }

    async function briefed(): Promise<{ readonly up: Dialog; readonly invite: SipRequest }> {
      const up = await call()
      press(up, '2')
      const invite = await answer(alpha)
      await until('the briefing', () => told('call.transfer').some(({ outcome }) => outcome === 'said'))
      // Each of them talks to an agent of their own.
      await hears(rtp.person, audioPort(invite.body.toString()), 0x45, rtp.person)
      await hears(rtp.caller, audioPort(up.answer.body.toString()), 0x46, rtp.caller)
      return { up, invite }
    }

    it('is joined with who accepts', async () => {
      const { up, invite } = await briefed()
      assert.deepEqual(
        told('call.transfer').flatMap(({ outcome, who, text }) => (outcome === 'said' ? [[who, text]] : [])),
        [['agent', 'briefing: 1']],
      )
      pressOfPerson(invite, '1')
      await until('both on the line', () => outcomes().includes('joined'))
      await hears(rtp.caller, audioPort(up.answer.body.toString()), 0x47, rtp.person)
      await hears(rtp.person, audioPort(invite.body.toString()), 0x48, rtp.caller)
      await hangUp(up)
      alpha.send(alpha.response(await alpha.nextRequest('BYE'), 200, 'OK'), centre.address)
      assert.equal((await ended(up)).end?.cause, 'transferred')
      assert.deepEqual(said(), ['to-ward: done'])
    })

    it('is with its agent, who is told, where they decline', async () => {
      const { up, invite } = await briefed()
      pressOfPerson(invite, '2')
      alpha.send(alpha.response(await alpha.nextRequest('BYE'), 200, 'OK'), centre.address)
      await until('the word', () => said().length > 0)
      assert.deepEqual(said(), ['to-ward: they declined: at lunch'])
      await hears(rtp.caller, audioPort(up.answer.body.toString()), 0x49, rtp.caller)
      await hangUp(up)
      assert.equal((await ended(up)).end?.cause, 'normal')
    })

    it('is with its agent where they hang up', async () => {
      const { up, invite } = await briefed()
      alpha.send(ofPerson(alpha, invite, 'BYE'), centre.address)
      await until('the word', () => said().length > 0)
      assert.deepEqual(said(), ['to-ward: they answered, and hung up before they were put through'])
      await hangUp(up)
      assert.equal((await ended(up)).end?.cause, 'normal')
    })

    it('leaves them where the caller hangs up', async () => {
      const { up } = await briefed()
      await hangUp(up)
      alpha.send(alpha.response(await alpha.nextRequest('BYE'), 200, 'OK'), centre.address)
      assert.equal((await ended(up)).end?.cause, 'normal')
    })
  })
})
