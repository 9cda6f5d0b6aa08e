import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Peer } from '../integration/sip-server/peer.ts'
import type { SrfApp, SrfError, SrfRequest } from '../integration/sip-server/srf.ts'
import { heard, SDP, type Stage } from './sip-server-stage.ts'

/** What a SIP server does with the INVITEs of its applications. */
export function describeOutgoingCalls(stage: () => Stage): void {
  describe('a call that goes out', () => {
    let srf: SrfApp
    let peer: Peer

    beforeEach(async () => {
      srf = await stage().app()
      peer = await stage().peer()
    })

    const rung = (): Promise<SrfRequest> =>
      new Promise((resolve, reject) => {
        let sent: SrfRequest | undefined
        const progress = {
          cbRequest: (_error: unknown, req: SrfRequest) => {
            sent = req
          },
          cbProvisional: () => sent && resolve(sent),
        }
        srf.createUAC(`sip:bob@${peer.address}`, { localSdp: SDP }, progress).catch(reject)
      })

    it('is acknowledged by the server, and ended from either side', async () => {
      for (const side of ['application', 'peer'] as const) {
        const statuses: number[] = []
        const calling = srf.createUAC(
          `sip:bob@${peer.address}`,
          { localSdp: SDP, headers: { 'X-Ping': 'größe' } },
          { cbProvisional: (res) => statuses.push(res.status) },
        )
        const invite = await peer.nextRequest('INVITE')
        assert.equal(invite.header('X-Ping'), 'größe')
        peer.send(peer.response(invite, 180, 'Ringing'))
        peer.send(peer.response(invite, 200, 'OK', 'bob', '', SDP))
        const dialog = await calling
        assert.deepEqual(statuses, [180])
        await peer.nextRequest('ACK')
        if (side === 'application') {
          const ended = dialog.destroy()
          peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
          await ended
        } else {
          const ended = heard(dialog, 'destroy')
          peer.send(byeOf(invite, peer))
          await peer.nextResponse(200, 'BYE')
          await ended
        }
      }
    })

    it('goes to its next hop with the request-URI as it is', async () => {
      const refused = srf.createUAC('sip:+12025550100@carrier.invalid:5099', {
        localSdp: SDP,
        proxy: `sip:${peer.address}`,
      })
      const invite = await peer.nextRequest('INVITE')
      assert.equal(invite.startLine, 'INVITE sip:+12025550100@carrier.invalid:5099 SIP/2.0')
      peer.send(peer.response(invite, 404, 'Not Found'))
      await assert.rejects(refused, (error: SrfError) => error.status === 404)
      await peer.nextRequest('ACK')
    })

    it('is cancelled when it rings, and not before', async () => {
      const ringing = rung()
      const invite = await peer.nextRequest('INVITE')
      peer.send(peer.response(invite, 180, 'Ringing'))
      const failed = assert.rejects(
        ringing.then((request) => {
          request.cancel()
          return new Promise((_resolve, reject) =>
            request.on('response', (res) => res.status >= 300 && reject(new Error(String(res.status)))),
          )
        }),
        /487/,
      )
      const cancel = await peer.nextRequest('CANCEL')
      peer.send(peer.response(cancel, 200, 'OK'))
      peer.send(peer.response(invite, 487, 'Request Terminated'))
      await peer.nextRequest('ACK')
      await failed
    })

    it('is acknowledged and hung up where its 200 crossed the CANCEL', async () => {
      let request: SrfRequest | undefined
      const calling = srf.createUAC(
        `sip:bob@${peer.address}`,
        { localSdp: SDP },
        {
          cbRequest: (_error, req) => {
            request = req
          },
          cbProvisional: () => request?.cancel(),
        },
      )
      const invite = await peer.nextRequest('INVITE')
      peer.send(peer.response(invite, 180, 'Ringing'))
      const cancel = await peer.nextRequest('CANCEL')
      peer.send(peer.response(invite, 200, 'OK', 'bob', '', SDP))
      peer.send(peer.response(cancel, 200, 'OK'))
      // The server may have hung up by itself, and says then that there is no such dialog.
      const ended = calling.then((dialog) => dialog.destroy()).catch(() => undefined)
      await peer.nextRequest('ACK')
      peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
      await ended
    })

    it('answers a digest challenge', async () => {
      const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
      const auth = { username: 'trunk', password: 'secret' }
      const calling = srf.createUAC(`sip:bob@${peer.address}`, { localSdp: SDP, auth })
      const first = await peer.nextRequest('INVITE')
      const challenge = 'WWW-Authenticate: Digest realm="clinic", nonce="f00d", algorithm=MD5'
      peer.send(peer.response(first, 401, 'Unauthorized', 'bob', challenge))
      await peer.nextRequest('ACK')
      const second = await peer.nextRequest('INVITE')
      const given = second.header('Authorization') ?? ''
      const uri = /uri="([^"]+)"/.exec(given)?.[1] ?? ''
      assert.ok(given.includes(md5(`${md5('trunk:clinic:secret')}:f00d:${md5(`INVITE:${uri}`)}`)), given)
      assert.equal(second.callId, first.callId)
      assert.equal(second.cseq().seq, first.cseq().seq + 1)
      peer.send(peer.response(second, 200, 'OK', 'bob2', '', SDP))
      const dialog = await calling
      const ended = dialog.destroy()
      peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
      await ended
    })

    it('makes the server say 503 by itself, from nobody, where nobody listens', async () => {
      const refused = srf.createUAC('sip:bob@127.0.0.1:9;transport=tcp', { localSdp: SDP })
      await assert.rejects(refused, (error: SrfError) => {
        assert.equal(error.status, 503)
        assert.equal(error.res?.source_address, '')
        return true
      })
    })
  })
}

/** The BYE of the called peer (RFC 3261 §12.2.1.1). */
function byeOf(invite: Awaited<ReturnType<Peer['nextRequest']>>, peer: Peer): string {
  return peer.request('BYE', {
    From: `${invite.header('To')};tag=bob`,
    To: invite.header('From') ?? '',
    'Call-ID': invite.callId,
    CSeq: '7 BYE',
  })
}
