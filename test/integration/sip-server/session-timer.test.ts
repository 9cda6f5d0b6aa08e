import assert from 'node:assert/strict'
import { Peer } from './peer.ts'
import { emptied, eventually, type Station, sdp, station } from './rig.ts'
import type { SrfDialog } from './srf.ts'

describe('session timers of the SIP server', function () {
  this.timeout(20_000)
  let bob: Station
  let peer: Peer

  beforeEach(async () => {
    bob = await station({ minSessionS: 2 })
    peer = await Peer.open(bob.address())
  })

  afterEach(async () => {
    peer.close()
    await bob.close()
  })

  /** Destroyed dialogs, with the reason that the application is told. */
  function answerAll(): string[] {
    const ended: string[] = []
    bob.srf.invite((req, res) => {
      void bob.srf.createUAS(req, res, { localSdp: sdp(4000) }).then((dialog: SrfDialog) => {
        dialog.on('destroy', (bye) => ended.push(bye.get('Reason')))
      })
    })
    return ended
  }

  it('refuse what is too brief with 422, and end by BYE what its caller does not refresh', async () => {
    const ended = answerAll()
    const timer = { Supported: 'timer' }
    const brief = peer.request('INVITE', { ...timer, 'Session-Expires': '1' }, sdp(5000))
    peer.send(brief)
    const refusal = await peer.nextResponse(422)
    assert.equal(refusal.header('Min-SE'), '2')
    peer.send(peer.ack(brief, refusal, 'same'))
    const invite = peer.request('INVITE', { ...timer, 'Session-Expires': '2' }, sdp(5000))
    peer.send(invite)
    const answer = await peer.nextResponse(200, 'INVITE')
    assert.equal(answer.header('Session-Expires'), '2;refresher=uac')
    assert.equal(answer.header('Require'), 'timer')
    peer.send(peer.ack(invite, answer))
    const bye = await peer.nextRequest('BYE')
    assert.match(bye.header('Reason') ?? '', /Session timer expired/)
    peer.send(peer.response(bye, 200, 'OK'))
    await eventually('the application is told', () => ended[0])
    assert.deepEqual(ended, ['SIP ;cause=200 ;text="Session timer expired"'])
    await emptied(bob.server)
  })

  for (const [method, allow] of [
    ['UPDATE', 'INVITE, ACK, BYE, UPDATE'],
    ['INVITE', 'INVITE, ACK, BYE'],
  ] as const) {
    it(`are kept alive by ${method} where the server is to refresh, until the peer knows no dialog`, async () => {
      const ended = answerAll()
      const asked = { Supported: 'timer', 'Session-Expires': '2;refresher=uas', Allow: allow }
      const invite = peer.request('INVITE', asked, sdp(5000))
      peer.send(invite)
      const answer = await peer.nextResponse(200, 'INVITE')
      assert.equal(answer.header('Session-Expires'), '2;refresher=uas')
      peer.send(peer.ack(invite, answer))
      const refresh = await peer.nextRequest(method)
      assert.equal(refresh.header('Session-Expires'), '2;refresher=uac')
      assert.equal(refresh.body.toString(), method === 'INVITE' ? sdp(4000) : '')
      const session = method === 'INVITE' ? sdp(5000) : ''
      peer.send(peer.response(refresh, 200, 'OK', '', 'Session-Expires: 2;refresher=uac', session))
      if (method === 'INVITE') await peer.nextRequest('ACK')
      const gone = await peer.nextRequest(method)
      peer.send(peer.response(gone, 481, 'Call/Transaction Does Not Exist'))
      const bye = await peer.nextRequest('BYE')
      peer.send(peer.response(bye, 481, 'Call/Transaction Does Not Exist'))
      await eventually('the application is told', () => ended[0])
      await emptied(bob.server)
    })
  }

  it('are refreshed again after a refresh that met one of the peer, and with the interval that a 422 asks for', async () => {
    answerAll()
    // A second is left after the first refresh: enough for a machine that is late.
    const asked = { Supported: 'timer', 'Session-Expires': '6;refresher=uas', Allow: 'UPDATE' }
    const invite = peer.request('INVITE', asked, sdp(5000))
    peer.send(invite)
    const answer = await peer.nextResponse(200, 'INVITE')
    peer.send(peer.ack(invite, answer))
    peer.send(peer.response(await peer.nextRequest('UPDATE'), 491, 'Request Pending'))
    peer.send(peer.response(await peer.nextRequest('UPDATE'), 422, 'Session Interval Too Small', '', 'Min-SE: 600'))
    const longer = await peer.nextRequest('UPDATE')
    assert.equal(longer.header('Session-Expires'), '600;refresher=uac')
    peer.send(peer.response(longer, 200, 'OK', '', 'Session-Expires: 600;refresher=uac'))
    peer.send(peer.inDialog(invite, answer, 'BYE', 90))
    await peer.nextResponse(200, 'BYE')
    await emptied(bob.server)
  })

  it('run for calls that go out on the terms of the answer', async () => {
    const call = bob.srf.createUAC(`sip:alice@${peer.address}`, {
      localSdp: sdp(4000),
      headers: { Supported: 'timer', 'Session-Expires': '2' },
    })
    const invite = await peer.nextRequest('INVITE')
    const terms = 'Require: timer\r\nSession-Expires: 2;refresher=uac\r\nAllow: UPDATE'
    peer.send(peer.response(invite, 200, 'OK', 'alice', terms, sdp(5000)))
    const dialog = await call
    const update = await peer.nextRequest('UPDATE')
    peer.send(peer.response(update, 200, 'OK', '', 'Session-Expires: 2;refresher=uac'))
    const done = dialog.destroy()
    const bye = await peer.nextRequest('BYE')
    peer.send(peer.response(bye, 200, 'OK'))
    await done
    await emptied(bob.server)
  })
})
