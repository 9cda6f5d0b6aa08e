import assert from 'node:assert/strict'
import { eventually } from '../integration/sip-server/rig.ts'
import type { SrfDialog, SrfRequest } from '../integration/sip-server/srf.ts'
import { answering, call, heard, SDP, type Stage } from './sip-server-stage.ts'

/** What a SIP server does with the methods beside those of calls. */
export function describeMethods(stage: () => Stage): void {
  describe('requests outside of dialogs', () => {
    for (const method of ['REGISTER', 'PUBLISH', 'MESSAGE', 'INFO', 'NOTIFY']) {
      it(`go to the application, and come back with its answer: ${method}`, async () => {
        const bodies: string[] = []
        await stage().appFor((srf) =>
          srf.use(method.toLowerCase(), (req, res) => {
            bodies.push(req.body)
            res.send(200, { headers: { 'X-Echo': req.get('X-Mark') } })
          }),
        )
        const peer = await stage().peer()
        peer.send(peer.request(method, { 'X-Mark': 'größe', 'Content-Type': 'text/plain' }, 'ça va'))
        assert.equal((await peer.nextResponse(200, method)).header('X-Echo'), 'größe')
        assert.deepEqual(bodies, ['ça va'])
      })

      it(`of ours reach the peer, and come back with its answer: ${method}`, async () => {
        const srf = await stage().app()
        const peer = await stage().peer()
        const headers = { 'X-Mark': 'größe', 'Content-Type': 'text/plain' }
        const sent = await srf.request(`sip:bob@${peer.address}`, { method, headers, body: 'ça va' })
        const answered = new Promise<number>((resolve) => sent.on('response', (res) => resolve(res.status)))
        const request = await peer.nextRequest(method)
        assert.deepEqual([request.header('X-Mark'), request.body.toString()], ['größe', 'ça va'])
        peer.send(peer.response(request, 202, 'Accepted'))
        assert.equal(await answered, 202)
      })
    }
  })

  describe('a subscription', () => {
    it('of a peer takes our NOTIFYs, the last one too', async () => {
      const dialogs: SrfDialog[] = []
      await stage().appFor((srf) =>
        srf.subscribe((req, res) => {
          void srf.createUAS(req, res, { headers: { Expires: '600' } }).then((dialog) => dialogs.push(dialog))
        }),
      )
      const peer = await stage().peer()
      peer.send(peer.request('SUBSCRIBE', { Event: 'presence', Expires: '900' }))
      const accepted = await peer.nextResponse(202, 'SUBSCRIBE')
      const dialog = await eventually('the dialog', () => dialogs[0])
      for (const state of ['active;expires=600', 'terminated;reason=noresource']) {
        const told = dialog.request({
          method: 'NOTIFY',
          headers: { Event: 'presence', 'Subscription-State': state },
        })
        const notify = await peer.nextRequest('NOTIFY')
        assert.equal(notify.header('Subscription-State'), state)
        assert.match(notify.header('From') ?? '', new RegExp(`tag=${tagIn(accepted.header('To'))}`))
        peer.send(peer.response(notify, 200, 'OK'))
        assert.equal((await told).status, 200)
      }
    })

    it('of ours hears the NOTIFYs of the peer, the last one too', async () => {
      const srf = await stage().app()
      const peer = await stage().peer()
      const subscribing = srf.createUAC(`sip:bob@${peer.address}`, {
        method: 'SUBSCRIBE',
        headers: { Event: 'presence', Expires: '900', To: `<sip:bob@${peer.address}>` },
      })
      const subscribe = await peer.nextRequest('SUBSCRIBE')
      peer.send(peer.response(subscribe, 202, 'Accepted', 'bob', 'Expires: 600'))
      const dialog = await subscribing
      const states: string[] = []
      dialog.on('notify', (req, res) => {
        states.push(req.get('Subscription-State'))
        res.send(200)
      })
      const notify = (seq: number, state: string): string =>
        peer.request('NOTIFY', {
          From: `${subscribe.header('To')};tag=bob`,
          To: subscribe.header('From') ?? '',
          'Call-ID': subscribe.callId,
          CSeq: `${seq} NOTIFY`,
          Event: 'presence',
          'Subscription-State': state,
        })
      peer.send(notify(1, 'active'))
      await peer.nextResponse(200, 'NOTIFY')
      // drachtio-server forgets the dialog before the application can answer, and says 500 in its place.
      peer.send(notify(2, 'terminated'))
      await eventually('the last state', () => states[1])
      assert.deepEqual(states, ['active', 'terminated'])
    })
  })

  describe('in a call', () => {
    it('a REFER is answered, and its NOTIFYs go the other way', async () => {
      const dialogs: SrfDialog[] = []
      await stage().appFor(answering(dialogs))
      const peer = await stage().peer()
      const { invite, answer } = await call(peer)
      const dialog = await eventually('the dialog', () => dialogs[0])
      const referred = new Promise<SrfRequest>((resolve) => {
        dialog.on('refer', (req, res) => {
          res.send(202)
          resolve(req)
        })
      })
      const refer = peer.inDialog(invite, answer, 'REFER', 60)
      peer.send(refer.replace('Max-Forwards', 'Refer-To: <sip:carol@127.0.0.1>\r\nMax-Forwards'))
      await peer.nextResponse(202, 'REFER')
      assert.equal((await referred).get('Refer-To'), '<sip:carol@127.0.0.1>')
      const told = dialog.request({
        method: 'NOTIFY',
        headers: {
          Event: 'refer',
          'Subscription-State': 'terminated;reason=noresource',
          'Content-Type': 'message/sipfrag',
        },
        body: 'SIP/2.0 200 OK\r\n',
      })
      const notify = await peer.nextRequest('NOTIFY')
      assert.equal(notify.body.toString(), 'SIP/2.0 200 OK\r\n')
      peer.send(peer.response(notify, 200, 'OK'))
      assert.equal((await told).status, 200)
      // The NOTIFY ends the subscription that the REFER made, and not the call.
      const ended = heard(dialog, 'destroy')
      peer.send(peer.inDialog(invite, answer, 'BYE', 61))
      await peer.nextResponse(200, 'BYE')
      await ended
    })

    for (const method of ['MESSAGE', 'OPTIONS', 'UPDATE', 'PUBLISH']) {
      it(`a ${method} goes to the application, and one of ours to the peer`, async () => {
        const dialogs: SrfDialog[] = []
        await stage().appFor(answering(dialogs))
        const peer = await stage().peer()
        const { invite, answer } = await call(peer)
        const dialog = await eventually('the dialog', () => dialogs[0])
        dialog.on(method.toLowerCase(), (_req, res) => res.send(200, { headers: { 'X-Here': 'yes' } }))
        peer.send(peer.inDialog(invite, answer, method, 70))
        await peer.nextResponse(200, method)
        const asked = dialog.request({ method })
        peer.send(peer.response(await peer.nextRequest(method), 200, 'OK'))
        assert.equal((await asked).status, 200)
        peer.send(peer.inDialog(invite, answer, 'BYE', 71))
        await peer.nextResponse(200, 'BYE')
      })
    }
  })

  it('an INVITE that replaces a call comes to the application with its Replaces', async () => {
    const asked: string[] = []
    await stage().appFor((srf) =>
      srf.invite((req, res) => {
        asked.push(req.get('Replaces'), req.get('Require'))
        void srf.createUAS(req, res, { localSdp: SDP })
      }),
    )
    const peer = await stage().peer()
    const replaces = 'one@127.0.0.1;to-tag=a;from-tag=b;early-only'
    const { invite, answer } = await call(peer, { Replaces: replaces, Require: 'replaces' })
    assert.deepEqual(asked, [replaces, 'replaces'])
    peer.send(peer.inDialog(invite, answer, 'BYE', 71))
    await peer.nextResponse(200, 'BYE')
  })

  it('a call that goes out takes a Replaces along', async () => {
    const srf = await stage().app()
    const peer = await stage().peer()
    const headers = { Replaces: 'one@127.0.0.1;to-tag=a;from-tag=b', Require: 'replaces' }
    const calling = srf.createUAC(`sip:bob@${peer.address}`, { localSdp: SDP, headers })
    const invite = await peer.nextRequest('INVITE')
    assert.deepEqual([invite.header('Replaces'), invite.header('Require')], [headers.Replaces, 'replaces'])
    peer.send(peer.response(invite, 486, 'Busy Here'))
    await assert.rejects(calling)
    await peer.nextRequest('ACK')
  })
}

const tagIn = (header: string | undefined): string => /;tag=([^;]+)/.exec(header ?? '')?.[1] ?? 'none'
