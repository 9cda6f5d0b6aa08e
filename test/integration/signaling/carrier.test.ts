import assert from 'node:assert/strict'
import { nodeId } from '../../../lib/core/ids.ts'
import type { SipResponse } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER } from './call-centre.ts'

const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK'

/** The end of an ACK, with the answer where the INVITE had no offer. */
const ackBody = (offer: string): string =>
  offer === ''
    ? `Content-Type: application/sdp\r\nContent-Length: ${sdp(4000).length}\r\n\r\n${sdp(4000)}`
    : 'Content-Length: 0\r\n\r\n'

interface Call {
  readonly invite: string
  readonly answer: SipResponse
}

describe('what a carrier sees of a call', function () {
  this.timeout(15_000)
  let centre: CallCentre
  let carrier: Peer
  let ports: number

  before(async () => {
    centre = await callCentre()
    ports = centre.freePorts()
  })

  after(async () => {
    assert.equal(centre.freePorts(), ports)
    await centre.close()
  })

  beforeEach(async () => {
    carrier = await Peer.open(centre.address)
  })

  afterEach(() => carrier.close())

  const inviteOf = (overrides: Record<string, string> = {}, body = sdp(4000)): string =>
    carrier.request('INVITE', overrides, body).replace('sip:bob@', `sip:${NUMBER}@`)

  const callIdOf = (invite: string): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''

  async function call(overrides: Record<string, string> = {}, body = sdp(4000)): Promise<Call> {
    const invite = inviteOf(overrides, body)
    carrier.send(invite)
    const answer = await carrier.nextResponse(200, 'INVITE')
    carrier.send(carrier.ack(invite, answer))
    return { invite, answer }
  }

  async function refused(invite: string, status: number): Promise<SipResponse> {
    carrier.send(invite)
    const response = await carrier.nextResponse(status, 'INVITE')
    carrier.send(carrier.ack(invite, response, 'same'))
    const { end } = await centre.ended(callIdOf(invite))
    assert.deepEqual(end, { by: 'system', sip: status, cause: 'rejected' })
    return response
  }

  /** A request in the dialog, with a body of its own type. */
  function inDialog({ invite, answer }: Call, method: string, seq: number, type = '', body = ''): void {
    const text = carrier.inDialog(invite, answer, method, seq, body)
    carrier.send(type === '' ? text : text.replace('Content-Type: application/sdp', `Content-Type: ${type}`))
  }

  async function hangUp(up: Call, seq: number): Promise<void> {
    inDialog(up, 'BYE', seq)
    await carrier.nextResponse(200, 'BYE')
    await centre.ended(callIdOf(up.invite))
  }

  it('is one To tag from ringing to answer, who we are, and what we allow', async () => {
    const invite = inviteOf()
    carrier.send(invite)
    const ringing = await carrier.nextResponse(180)
    const answer = await carrier.nextResponse(200, 'INVITE')
    carrier.send(carrier.ack(invite, answer))
    assert.equal(ringing.header('To'), answer.header('To'))
    assert.equal(answer.header('Allow'), ALLOW)
    assert.equal(answer.header('Server'), 'Tandem/test')
    assert.equal(answer.header('Contact'), `<sip:${centre.address}>`)
    assert.equal(answer.header('Content-Type'), 'application/sdp')
    await hangUp({ invite, answer }, 90)
  })

  it('hears keys that come in INFO, in both ways of writing them', async () => {
    const up = await call()
    inDialog(up, 'INFO', 60, 'application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n')
    await carrier.nextResponse(200, 'INFO')
    inDialog(up, 'INFO', 61, 'application/dtmf', '#')
    await carrier.nextResponse(200, 'INFO')
    inDialog(up, 'INFO', 62)
    await carrier.nextResponse(200, 'INFO')
    await hangUp(up, 90)
    const { id } = centre.row(callIdOf(up.invite)) ?? {}
    const keys = centre.events.filter(({ event, call: of }) => event === 'dtmf' && of === id)
    assert.deepEqual(
      keys.map(({ digit, durationMs }) => [digit, durationMs]),
      [
        ['5', 160],
        ['#', 250],
      ],
    )
    assert.deepEqual(
      centre.turns.map(({ text }) => text),
      ['5 for 160 ms', '# for 250 ms'],
    )
  })

  it('refuses INFO that it cannot read with what it could', async () => {
    const up = await call()
    inDialog(up, 'INFO', 60, 'application/media_control+xml', '<media_control/>')
    const response = await carrier.nextResponse(415, 'INFO')
    assert.equal(response.header('Accept'), 'application/dtmf-relay, application/dtmf')
    await hangUp(up, 90)
  })

  it('says 405 in a call to what it does not do, and lets the call live', async () => {
    const up = await call()
    let seq = 60
    for (const method of ['REFER', 'MESSAGE', 'NOTIFY', 'SUBSCRIBE', 'PUBLISH', 'NEWMETHOD']) {
      inDialog(up, method, seq++)
      const response = await carrier.nextResponse(405, method)
      assert.equal(response.header('Allow'), ALLOW)
    }
    inDialog(up, 'OPTIONS', seq++)
    assert.equal((await carrier.nextResponse(200, 'OPTIONS')).header('Allow'), ALLOW)
    await hangUp(up, 90)
  })

  it('answers hold by sendonly with recvonly, by re-INVITE and by UPDATE, and shows it on record', async () => {
    const up = await call()
    const hold = sdp(4000).replace('a=sendrecv', 'a=sendonly')
    inDialog(up, 'INVITE', 60, 'application/sdp', hold)
    const held = await carrier.nextResponse(200, 'INVITE')
    carrier.send(carrier.ack(up.invite.replace('CSeq: 1 ', 'CSeq: 60 '), held))
    assert.match(held.body.toString(), /^a=recvonly\r$/m)
    assert.equal(centre.row(callIdOf(up.invite))?.state, 'held')
    inDialog(up, 'UPDATE', 61, 'application/sdp', sdp(4000))
    const retrieved = await carrier.nextResponse(200, 'UPDATE')
    assert.match(retrieved.body.toString(), /^a=sendrecv\r$/m)
    assert.ok(retrieved.has('Contact'))
    assert.equal(centre.row(callIdOf(up.invite))?.state, 'active')
    await hangUp(up, 90)
  })

  it('offers in the 200 to a re-INVITE without SDP, and takes the hold that the ACK answers', async () => {
    const up = await call()
    inDialog(up, 'INVITE', 60)
    const offer = await carrier.nextResponse(200, 'INVITE')
    assert.match(offer.body.toString(), /^m=audio \d+ RTP\/AVP 0 8 101\r$/m)
    const hold = sdp(4000).replace('a=sendrecv', 'a=inactive')
    const ack = carrier.inDialog(up.invite, offer, 'ACK', 60, hold)
    carrier.send(ack)
    inDialog(up, 'OPTIONS', 61)
    await carrier.nextResponse(200, 'OPTIONS')
    await heldOf(centre, callIdOf(up.invite))
    await hangUp(up, 90)
  })

  it('refuses a re-INVITE that it cannot answer with the reason, and lets the call live', async () => {
    const up = await call()
    const video = sdp(4000).replace('m=audio', 'm=video')
    inDialog(up, 'INVITE', 60, 'application/sdp', video)
    const response = await carrier.nextResponse(488, 'INVITE')
    assert.match(response.header('Warning') ?? '', /^304 tandem "/)
    await hangUp(up, 90)
  })

  it('tells by Q.850 why it hangs up', async () => {
    const up = await call()
    inDialog(up, 'INFO', 60, 'application/dtmf', '9')
    const bye = await carrier.nextRequest('BYE')
    assert.equal(bye.header('Reason'), 'Q.850;cause=16;text="Normal call clearing"')
    assert.equal(bye.header('User-Agent'), 'Tandem/test')
    assert.equal(bye.header('Max-Forwards'), '70')
    carrier.send(carrier.response(bye, 200, 'OK'))
    const { end } = await centre.ended(callIdOf(up.invite))
    assert.deepEqual(end, { by: 'agent', sip: null, cause: 'normal' })
  })

  for (const body of [sdp(4000), '']) {
    it(`serves a caller that requires 100rel and session timers, with ${body === '' ? 'no' : 'an'} offer`, async () => {
      const timer = { Require: '100rel', Supported: 'timer', 'Session-Expires': '1800' }
      const invite = inviteOf(timer, body)
      carrier.send(invite)
      if (body !== '') {
        const ringing = await carrier.nextResponse(180)
        const rack = `RAck: ${ringing.header('RSeq') ?? ''} ${ringing.cseq().seq} INVITE\r\nMax-Forwards`
        carrier.send(carrier.inDialog(invite, ringing, 'PRACK', 50).replace('Max-Forwards', rack))
        await carrier.nextResponse(200, 'PRACK')
      }
      const answer = await carrier.nextResponse(200, 'INVITE')
      assert.equal(answer.header('Session-Expires'), '1800;refresher=uac')
      carrier.send(carrier.ack(invite, answer).replace('Content-Length: 0\r\n\r\n', ackBody(body)))
      await hangUp({ invite, answer }, 51)
    })
  }

  it('finds the offer beside ISUP in a multipart body', async () => {
    const isup =
      'Content-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\nx'
    const body = `--b\r\nContent-Type: application/sdp\r\n\r\n${sdp(4000)}\r\n--b\r\n${isup}\r\n--b--\r\n`
    const up = await call({ 'Content-Type': 'multipart/mixed;boundary=b' }, body)
    assert.match(up.answer.body.toString(), /^m=audio \d+ RTP\/AVP 0\r$/m)
    await hangUp(up, 90)
  })

  it('refuses what no one here could serve before it rings, each on record', async () => {
    const strange = await refused(inviteOf({ Require: 'timer, 100rel2, x' }), 420)
    assert.equal(strange.header('Unsupported'), '100rel2, x')
    const typed = await refused(inviteOf({ 'Content-Type': 'application/isup' }), 415)
    assert.equal(typed.header('Accept'), 'application/sdp, multipart/mixed')
    await refused(inviteOf({ Accept: 'text/plain' }), 406)
    const coded = await refused(inviteOf({}, sdp(4000).replace('RTP/AVP 0', 'RTP/AVP 3')), 488)
    assert.match(coded.header('Warning') ?? '', /^305 tandem "/)
    assert.equal(carrier.count('SIP/2.0 180'), 0)
  })

  it('asks for patience as the config says where it cannot serve a call now', async () => {
    centre.full = true
    try {
      const response = await refused(inviteOf(), 503)
      assert.equal(response.header('Retry-After'), '7')
    } finally {
      centre.full = false
    }
  })

  it('is on record, and told, as what it got: a 302 with its contacts, or a refusal', async () => {
    centre.full = true
    centre.peers.push({ id: nodeId('b'), region: 'here', load: 0, hostPort: '127.0.0.9:5060', transport: null })
    try {
      const invite = inviteOf()
      carrier.send(invite)
      const response = await carrier.nextResponse(302, 'INVITE')
      carrier.send(carrier.ack(invite, response, 'same'))
      const contact = `<sip:${NUMBER}@127.0.0.9:5060;tandem-hop=1>;q=1.0;expires=30`
      assert.equal(response.header('Contact'), contact)
      assert.equal(response.header('Reason'), 'Q.850;cause=42;text="node takes no calls now"')
      const { id, end, trunk, tenant } = await centre.ended(callIdOf(invite))
      assert.deepEqual(end, { by: 'system', sip: 302, cause: 'redirected' })
      assert.deepEqual([trunk, tenant], ['carrier', 'clinic'])
      const told = centre.events.filter(({ event, call }) => event === 'call.redirected' && call === id)
      assert.deepEqual(
        told.map(({ contacts }) => contacts),
        [[contact]],
      )
      const again = inviteOf().replace(/ SIP\/2\.0\r/, ';tandem-hop=1 SIP/2.0\r')
      await refused(again, 503)
      const rejected = centre.events.findLast(({ event }) => event === 'call.rejected')
      assert.deepEqual([rejected?.sip, rejected?.reason], [503, 'Service Unavailable'])
    } finally {
      centre.full = false
      centre.peers.pop()
    }
  })

  it('says what is wrong with a message that it cannot read', async () => {
    carrier.send(inviteOf().replace(/Content-Length: \d+/, 'Content-Length: 5000'))
    const response = await carrier.nextResponse(400)
    assert.match(response.header('Warning') ?? '', /^399 tandem "body shorter than Content-Length: \d+ < 5000"$/)
  })
})

async function heldOf(centre: CallCentre, sipCallId: string): Promise<void> {
  for (const deadlineMs = Date.now() + 5000; centre.row(sipCallId)?.state !== 'held'; ) {
    assert.ok(Date.now() < deadlineMs, 'the call was never held')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
