import assert from 'node:assert/strict'
import type { Peer } from '../integration/sip-server/peer.ts'
import { eventually } from '../integration/sip-server/rig.ts'
import type { SrfDialog } from '../integration/sip-server/srf.ts'
import { describeMethods } from './sip-server-methods.ts'
import { describeOutgoingCalls } from './sip-server-outgoing.ts'
import { describeProxy } from './sip-server-proxy.ts'
import { answering, call, heard, SDP, type SipServerUnderTest, Stage } from './sip-server-stage.ts'

/** What every SIP server below Tandem keeps to: drachtio-server, and our own. `server` is asked for in each test. */
export function describeSipServer(name: string, server: () => SipServerUnderTest): void {
  describe(`SIP on ${name}`, function () {
    this.timeout(20_000)
    let stage: Stage

    beforeEach(() => {
      stage = new Stage(server())
    })

    afterEach(() => stage.clear())

    describe('applications', () => {
      it('are told its sockets, and get in with the secret only', async () => {
        await stage.app()
        assert.match(stage.place('udp'), /^127\.\d+\.\d+\.\d+:\d+$/)
        assert.match(stage.place('tcp'), /^127\.\d+\.\d+\.\d+:\d+$/)
        await assert.rejects(stage.app('wrong'))
      })

      it('take turns with the requests that they want, and keep the dialogs that they began', async () => {
        const first: SrfDialog[] = []
        const second: SrfDialog[] = []
        const one = await stage.appFor(answering(first))
        await stage.appFor(answering(second))
        const peer = await stage.peer()
        const calls = [await call(peer), await call(peer), await call(peer), await call(peer)]
        await eventually('all dialogs', () => (first.length + second.length === 4 ? true : undefined))
        assert.deepEqual([first.length, second.length], [2, 2])
        const ends = [...first, ...second].map((dialog) => heard(dialog, 'destroy'))
        for (const { invite, answer } of calls) await hangUp(peer, invite, answer)
        await Promise.all(ends)
        await stage.leave(one)
        const last = await call(peer)
        await eventually('the call on who is left', () => second[2])
        await hangUp(peer, last.invite, last.answer)
      })

      it('that nobody is there of are spoken for with 503', async () => {
        await stage.app()
        const peer = await stage.peer()
        const invite = peer.request('INVITE', {}, SDP)
        peer.send(invite)
        peer.send(peer.ack(invite, await peer.nextResponse(503, 'INVITE'), 'same'))
      })
    })

    describe('a call that comes in', () => {
      it('rings, is answered, acknowledged, and ended by the peer', async () => {
        const dialogs: SrfDialog[] = []
        await stage.appFor((srf) =>
          srf.invite((req, res) => {
            res.send(180)
            void srf.createUAS(req, res, { localSdp: SDP }).then((dialog) => dialogs.push(dialog))
          }),
        )
        const peer = await stage.peer()
        const invite = peer.request('INVITE', {}, SDP)
        peer.send(invite)
        assert.match((await peer.nextResponse(180)).header('To') ?? '', /;tag=/)
        const answer = await peer.nextResponse(200, 'INVITE')
        assert.equal(answer.body.toString(), SDP)
        assert.match(answer.header('Contact') ?? '', /^<sip:/)
        const dialog = await eventually('the dialog', () => dialogs[0])
        const acked = heard(dialog, 'ack')
        const ended = heard(dialog, 'destroy')
        peer.send(peer.ack(invite, answer))
        await acked
        await hangUp(peer, invite, answer)
        assert.equal((await ended).method, 'BYE')
      })

      it('has its 200 repeated until the ACK, and is heard of once however often the INVITE comes', async () => {
        const dialogs: SrfDialog[] = []
        await stage.appFor(answering(dialogs))
        const peer = await stage.peer()
        const invite = peer.request('INVITE', {}, SDP)
        peer.send(invite)
        const answer = await peer.nextResponse(200, 'INVITE')
        peer.send(invite)
        await peer.nextResponse(200, 'INVITE')
        await peer.nextResponse(200, 'INVITE')
        peer.send(peer.ack(invite, answer))
        await hangUp(peer, invite, answer)
        assert.equal(dialogs.length, 1)
      })

      for (const status of [302, 404, 486, 488, 503, 603]) {
        it(`is refused with ${status} and what the application adds, until the ACK`, async () => {
          await stage.appFor((srf) =>
            srf.invite((_req, res) => {
              const headers = { Contact: '<sip:bob@127.0.0.9>;q=0.5', 'Retry-After': '7', 'X-Why': 'größe' }
              res.send(status, { headers })
            }),
          )
          const peer = await stage.peer()
          const invite = peer.request('INVITE', {}, SDP)
          peer.send(invite)
          const answer = await peer.nextResponse(status, 'INVITE')
          assert.equal(answer.header('Contact'), '<sip:bob@127.0.0.9>;q=0.5')
          assert.equal(answer.header('Retry-After'), '7')
          assert.equal(answer.header('X-Why'), 'größe')
          await peer.nextResponse(status, 'INVITE')
          peer.send(peer.ack(invite, answer, 'same'))
        })
      }

      it('is cancelled: the server answers both, and the application hears of it', async () => {
        const cancelled = new Promise<void>((resolve) => {
          void stage.appFor((srf) =>
            srf.invite((req, res) => {
              req.on('cancel', () => resolve())
              res.send(180)
            }),
          )
        })
        await eventually('the application', () => (stage.hostports.length > 0 ? true : undefined))
        const peer = await stage.peer()
        const invite = await untilRinging(peer)
        peer.send(peer.cancel(invite))
        await peer.nextResponse(200, 'CANCEL')
        peer.send(peer.ack(invite, await peer.nextResponse(487, 'INVITE'), 'same'))
        await cancelled
      })

      it('is changed by re-INVITE, and carries INFO', async () => {
        const dialogs: SrfDialog[] = []
        await stage.appFor(answering(dialogs))
        const peer = await stage.peer()
        const { invite, answer } = await call(peer)
        const dialog = await eventually('the dialog', () => dialogs[0])
        dialog.on('modify', (_req, res) => res.send(200, { body: SDP.replace('4000', '4002') }))
        dialog.on('info', (req, res) => res.send(200, { headers: { 'X-Echo': req.body } }))
        const reinvite = peer.inDialog(invite, answer, 'INVITE', 50, SDP)
        peer.send(reinvite)
        const changed = await peer.nextResponse(200, 'INVITE')
        assert.match(changed.body.toString(), /m=audio 4002/)
        peer.send(peer.ack(reinvite, changed))
        peer.send(peer.inDialog(invite, answer, 'INFO', 51, 'Signal=5'))
        assert.equal((await peer.nextResponse(200, 'INFO')).header('X-Echo'), 'Signal=5')
        await hangUp(peer, invite, answer, 52)
      })

      it('is ended by the application over the route that the INVITE recorded', async () => {
        const dialogs: SrfDialog[] = []
        await stage.appFor(answering(dialogs))
        const peer = await stage.peer()
        await call(peer, {
          'Record-Route': `<sip:${peer.address};lr>`,
          Contact: '<sip:alice@192.0.2.99:5099>',
        })
        const dialog = await eventually('the dialog', () => dialogs[0])
        const ended = dialog.destroy()
        const bye = await peer.nextRequest('BYE')
        assert.equal(bye.startLine, 'BYE sip:alice@192.0.2.99:5099 SIP/2.0')
        assert.equal(bye.header('Route'), `<sip:${peer.address};lr>`)
        peer.send(peer.response(bye, 200, 'OK'))
        await ended
      })
    })

    describe('requests in dialogs that there are not', () => {
      // Not INFO: drachtio-server takes one for a request outside of dialogs.
      for (const method of ['BYE', 'INVITE', 'UPDATE']) {
        it(`get 481: ${method}`, async () => {
          await stage.appFor(answering([]))
          const peer = await stage.peer()
          const request = peer.request(method, { To: '<sip:bob@127.0.0.1>;tag=gone' }, method === 'INVITE' ? SDP : '')
          peer.send(request)
          const answer = await peer.nextResponse(481, method)
          if (method === 'INVITE') peer.send(peer.ack(request, answer, 'same'))
        })
      }
    })

    describeOutgoingCalls(() => stage)
    describeMethods(() => stage)
    describeProxy(() => stage)

    describe('OPTIONS', () => {
      it('go to the application, and come back with its answer', async () => {
        await stage.appFor((srf) => srf.options((_req, res) => res.send(200, { headers: { Allow: 'INVITE, ACK' } })))
        const peer = await stage.peer()
        peer.send(peer.request('OPTIONS'))
        assert.equal((await peer.nextResponse(200, 'OPTIONS')).header('Allow'), 'INVITE, ACK')
      })

      it('of ours say who answered', async () => {
        const srf = await stage.app()
        const peer = await stage.peer()
        const request = await srf.request(`sip:${peer.address}`, { method: 'OPTIONS' })
        const answered = new Promise<[number, string]>((resolve) =>
          request.on('response', (res) => resolve([res.status, res.source_address])),
        )
        peer.send(peer.response(await peer.nextRequest('OPTIONS'), 503, 'Busy', 'x', 'Retry-After: 3'))
        assert.deepEqual(await answered, [503, '127.0.0.1'])
      })
    })
  })
}

async function hangUp(peer: Peer, invite: string, answer: Parameters<Peer['ack']>[1], seq = 99): Promise<void> {
  peer.send(peer.inDialog(invite, answer, 'BYE', seq))
  await peer.nextResponse(200, 'BYE')
}

/** An INVITE of the peer that rings; again where the application was not heard of yet. */
async function untilRinging(peer: Peer): Promise<string> {
  return eventually('a call that rings', async () => {
    const invite = peer.request('INVITE', {}, SDP)
    peer.send(invite)
    const answer = await peer.next('180 or 503', (message) =>
      message.kind === 'response' && (message.status === 180 || message.status === 503) ? message : undefined,
    )
    if (answer.status === 180) return invite
    peer.send(peer.ack(invite, answer, 'same'))
    return undefined
  })
}
