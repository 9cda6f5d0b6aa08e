import assert from 'node:assert/strict'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { until as untilSo } from '../../helpers/until.ts'
import { audioPort, RawPeer } from '../media/media-fixture.ts'
import { Peer } from '../sip-server/peer.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'

const DESK = '+12025550150'

const config = (alpha: Peer): string => `
agents:
  keypad:
    backend: local
    transfers:
      desk: { to: "${DESK}" }
      ward: { to: "${DESK}", attended: true }
trunks:
  - { id: carrier, sources: [127.0.0.1], refer: true }
  - { id: alpha, targets: [{ uri: "sip:${alpha.address}" }] }
groups: { us: { trunks: [alpha] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: keypad }]
`

interface Dialog {
  readonly invite: string
  readonly answer: SipResponse
}

describe('a call that its far end is asked to transfer', function () {
  this.timeout(40_000)
  let centre: CallCentre
  let caller: Peer
  let alpha: Peer
  let rtp: RawPeer
  let ports: number

  beforeEach(async () => {
    alpha = await Peer.open('127.0.0.1:9')
    centre = await callCentre({
      config: config(alpha),
      locator: AS_WRITTEN,
      talker: new URL('./transfer-talker.js', import.meta.url),
    })
    caller = await Peer.open(centre.address)
    rtp = await RawPeer.open()
    ports = centre.freePorts()
  })

  afterEach(async () => {
    assert.equal(centre.freePorts(), ports)
    for (const peer of [caller, alpha]) peer.close()
    await rtp.close()
    await centre.close()
  })

  const callIdOf = (invite: string): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''
  const outcomes = () =>
    centre.events.flatMap(({ event, via, outcome, reason }) =>
      event !== 'call.transfer' ? [] : [[via, outcome, ...(typeof reason === 'string' ? [reason] : [])].join(' ')],
    )
  const said = () => centre.turns.map(({ text }) => text)
  const ended = ({ invite }: Dialog) => centre.ended(callIdOf(invite))
  const stateOf = ({ invite }: Dialog) => centre.row(callIdOf(invite))?.state
  const until = (what: string, holds: () => boolean) => untilSo(async () => holds(), what, 15_000)

  async function call(): Promise<Dialog> {
    const invite = caller.request('INVITE', {}, rtp.offer()).replace('sip:bob@', `sip:${NUMBER}@`)
    caller.send(invite)
    const answer = await caller.nextResponse(200, 'INVITE')
    caller.send(caller.ack(invite, answer))
    await until('the agent', () => stateOf({ invite, answer }) === 'active')
    return { invite, answer }
  }

  /** A request of the caller in the dialog, with other headers and another body than usual. */
  function say(
    { invite, answer }: Dialog,
    method: string,
    seq: number,
    type: string,
    headers: string,
    body: string,
  ): void {
    const text = caller.inDialog(invite, answer, method, seq, body)
    caller.send(text.replace('application/sdp', type).replace(/^(Max-Forwards)/m, `${headers}$1`))
  }

  /** A key of the caller, by SIP INFO. */
  const press = (up: Dialog, digit: string, seq: number): void =>
    say(up, 'INFO', seq, 'application/dtmf-relay', '', `Signal=${digit}\r\nDuration=100\r\n`)

  async function notify(up: Dialog, seq: number, state: string, status: string): Promise<void> {
    const headers = `Event: refer\r\nSubscription-State: ${state}\r\n`
    say(up, 'NOTIFY', seq, 'message/sipfrag;version=2.0', headers, `SIP/2.0 ${status}\r\n`)
    await caller.nextResponse(200, 'NOTIFY')
  }

  const accept = async (status = 202): Promise<SipRequest> => {
    const refer = await caller.nextRequest('REFER')
    caller.send(caller.response(refer, status, status === 202 ? 'Accepted' : 'No'))
    return refer
  }

  const bye = async (from: Peer): Promise<SipRequest> => {
    const request = await from.nextRequest('BYE')
    from.send(from.response(request, 200, 'OK'), centre.address)
    return request
  }

  /** Says a byte until it is said back. */
  async function hearsAgent(up: Dialog, byte: number): Promise<void> {
    const hearing = rtp.receive((_header, payload) => payload.length === 160 && payload.every((each) => each === byte))
    const frame = new Uint8Array(160).fill(byte)
    const talking = setInterval(() => rtp.send(audioPort(up.answer.body.toString()), frame), 20)
    try {
      await hearing
    } finally {
      clearInterval(talking)
    }
  }

  async function hangUp(up: Dialog): Promise<void> {
    caller.send(caller.inDialog(up.invite, up.answer, 'BYE', 90))
    await caller.nextResponse(200, 'BYE')
  }

  /** The person answers the leg of ours. */
  async function answerLeg(person: RawPeer): Promise<void> {
    const invite = await alpha.nextRequest('INVITE')
    alpha.send(alpha.response(invite, 200, 'OK', 'person', '', person.offer()), centre.address)
    await alpha.nextRequest('ACK')
    await until('both on the line', () => outcomes().includes('leg joined'))
  }

  it('talks to its agent until it has reached them, and is hung up then', async () => {
    const up = await call()
    press(up, '1', 10)
    const refer = await accept()
    assert.equal(refer.header('Refer-To'), `<sip:${DESK}@${caller.address}>`)
    assert.match(refer.header('Referred-By') ?? '', new RegExp(`^<sip:${NUMBER.replace('+', '\\+')}@[^>]+>$`))
    assert.match(refer.header('Contact') ?? '', /<sip:/)
    assert.match(refer.header('Session-ID') ?? '', /;remote=/)
    assert.match(refer.header('Allow') ?? '', /NOTIFY/)
    await notify(up, 11, 'active;expires=60', '100 Trying')
    await notify(up, 12, 'active;expires=55', '180 Ringing')
    assert.equal(stateOf(up), 'transferring')
    await hearsAgent(up, 0x41)
    await notify(up, 13, 'terminated;reason=noresource', '200 OK')
    assert.match((await bye(caller)).header('Reason') ?? '', /cause=16;text="Call transferred"/)
    assert.deepEqual((await ended(up)).end, { by: 'agent', sip: null, cause: 'transferred' })
    assert.deepEqual(outcomes(), ['refer begun', 'refer left'])
    assert.equal(alpha.received.length, 0)
  })

  it('may tell how it goes before it says that it does it', async () => {
    const up = await call()
    press(up, '1', 10)
    const refer = await caller.nextRequest('REFER')
    await notify(up, 11, 'active;expires=60', '100 Trying')
    await notify(up, 12, 'terminated;reason=noresource', '200 OK')
    caller.send(caller.response(refer, 202, 'Accepted'))
    await bye(caller)
    assert.equal((await ended(up)).end?.cause, 'transferred')
  })

  it('may hang up by itself, before or after it says that it is done', async () => {
    for (const crosses of [false, true]) {
      const up = await call()
      press(up, '1', 10)
      await accept()
      await notify(up, 11, 'active;expires=60', '100 Trying')
      if (crosses) {
        await notify(up, 12, 'terminated;reason=noresource', '200 OK')
        await caller.nextRequest('BYE')
      }
      await hangUp(up)
      const { end } = await ended(up)
      assert.deepEqual(end, {
        ...(crosses ? { by: 'agent', cause: 'transferred' } : { by: 'caller', cause: 'normal' }),
        sip: null,
      })
    }
    assert.ok(outcomes().includes('refer failed the call ended before the far end said what came of it'))
  })

  it('is put through over a leg of ours where it does not take REFER, and is not asked again', async () => {
    const person = await RawPeer.open()
    const up = await call()
    press(up, '1', 10)
    await accept(405)
    const refused = await alpha.nextRequest('INVITE')
    alpha.send(alpha.response(refused, 486, 'Busy Here', 'person'), centre.address)
    await until('the word', () => said().includes('to-desk: they are busy'))
    await hearsAgent(up, 0x42)
    press(up, '1', 11)
    await answerLeg(person)
    await hangUp(up)
    await bye(alpha)
    assert.equal((await ended(up)).end?.cause, 'transferred')
    assert.equal(caller.count('REFER'), 1)
    assert.deepEqual(outcomes().slice(0, 3), ['refer begun', 'refer fellBack 405 No', 'leg begun'])
    await person.close()
  })

  it('is put through over a leg of ours where nothing is heard of it, and let go where it has done it after all', async () => {
    const person = await RawPeer.open()
    const up = await call()
    press(up, '1', 10)
    await accept()
    await until('the time for a NOTIFY', () =>
      outcomes().includes('refer fellBack it was accepted, and nothing was heard of it'),
    )
    await answerLeg(person)
    await notify(up, 11, 'terminated;reason=noresource', '200 OK')
    await Promise.all([bye(caller), bye(alpha)])
    assert.equal((await ended(up)).end?.cause, 'transferred')
    await person.close()
  })

  it('stays with its agent where they are busy, who is told, and is asked again', async () => {
    const up = await call()
    press(up, '1', 10)
    await accept()
    await notify(up, 11, 'terminated;reason=noresource', '486 Busy Here')
    await until('the word', () => said().length > 0)
    assert.deepEqual(said(), ['to-desk: they are busy'])
    assert.equal(stateOf(up), 'active')
    await hearsAgent(up, 0x43)
    press(up, '1', 12)
    await accept()
    await notify(up, 13, 'terminated;reason=noresource', '200 OK')
    await bye(caller)
    assert.equal((await ended(up)).end?.cause, 'transferred')
    assert.equal(alpha.received.length, 0)
  })

  it('is refused NOTIFYs that are none, and is not the less transferred', async () => {
    const up = await call()
    say(up, 'NOTIFY', 9, 'message/sipfrag', 'Event: refer\r\nSubscription-State: active\r\n', 'SIP/2.0 200 OK\r\n')
    assert.doesNotMatch((await caller.nextResponse(405, 'NOTIFY')).header('Allow') ?? '', /NOTIFY/)
    press(up, '1', 10)
    await accept()
    say(up, 'NOTIFY', 11, 'message/sipfrag', 'Event: presence\r\nSubscription-State: active\r\n', 'SIP/2.0 200 OK\r\n')
    await caller.nextResponse(489, 'NOTIFY')
    say(up, 'NOTIFY', 12, 'application/sdp', 'Event: refer\r\nSubscription-State: active\r\n', 'v=0\r\n')
    assert.equal((await caller.nextResponse(415, 'NOTIFY')).header('Accept'), 'message/sipfrag')
    say(up, 'NOTIFY', 13, 'message/sipfrag', 'Event: refer\r\n', 'SIP/2.0 200 OK\r\n')
    await caller.nextResponse(400, 'NOTIFY')
    say(up, 'NOTIFY', 14, 'message/sipfrag', 'Event: refer\r\nSubscription-State: active\r\n', 'SIP/2.0 2')
    await caller.nextResponse(400, 'NOTIFY')
    assert.equal(stateOf(up), 'transferring')
    await notify(up, 15, 'terminated;reason=noresource', '200 OK')
    await bye(caller)
    assert.equal((await ended(up)).end?.cause, 'transferred')
  })

  it('is not asked where the person is told first who is calling, and goes where an operator says', async () => {
    const up = await call()
    press(up, '2', 10)
    const invite = await alpha.nextRequest('INVITE')
    alpha.send(alpha.response(invite, 480, 'Temporarily Unavailable', 'person'), centre.address)
    await until('the word', () => said().length > 0)
    const { id } = centre.row(callIdOf(up.invite)) ?? assert.fail('no record')
    await until('the call', () => stateOf(up) === 'active')
    assert.deepEqual(centre.calls.obey(id, { kind: 'transfer', to: '1001' }), { kind: 'done' })
    assert.match(JSON.stringify(centre.calls.obey(id, { kind: 'transfer', to: DESK })), /state.*under way/)
    assert.match((await accept()).header('Refer-To') ?? '', /^<sip:1001@/)
    await notify(up, 11, 'terminated;reason=noresource', '200 OK')
    await bye(caller)
    assert.deepEqual((await ended(up)).end, { by: 'operator', sip: null, cause: 'transferred' })
  })
})
