import assert from 'node:assert/strict'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { Peer } from './peer.ts'
import { emptied, type Station, sdp, station } from './rig.ts'
import type { SrfDialog } from './srf.ts'

describe('messages that cross at the SIP server', function () {
  this.timeout(15_000)
  let bob: Station
  let peer: Peer
  let invite: SipRequest
  let dialog: SrfDialog

  beforeEach(async () => {
    bob = await station()
    peer = await Peer.open(bob.address())
    const calling = bob.srf.createUAC(`sip:carol@${peer.address}`, { localSdp: sdp(4000) })
    invite = await peer.nextRequest('INVITE')
    peer.send(peer.response(invite, 200, 'OK', 'carol', '', sdp(5000)))
    dialog = await calling
    await peer.nextRequest('ACK')
  })

  afterEach(async () => {
    peer.close()
    await bob.close()
  })

  const theirs = (method: string, seq: number, body: string): string =>
    peer.request(
      method,
      {
        From: `${invite.header('To')};tag=carol`,
        To: invite.header('From') ?? '',
        'Call-ID': invite.callId,
        CSeq: `${seq} ${method}`,
      },
      body,
    )

  async function hangUp(): Promise<void> {
    const ended = dialog.destroy()
    peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
    await ended
    await emptied(bob.server)
  }

  it('get 491 where both are offers: an UPDATE or INVITE of the peer while an UPDATE of ours has no answer', async () => {
    const asked = dialog.request({ method: 'UPDATE', body: sdp(4002) })
    const ours = await peer.nextRequest('UPDATE')
    peer.send(theirs('UPDATE', 7, sdp(5002)))
    await peer.nextResponse(491, 'UPDATE')
    const reinvite = theirs('INVITE', 8, sdp(5002))
    peer.send(reinvite)
    peer.send(peer.ack(reinvite, await peer.nextResponse(491, 'INVITE'), 'same'))
    peer.send(peer.response(ours, 200, 'OK', '', '', sdp(5000)))
    assert.equal((await asked).status, 200)
    peer.send(theirs('UPDATE', 9, sdp(5002)))
    await peer.nextResponse(200, 'UPDATE')
    await hangUp()
  })

  it('are acknowledged though the peer has put a second tag into To, an answer and a refusal', async () => {
    for (const status of [200, 488]) {
      const modified = dialog.modify(sdp(4002)).catch((error: unknown) => String(error))
      const ours = await peer.nextRequest('INVITE')
      const answer = peer.response(ours, status, 'As It Is', '', '', status === 200 ? sdp(5000) : '')
      peer.send(answer.replace(/^(To: .*)\r$/m, '$1;tag=again\r'))
      const ack = await peer.nextRequest('ACK')
      assert.equal(ack.header('To'), ours.header('To'))
      await modified
    }
    await hangUp()
  })

  it('pass where one of them is no offer', async () => {
    const asked = dialog.request({ method: 'UPDATE', body: sdp(4002) })
    const ours = await peer.nextRequest('UPDATE')
    dialog.on('info', (_req, res) => res.send(200))
    peer.send(theirs('INFO', 7, 'Signal=5'))
    await peer.nextResponse(200, 'INFO')
    peer.send(peer.response(ours, 200, 'OK', '', '', sdp(5000)))
    await asked
    await hangUp()
  })

  it('are two answers to one INVITE: the second place has its ACK, and a BYE', async () => {
    peer.send(peer.response(invite, 200, 'OK', 'dave', '', sdp(5004)))
    const ack = await peer.nextRequest('ACK')
    assert.match(ack.header('To') ?? '', /;tag=dave$/)
    const bye = await peer.nextRequest('BYE')
    assert.match(bye.header('To') ?? '', /;tag=dave$/)
    assert.match(bye.header('Reason') ?? '', /elsewhere/)
    peer.send(peer.response(bye, 200, 'OK'))
    await hangUp()
  })
})
