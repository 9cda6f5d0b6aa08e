import assert from 'node:assert/strict'
import type { SipRequest, SipResponse } from '../../lib/sip/message.ts'
import type { Peer } from '../integration/sip-server/peer.ts'
import type { SrfApp, SrfProxyOptions, SrfProxyResult } from '../integration/sip-server/srf.ts'
import { SDP, type Stage } from './sip-server-stage.ts'

/** What a SIP server does with the requests that its applications have proxied (RFC 3261 §16). */
export function describeProxy(stage: () => Stage): void {
  describe('a request that is proxied', () => {
    let alice: Peer
    let bob: Peer
    let carol: Peer
    let result: Promise<SrfProxyResult> | undefined

    /** An application that has all INVITEs and MESSAGEs proxied so. By default Bob comes first, then Carol. */
    async function proxying(wish: (places: readonly string[]) => Partial<SrfProxyOptions> = () => ({})): Promise<void> {
      const install = (srf: SrfApp): void => {
        const proxy = (req: { proxy(options: SrfProxyOptions): Promise<SrfProxyResult> }): void => {
          const destination = [`sip:bob@${bob.address}`, `sip:carol@${carol.address}`]
          result = req.proxy({ destination, ...wish(destination) })
          result.catch(() => {})
        }
        srf.invite(proxy)
        srf.message(proxy)
      }
      await stage().appFor(install)
      bob = await stage().peer()
      carol = await stage().peer()
      alice = await stage().peer()
    }

    const invited = (): string => {
      const invite = alice.request('INVITE', {}, SDP)
      alice.send(invite)
      return invite
    }

    const failed = async (invite: string, status: number): Promise<SipResponse> => {
      const answer = await alice.nextResponse(status, 'INVITE')
      alice.send(alice.ack(invite, answer, 'same'))
      return answer
    }

    /** Refuses, and has it acknowledged by the server. */
    async function refuse(peer: Peer, request: SipRequest, status: number): Promise<void> {
      peer.send(peer.response(request, status, 'Refused', 'peer'))
      await peer.nextRequest('ACK')
    }

    it('has one hop less, a Via more, and no Record-Route unless asked for', async () => {
      await proxying(() => ({ headers: { 'X-Added': 'yes' } }))
      invited()
      const received = await bob.nextRequest('INVITE')
      assert.equal(received.maxForwards, 69)
      assert.equal(received.vias().length, 2)
      assert.equal(received.has('Record-Route'), false)
      assert.equal(received.header('X-Added'), 'yes')
      assert.equal(received.uri, `sip:bob@${bob.address}`)
      bob.send(bob.response(received, 180, 'Ringing'))
      assert.equal((await alice.nextResponse(180)).vias().length, 1)
      bob.send(bob.response(received, 200, 'OK', 'bob', '', SDP))
      await alice.nextResponse(200, 'INVITE')
      assert.equal((await result)?.connected, true)
    })

    it('that is no INVITE has its answer too', async () => {
      await proxying()
      alice.send(alice.request('MESSAGE', { 'Content-Type': 'text/plain' }, 'hello'))
      const received = await bob.nextRequest('MESSAGE')
      assert.equal(received.body.toString(), 'hello')
      bob.send(bob.response(received, 202, 'Accepted'))
      await alice.nextResponse(202, 'MESSAGE')
    })

    it('goes to the next destination after a failure, and its caller gets the best', async () => {
      await proxying()
      const invite = invited()
      const first = await bob.nextRequest('INVITE')
      assert.equal(carol.count('INVITE'), 0)
      await refuse(bob, first, 486)
      await refuse(carol, await carol.nextRequest('INVITE'), 500)
      await failed(invite, 486)
      assert.equal((await result)?.connected, false)
    })

    it('goes to two destinations at one place, one after the other', async () => {
      await proxying(() => ({ destination: [`sip:desk@${bob.address}`, `sip:mobile@${bob.address}`] }))
      const invite = invited()
      await refuse(bob, await bob.nextRequest('INVITE'), 486)
      await refuse(bob, await bob.nextRequest('INVITE'), 486)
      await failed(invite, 486)
    })

    it('rings everybody at once, and stops the others when one answers', async () => {
      await proxying(() => ({ forking: 'simultaneous' }))
      invited()
      const [toBob, toCarol] = await Promise.all([bob.nextRequest('INVITE'), carol.nextRequest('INVITE')])
      bob.send(bob.response(toBob, 180, 'Ringing'))
      await alice.nextResponse(180)
      carol.send(carol.response(toCarol, 200, 'OK', 'carol', '', SDP))
      assert.match((await alice.nextResponse(200, 'INVITE')).header('To') ?? '', /tag=carol/)
      bob.send(bob.response(await bob.nextRequest('CANCEL'), 200, 'OK'))
      await refuse(bob, toBob, 487)
    })

    it('is cancelled where its caller gives up', async () => {
      await proxying()
      const invite = invited()
      const received = await bob.nextRequest('INVITE')
      bob.send(bob.response(received, 180, 'Ringing'))
      await alice.nextResponse(180)
      alice.send(alice.cancel(invite))
      await alice.nextResponse(200, 'CANCEL')
      bob.send(bob.response(await bob.nextRequest('CANCEL'), 200, 'OK'))
      await refuse(bob, received, 487)
      await failed(invite, 487)
      assert.equal(carol.count('INVITE'), 0)
    })

    it('follows a redirect', async () => {
      await proxying(([first = '']) => ({ destination: first, followRedirects: true }))
      invited()
      const moved = bob.response(await bob.nextRequest('INVITE'), 302, 'Moved')
      bob.send(moved.replace(/Contact: .*/, `Contact: <sip:carol@${carol.address}>`))
      const second = await carol.nextRequest('INVITE')
      carol.send(carol.response(second, 200, 'OK', 'carol', '', SDP))
      await alice.nextResponse(200, 'INVITE')
    })

    it('passes over who says nothing in time', async () => {
      await proxying(() => ({ provisionalTimeout: '1s' }))
      invited()
      await bob.nextRequest('INVITE')
      const second = await carol.nextRequest('INVITE')
      carol.send(carol.response(second, 200, 'OK', 'carol', '', SDP))
      await alice.nextResponse(200, 'INVITE')
    })

    it('has the server in its dialog where asked to: ACK and BYE pass by it', async () => {
      await proxying(([first = '']) => ({ destination: first, remainInDialog: true }))
      const invite = invited()
      const received = await bob.nextRequest('INVITE')
      const route = received.header('Record-Route') ?? ''
      assert.match(route, new RegExp(`^<sip:${stage().place('udp')};.*lr`))
      bob.send(bob.response(received, 200, 'OK', 'bob', `Record-Route: ${route}`, SDP))
      const answer = await alice.nextResponse(200, 'INVITE')
      const routed = (text: string): string =>
        text
          .replace(/^(\w+) \S+/, `$1 sip:bob@${bob.address}`)
          .replace('Max-Forwards', `Route: ${route}\r\nMax-Forwards`)
      alice.send(routed(alice.ack(invite, answer)))
      const ack = await bob.nextRequest('ACK')
      assert.equal(ack.has('Route'), false)
      alice.send(routed(alice.inDialog(invite, answer, 'BYE', 6)))
      const bye = await bob.nextRequest('BYE')
      assert.equal(bye.vias().length, 2)
      bob.send(bob.response(bye, 200, 'OK'))
      await alice.nextResponse(200, 'BYE')
    })

    it('is refused where it has no hop left', async () => {
      await proxying()
      const tired = alice.request('INVITE', { 'Max-Forwards': '0' }, SDP)
      alice.send(tired)
      await failed(tired, 483)
    })
  })
}
