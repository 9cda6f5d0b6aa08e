import assert from 'node:assert/strict'
import { Peer } from './peer.ts'
import { emptied, eventually, type Station, sdp, station } from './rig.ts'
import type { SrfDialog, SrfRequest } from './srf.ts'

/** What makes a provisional response of an application reliable. */
const RELIABLE = { Require: '100rel' }

describe('reliable provisional responses of the SIP server', function () {
  this.timeout(20_000)
  let alice: Station
  let bob: Station
  let peer: Peer

  beforeEach(async () => {
    alice = await station()
    bob = await station()
    peer = await Peer.open(bob.address())
  })

  afterEach(async () => {
    peer.close()
    await alice.close()
    await bob.close()
  })

  it('are acknowledged between two published drachtio-srf, and the 2xx waits for that', async () => {
    let uas: SrfDialog | undefined
    bob.srf.invite((req, res) => {
      res.send(183, { headers: RELIABLE, body: sdp(4002) })
      void bob.srf.createUAS(req, res, { localSdp: sdp(4002) }).then((dialog) => {
        uas = dialog
      })
    })
    const heard: number[] = []
    const uac = await alice.srf.createUAC(
      `sip:bob@${bob.address()}`,
      { localSdp: sdp(5000), headers: { Supported: '100rel' } },
      { cbProvisional: (res) => heard.push(res.status) },
    )
    assert.deepEqual(
      heard.filter((status) => status !== 100),
      [183],
    )
    assert.equal(uac.remote.sdp, sdp(4002))
    await eventually('the callee has its dialog', () => uas)
    await uac.destroy()
    await emptied(alice.server)
    await emptied(bob.server)
  })

  it('are repeated until the PRACK that names them, which the application answers', async () => {
    const pracked: SrfRequest[] = []
    bob.srf.use('prack', (req, res) => {
      pracked.push(req)
      res.send(200)
    })
    bob.srf.invite((req, res) => {
      res.send(183, { headers: RELIABLE, body: sdp(4002) })
      void bob.srf.createUAS(req, res, { localSdp: sdp(4002) })
    })
    const invite = peer.request('INVITE', { Supported: '100rel' }, sdp(5000))
    peer.send(invite)
    const first = await peer.nextResponse(183)
    const again = await peer.nextResponse(183)
    assert.equal(again.header('RSeq'), first.header('RSeq'))
    const rack = `${first.header('RSeq')} ${first.cseq().seq} INVITE`
    const prack = (seq: number, value: string): string =>
      peer.inDialog(invite, first, 'PRACK', seq).replace('Max-Forwards', `RAck: ${value}\r\nMax-Forwards`)
    peer.send(prack(100, rack.replace(/^\d+/, '4000000000')))
    await peer.nextResponse(481, 'PRACK')
    assert.equal(peer.count('SIP/2.0 200'), 0)
    peer.send(prack(101, rack))
    await peer.nextResponse(200, 'PRACK')
    const answer = await peer.nextResponse(200, 'INVITE')
    peer.send(peer.ack(invite, answer))
    assert.deepEqual(
      pracked.map((req) => req.method),
      ['PRACK'],
    )
    peer.send(prack(102, rack))
    await peer.nextResponse(481, 'PRACK')
    peer.send(peer.inDialog(invite, answer, 'BYE', 103))
    await peer.nextResponse(200, 'BYE')
    await emptied(bob.server)
  })

  it('come of themselves where the caller requires them, and the server answers the PRACK', async () => {
    bob.srf.invite((_req, res) => res.send(180))
    const invite = peer.request('INVITE', { Require: '100rel' }, sdp(5000))
    peer.send(invite)
    const ringing = await peer.nextResponse(180)
    assert.equal(ringing.header('Require'), '100rel')
    const rack = `RAck: ${ringing.header('RSeq')} ${ringing.cseq().seq} INVITE\r\nMax-Forwards`
    peer.send(peer.inDialog(invite, ringing, 'PRACK', 100).replace('Max-Forwards', rack))
    await peer.nextResponse(200, 'PRACK')
    peer.send(peer.cancel(invite))
    peer.send(peer.ack(invite, await peer.nextResponse(487), 'same'))
    await emptied(bob.server)
  })

  it('have an offer in the PRACK answered with the session as it stands, where the application does not know of it', async () => {
    bob.srf.invite((_req, res) => res.send(183, { body: sdp(4002) }))
    const invite = peer.request('INVITE', { Require: '100rel' }, sdp(5000))
    peer.send(invite)
    const progress = await peer.nextResponse(183)
    const rack = `RAck: ${progress.header('RSeq')} ${progress.cseq().seq} INVITE\r\nMax-Forwards`
    peer.send(peer.inDialog(invite, progress, 'PRACK', 100, sdp(5002)).replace('Max-Forwards', rack))
    const answer = await peer.nextResponse(200, 'PRACK')
    assert.equal(answer.header('Content-Type'), 'application/sdp')
    assert.equal(answer.body.toString(), sdp(4002))
    peer.send(peer.cancel(invite))
    peer.send(peer.ack(invite, await peer.nextResponse(487), 'same'))
    await emptied(bob.server)
  })

  it('end the call with 504 where no PRACK comes, and are refused to who does not know them', async () => {
    const cancelled = new Promise<void>((resolve) => {
      bob.srf.invite((req, res) => {
        req.on('cancel', () => resolve())
        res.send(180, { headers: RELIABLE }, (error) => {
          if (error !== null && error !== undefined) res.send(486)
        })
      })
    })
    const plain = peer.request('INVITE', {}, sdp(5000))
    peer.send(plain)
    peer.send(peer.ack(plain, await peer.nextResponse(486), 'same'))
    assert.equal(peer.count('SIP/2.0 180'), 0)
    const invite = peer.request('INVITE', { Supported: '100rel' }, sdp(5000))
    peer.send(invite)
    peer.send(peer.ack(invite, await peer.nextResponse(504), 'same'))
    await cancelled
    // At 50 ms, doubled without a cap, up to 3.2 s.
    assert.ok(peer.count('SIP/2.0 180') >= 5)
    await emptied(bob.server)
  })

  it('are acknowledged where they came from when they name no Contact', async () => {
    const carrier = await Peer.open(alice.address())
    const options = { localSdp: sdp(5000), headers: { Supported: '100rel' } }
    const call = alice.srf.createUAC(`sip:bob@${carrier.address}`, options)
    const invite = await carrier.nextRequest('INVITE')
    const ringing = carrier.response(invite, 180, 'Ringing', 'bob', 'Require: 100rel\r\nRSeq: 1')
    carrier.send(ringing.replace(/Contact: .*\r\n/, ''))
    const prack = await carrier.nextRequest('PRACK')
    assert.equal(prack.header('RAck'), `1 ${invite.header('CSeq')}`)
    carrier.send(carrier.response(prack, 200, 'OK'))
    carrier.send(carrier.response(invite, 200, 'OK', 'bob', '', sdp(4002)))
    const dialog = await call
    const ended = dialog.destroy()
    const bye = await carrier.nextRequest('BYE')
    assert.equal(bye.uri, `sip:bob@${carrier.address}`)
    carrier.send(carrier.response(bye, 200, 'OK'))
    await ended
    carrier.close()
    await emptied(alice.server)
  })

  it('go up once and in order, each place that the INVITE was forked to in a dialog of its own', async () => {
    const carrier = await Peer.open(alice.address())
    const heard: string[] = []
    const call = alice.srf.createUAC(
      `sip:bob@${carrier.address}`,
      { localSdp: sdp(5000), headers: { Supported: '100rel' } },
      { cbProvisional: (res) => heard.push(`${res.status} ${res.get('RSeq')}`) },
    )
    const invite = await carrier.nextRequest('INVITE')
    const ring = (status: number, tag: string, rseq: number): string =>
      carrier.response(invite, status, 'Ringing', tag, `Require: 100rel\r\nRSeq: ${rseq}`)
    carrier.send(ring(180, 'one', 7))
    const first = await carrier.nextRequest('PRACK')
    assert.equal(first.header('RAck'), `7 ${invite.header('CSeq')}`)
    carrier.send(ring(180, 'one', 7))
    carrier.send(ring(183, 'one', 9))
    carrier.send(ring(183, 'two', 40))
    const second = await carrier.next('PRACK of the other', (message) =>
      message.kind === 'request' && message.header('RAck')?.startsWith('40 ') === true ? message : undefined,
    )
    assert.match(second.header('To') ?? '', /;tag=two/)
    assert.match(first.header('To') ?? '', /;tag=one/)
    carrier.send(carrier.response(first, 200, 'OK'))
    carrier.send(carrier.response(second, 200, 'OK'))
    carrier.send(ring(183, 'one', 8))
    const third = await carrier.next('PRACK in turn', (message) =>
      message.kind === 'request' && message.header('RAck')?.startsWith('8 ') === true ? message : undefined,
    )
    carrier.send(carrier.response(third, 200, 'OK'))
    carrier.send(carrier.response(invite, 200, 'OK', 'one', '', sdp(4000)))
    const dialog = await call
    assert.equal(dialog.sip.remoteTag, 'one')
    assert.deepEqual(heard, ['180 7', '183 40', '183 8'])
    await carrier.nextRequest('ACK')
    void dialog.destroy()
    const bye = await carrier.nextRequest('BYE')
    assert.match(bye.header('To') ?? '', /;tag=one/)
    carrier.send(carrier.response(bye, 200, 'OK'))
    await emptied(alice.server)
    carrier.close()
  })
})
