import assert from 'node:assert/strict'
import { Peer } from './peer.ts'
import { emptied, eventually, type Station, sdp, station } from './rig.ts'
import type { SrfDialog, SrfError, SrfRequest } from './srf.ts'

describe('the SIP server on a bad network', function () {
  this.timeout(15_000)
  let bob: Station
  let peer: Peer

  beforeEach(async () => {
    bob = await station()
    peer = await Peer.open(bob.address())
  })

  afterEach(async () => {
    peer.close()
    await bob.close()
  })

  /** What the callee's application does with a call, and how often it is asked. */
  function answerAll(): { readonly invites: SrfRequest[]; readonly dialogs: SrfDialog[] } {
    const seen = { invites: [] as SrfRequest[], dialogs: [] as SrfDialog[] }
    bob.srf.invite((req, res) => {
      seen.invites.push(req)
      void bob.srf.createUAS(req, res, { localSdp: sdp(4000) }).then((dialog) => seen.dialogs.push(dialog))
    })
    return seen
  }

  it('repeats a 2xx that is never acknowledged, then ends the call by a BYE and tells the application', async () => {
    const ended = new Promise<string>((resolve) => {
      bob.srf.invite((req, res) => {
        void bob.srf.createUAS(req, res, { localSdp: sdp(4000) }).then((dialog) => {
          dialog.on('destroy', (bye) => resolve(bye.get('Reason')))
        })
      })
    })
    peer.send(peer.request('INVITE', {}, sdp(5000)))
    const bye = await peer.nextRequest('BYE')
    peer.send(peer.response(bye, 200, 'OK'))
    assert.match(await ended, /cause=408/)
    // 0, 50, 150, 350, then every 200 ms up to 3200: 3 + 15 or so, a late timer more or less.
    const repeats = peer.count('SIP/2.0 200')
    assert.ok(repeats >= 6 && repeats <= 20, `${repeats} times`)
    await emptied(bob.server)
  })

  it('repeats a 2xx until the second ACK gets through, and the application hears of one', async () => {
    const acks: string[] = []
    bob.srf.invite((req, res) => {
      void bob.srf.createUAS(req, res, { localSdp: sdp(4000) }).then((dialog) => {
        dialog.on('ack', (ack) => acks.push(ack.method))
      })
    })
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    await peer.nextResponse(200)
    const answer = await peer.nextResponse(200)
    peer.send(peer.ack(invite, answer))
    peer.send(peer.ack(invite, answer))
    await eventually('an ACK', () => (acks.length > 0 ? true : undefined))
    peer.send(peer.inDialog(invite, answer, 'BYE', 2))
    await peer.nextResponse(200, 'BYE')
    assert.equal(acks.length, 1)
  })

  it('hands an INVITE that is repeated to the application once', async () => {
    const seen = answerAll()
    const invite = peer.request('INVITE', {}, sdp(5000))
    for (let i = 0; i < 3; i++) peer.send(invite)
    const answer = await peer.nextResponse(200)
    peer.send(peer.ack(invite, answer))
    peer.send(peer.inDialog(invite, answer, 'BYE', 2))
    await peer.nextResponse(200, 'BYE')
    assert.equal(seen.invites.length, 1)
  })

  it('says 100 where the application takes its time', async () => {
    const answers: (() => void)[] = []
    bob.srf.invite((_req, res) => answers.push(() => res.send(486)))
    const invite = peer.request('INVITE')
    peer.send(invite)
    await peer.nextResponse(100)
    for (const answer of answers) answer()
    peer.send(peer.ack(invite, await peer.nextResponse(486), 'same'))
    await emptied(bob.server)
    assert.equal(peer.count('SIP/2.0 100'), 1)
  })

  it('repeats a refusal until its ACK comes', async () => {
    bob.srf.invite((_req, res) => res.send(486))
    const invite = peer.request('INVITE')
    peer.send(invite)
    await peer.nextResponse(486)
    const refusal = await peer.nextResponse(486)
    peer.send(peer.ack(invite, refusal, 'same'))
    await emptied(bob.server)
    assert.ok(peer.count('SIP/2.0 486') <= 3)
  })

  it('answers a BYE twice with the same answer, and the application hears of it once', async () => {
    const seen = answerAll()
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    const answer = await peer.nextResponse(200)
    peer.send(peer.ack(invite, answer))
    await eventually('a dialog', () => seen.dialogs[0])
    const bye = peer.inDialog(invite, answer, 'BYE', 2)
    peer.send(bye)
    await peer.nextResponse(200, 'BYE')
    peer.send(bye)
    await peer.nextResponse(200, 'BYE')
  })

  it('answers 481 to requests for dialogs and transactions it does not know', async () => {
    for (const method of ['BYE', 'INFO', 'INVITE', 'UPDATE', 'OPTIONS']) {
      peer.send(peer.request(method, { To: '<sip:bob@127.0.0.1>;tag=nobody' }))
      await peer.nextResponse(481, method)
    }
    peer.send(peer.request('CANCEL'))
    await peer.nextResponse(481, 'CANCEL')
    peer.send(peer.request('BYE'))
    await peer.nextResponse(481, 'BYE')
  })

  it('takes a CANCEL: 200 to it, 487 to the INVITE, both with one To tag', async () => {
    const cancelled = new Promise<void>((resolve) => {
      bob.srf.invite((req, res) => {
        req.on('cancel', () => resolve())
        res.send(180)
      })
    })
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    await peer.nextResponse(180)
    peer.send(peer.cancel(invite))
    const taken = await peer.nextResponse(200, 'CANCEL')
    const ended = await peer.nextResponse(487, 'INVITE')
    assert.equal(taken.header('To'), ended.header('To'))
    peer.send(peer.ack(invite, ended, 'same'))
    await cancelled
    await emptied(bob.server)
  })

  it('answers a CANCEL that comes after the 2xx and lets the call live', async () => {
    const seen = answerAll()
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    const answer = await peer.nextResponse(200)
    peer.send(peer.cancel(invite))
    await peer.nextResponse(200, 'CANCEL')
    peer.send(peer.ack(invite, answer))
    await eventually('a dialog', () => seen.dialogs[0])
    peer.send(peer.inDialog(invite, answer, 'BYE', 2))
    await peer.nextResponse(200, 'BYE')
  })

  it('ends a call by a BYE whose 2xx crossed our CANCEL, and tells the application', async () => {
    const ended = new Promise<string>((resolve, reject) => {
      let sent: SrfRequest | undefined
      bob.srf
        .createUAC(
          `sip:carol@${peer.address}`,
          { localSdp: sdp(4000) },
          {
            cbRequest: (_err, req) => {
              sent = req
            },
            cbProvisional: () => sent?.cancel(),
          },
        )
        .then((dialog) => dialog.on('destroy', (bye) => resolve(bye.get('Reason'))), reject)
    })
    const invite = await peer.nextRequest('INVITE')
    peer.send(peer.response(invite, 180, 'Ringing'))
    const cancel = await peer.nextRequest('CANCEL')
    peer.send(peer.response(invite, 200, 'OK', 'bob', '', sdp(5000)))
    peer.send(peer.response(cancel, 200, 'OK'))
    await peer.nextRequest('ACK')
    const bye = await peer.nextRequest('BYE')
    peer.send(peer.response(bye, 200, 'OK'))
    assert.match(await ended, /ACK-BYE/)
    await emptied(bob.server)
  })

  it('repeats its INVITE until something comes back, and gives up with 408', async () => {
    const failed = bob.srf.createUAC(`sip:carol@${peer.address}`, { localSdp: sdp(4000) })
    await assert.rejects(failed, (error: SrfError) => {
      assert.equal(error.status, 408)
      assert.equal(error.res?.source_address, '')
      return true
    })
    assert.ok(peer.count('INVITE') >= 5 && peer.count('INVITE') <= 7, `${peer.count('INVITE')} times`)
    await emptied(bob.server)
  })

  it('acknowledges a 2xx again that comes again, and a refusal too', async () => {
    const answered = bob.srf.createUAC(`sip:carol@${peer.address}`, { localSdp: sdp(4000) })
    const invite = await peer.nextRequest('INVITE')
    const answer = peer.response(invite, 200, 'OK', 'bob', '', sdp(5000))
    peer.send(answer)
    await peer.nextRequest('ACK')
    peer.send(answer)
    const again = await peer.nextRequest('ACK')
    assert.equal(again.cseq().seq, invite.cseq().seq)
    const dialog = await answered
    void dialog.destroy()
    peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))

    const refused = bob.srf.createUAC(`sip:carol@${peer.address}`, { localSdp: sdp(4000) })
    const second = await peer.nextRequest('INVITE')
    peer.send(peer.response(second, 486, 'Busy Here'))
    await assert.rejects(refused, (error: SrfError) => error.status === 486)
    await peer.nextRequest('ACK')
    peer.send(peer.response(second, 486, 'Busy Here'))
    const ack = await peer.nextRequest('ACK')
    assert.equal(ack.topVia().params.get('branch'), second.topVia().params.get('branch'))
  })

  it('takes one of two branches that answer, and ends the other', async () => {
    const answered = bob.srf.createUAC(`sip:carol@${peer.address}`, { localSdp: sdp(4000) })
    const invite = await peer.nextRequest('INVITE')
    peer.send(peer.response(invite, 200, 'OK', 'first', '', sdp(5000)))
    const dialog = await answered
    assert.equal(dialog.sip.remoteTag, 'first')
    peer.send(peer.response(invite, 200, 'OK', 'second', '', sdp(5002)))
    const bye = await peer.nextRequest('BYE')
    assert.equal(bye.to().params.get('tag'), 'second')
    peer.send(peer.response(bye, 200, 'OK'))
    void dialog.destroy()
    peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
    await emptied(bob.server)
  })

  it('refuses a request of a dialog that is out of order with 500, and takes later ones', async () => {
    const seen = answerAll()
    const invite = peer.request('INVITE', { CSeq: '10 INVITE' }, sdp(5000))
    peer.send(invite)
    const answer = await peer.nextResponse(200)
    peer.send(peer.ack(invite, answer))
    await eventually('a dialog', () => seen.dialogs[0])
    peer.send(peer.inDialog(invite, answer, 'INFO', 9))
    await peer.nextResponse(500, 'INFO')
    peer.send(peer.inDialog(invite, answer, 'INFO', 20))
    await peer.nextResponse(200, 'INFO')
    peer.send(peer.inDialog(invite, answer, 'BYE', 21))
    await peer.nextResponse(200, 'BYE')
  })

  it('answers where the request came from, and says so in received and rport', async () => {
    peer.send(peer.request('OPTIONS', { Via: 'SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK-nat;rport' }))
    const answer = await peer.nextResponse(200, 'OPTIONS')
    assert.equal(answer.topVia().params.get('received'), '127.0.0.1')
    assert.equal(answer.topVia().params.get('rport'), peer.address.split(':')[1])
  })

  it('sends requests in a dialog along its route set, to the first route', async () => {
    const proxy = await Peer.open(bob.address())
    const seen = answerAll()
    const invite = peer.request(
      'INVITE',
      { 'Record-Route': `<sip:${proxy.address};lr>, <sip:192.0.2.1;lr>` },
      sdp(5000),
    )
    peer.send(invite)
    const answer = await peer.nextResponse(200)
    assert.equal(answer.header('Record-Route'), `<sip:${proxy.address};lr>, <sip:192.0.2.1;lr>`)
    peer.send(peer.ack(invite, answer))
    const dialog = await eventually('a dialog', () => seen.dialogs[0])
    void dialog.destroy()
    const bye = await proxy.nextRequest('BYE')
    assert.equal(bye.uri, `sip:alice@${peer.address}`)
    assert.deepEqual(bye.values('Route'), [`<sip:${proxy.address};lr>`, '<sip:192.0.2.1;lr>'])
    proxy.send(proxy.response(bye, 200, 'OK'))
    proxy.close()
  })

  it('refuses loops, merged requests, unknown schemes and methods', async () => {
    answerAll()
    const cases: [number, string, Record<string, string>][] = [
      [483, 'INVITE', { 'Max-Forwards': '0' }],
      [200, 'OPTIONS', { 'Max-Forwards': '0' }],
      [400, 'INVITE', { Contact: '' }],
      [405, 'REFER', {}],
      [501, 'FROBNICATE', {}],
    ]
    for (const [status, method, headers] of cases) {
      const request = peer.request(method, headers)
      peer.send(request)
      const refusal = await peer.nextResponse(status, method)
      if (method === 'INVITE') peer.send(peer.ack(request, refusal, 'same'))
    }
    peer.send(peer.request('MESSAGE').replace(/^MESSAGE \S+/, 'MESSAGE ftp://example.com/x'))
    await peer.nextResponse(416)
    const first = peer.request('INVITE', { 'Call-ID': 'merged', From: '<sip:a@b>;tag=1', CSeq: '1 INVITE' })
    const second = peer.request('INVITE', { 'Call-ID': 'merged', From: '<sip:a@b>;tag=1', CSeq: '1 INVITE' })
    peer.send(first)
    peer.send(second)
    await peer.nextResponse(482, 'INVITE')
  })

  it('takes a request again that came another way and failed: a proxy may have two destinations here, and try one after the other', async () => {
    const answers = [486, 200]
    bob.srf.invite((_req, res) => {
      res.send(answers.shift() ?? 500)
    })
    const same = { 'Call-ID': 'in-turn', From: '<sip:a@b>;tag=1', CSeq: '1 INVITE' }
    const refused = peer.request('INVITE', same)
    peer.send(refused)
    peer.send(peer.ack(refused, await peer.nextResponse(486, 'INVITE'), 'same'))
    peer.send(peer.request('INVITE', same))
    await peer.nextResponse(200, 'INVITE')
    // One that is answered is no failure: this would be a second call.
    peer.send(peer.request('INVITE', same))
    await peer.nextResponse(482, 'INVITE')
  })

  it('answers what is malformed but answerable with 400, and outlives the rest', async () => {
    const broken = peer.request('INVITE').replace(/^CSeq: .*\r\n/m, 'CSeq: nonsense\r\n')
    peer.send(broken)
    await eventually('a 400', () => (peer.count('SIP/2.0 400') > 0 ? true : undefined))
    for (const garbage of ['\r\n\r\n', 'hello', 'INVITE', 'SIP/2.0 200 OK\r\n\r\n', '\0\0\0\0', 'A'.repeat(60_000)]) {
      peer.send(garbage)
    }
    peer.send(peer.request('OPTIONS'))
    await peer.nextResponse(200, 'OPTIONS')
    assert.equal(peer.count('SIP/2.0 400'), 1)
  })

  it('says 491 to a re-INVITE that crosses our own, and 500 to a second of the peer', async () => {
    const answered = bob.srf.createUAC(`sip:carol@${peer.address}`, { localSdp: sdp(4000) })
    const invite = await peer.nextRequest('INVITE')
    peer.send(peer.response(invite, 200, 'OK', 'bob', '', sdp(5000)))
    const dialog = await answered
    const modified = dialog.modify(sdp(4002))
    const ours = await peer.next('a re-INVITE', (message) =>
      message.kind === 'request' && message.method === 'INVITE' && message.cseq().seq > invite.cseq().seq
        ? message
        : undefined,
    )
    const theirs = peer.request('INVITE', {
      From: `${ours.header('To')}`,
      To: `${ours.header('From')}`,
      'Call-ID': ours.callId,
      CSeq: '7 INVITE',
    })
    peer.send(theirs)
    const glare = await peer.nextResponse(491, 'INVITE')
    peer.send(peer.ack(theirs, glare, 'same'))
    peer.send(peer.response(ours, 200, 'OK', 'bob', '', sdp(5002)))
    assert.equal(await modified, sdp(5002))
    void dialog.destroy()
    peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
  })

  it('holds a BYE of the callee back until its 2xx is acknowledged', async () => {
    const seen = answerAll()
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    const answer = await peer.nextResponse(200)
    const dialog = await eventually('a dialog', () => seen.dialogs[0])
    const destroyed = dialog.destroy()
    await peer.nextResponse(200)
    assert.equal(peer.count('BYE'), 0)
    peer.send(peer.ack(invite, answer))
    peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
    await destroyed
  })
})
