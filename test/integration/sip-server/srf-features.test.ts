import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import { Authority } from '../../helpers/certificates.ts'
import { Peer } from './peer.ts'
import { addressOf, eventually, FAST_TIMERS, type Station, sdp, station } from './rig.ts'
import { newSrf, type SrfApp, type SrfDialog, type SrfRequest } from './srf.ts'

/** What docs/drachtio.md says of the published drachtio-srf and no other test shows. */
describe('the published drachtio-srf', function () {
  this.timeout(15_000)
  const stations: Station[] = []
  let peer: Peer | undefined

  const open = async (): Promise<Station> => {
    const one = await station()
    stations.push(one)
    return one
  }

  afterEach(async () => {
    peer?.close()
    peer = undefined
    for (const one of stations.splice(0)) await one.close()
  })

  it('is told where a request came from, on which socket, and by which server', async () => {
    const here = await open()
    const { srf, server } = here
    const address = here.address()
    const heard = new Promise<SrfRequest>((resolve) => {
      srf.message((req, res) => {
        res.send(200)
        resolve(req)
      })
    })
    peer = await Peer.open(address)
    peer.send(peer.request('MESSAGE'))
    const req = await heard
    const { source, source_address, source_port, protocol, stackTime, receivedOn } = req
    assert.deepEqual(
      [source, `${source_address}:${source_port}`, protocol, receivedOn],
      ['network', peer.address, 'udp', address],
    )
    assert.match(stackTime, /^\d\d:\d\d:\d\d\.\d{6}$/)
    assert.equal(req.server.hostport, server.hostports.join(','))
  })

  it('hears no more of a method that it unregisters from, and again when it registers again', async () => {
    const here = await open()
    const { srf } = here
    const address = here.address()
    srf.message((_req, res) => res.send(202))
    peer = await Peer.open(address)
    const answerIs = (status: number): Promise<true> =>
      eventually(`${status}`, async () => {
        peer?.send(peer.request('MESSAGE'))
        const answer = await peer?.next('an answer', (message) => (message.kind === 'response' ? message : undefined))
        return answer?.status === status ? true : undefined
      })
    await answerIs(202)
    srf.unregisterForMessages('message')
    await answerIs(503)
    srf.reregisterForMessages('message')
    await answerIs(202)
  })

  it('puts a session on hold and takes it off again', async () => {
    const [alice, bob] = [await open(), await open()]
    const heard: string[] = []
    bob.srf.invite((req, res) => {
      void bob.srf.createUAS(req, res, { localSdp: sdp(4000) }).then((dialog) => {
        for (const event of ['hold', 'unhold']) dialog.on(event, () => heard.push(event))
        // A session that the far end makes inactive, as its own `hold` does, is none that drachtio-srf calls held.
        dialog.on('modify', (invite, answer) => {
          heard.push(/a=(?:sendrecv|inactive)/.exec(invite.body)?.[0] ?? '')
          answer.send(200, { body: sdp(4000) })
        })
      })
    })
    const dialog = await alice.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: sdp(5000) })
    await dialog.modify('hold')
    await dialog.modify('unhold')
    await dialog.modify(sdp(5000).replace('sendrecv', 'sendonly'))
    await dialog.modify(sdp(5000))
    assert.deepEqual(heard, ['a=inactive', 'a=sendrecv', 'hold', 'unhold'])
    await dialog.destroy()
  })

  it('says who calls by number and name', async () => {
    const here = await open()
    const { srf } = here
    const address = here.address()
    peer = await Peer.open(address)
    const options = { localSdp: sdp(5000), callingNumber: '+12025550101', callingName: 'Clinic' }
    const calling: Promise<SrfDialog> = srf.createUAC(`sip:bob@${peer.address}`, options)
    const invite = await peer.nextRequest('INVITE')
    const [from, contacts] = [invite.from(), invite.contacts()]
    assert.deepEqual([from.displayName, from.uri], ['Clinic', `sip:+12025550101@${address}`])
    assert.ok(contacts !== '*' && contacts[0]?.uri.startsWith(`sip:+12025550101@${address}`))
    peer.send(peer.response(invite, 486, 'Busy Here'))
    await assert.rejects(calling, { status: 486 })
  })

  it('reaches a client over the connection that it has registered by, whatever its Contact says (RFC 5923)', async () => {
    const here = await open()
    const registered = new Promise<SrfRequest>((resolve) => {
      here.srf.register((req, res) => {
        res.send(200)
        resolve(req)
      })
    })
    const [host = '', port = ''] = here.address('tcp').split(':')
    const client = connect({ host, port: Number(port), localAddress: '127.0.0.1' })
    const received: string[] = []
    client.on('data', (chunk) => received.push(chunk.toString()))
    const head = [
      'REGISTER sip:example.net SIP/2.0',
      'Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK-reg;rport',
      'Max-Forwards: 70',
      'From: <sip:alice@example.net>;tag=a',
      'To: <sip:alice@example.net>',
      'Call-ID: registration',
      'CSeq: 1 REGISTER',
      'Contact: <sip:alice@192.0.2.1;transport=tcp>',
      'Content-Length: 0',
    ]
    client.write(`${head.join('\r\n')}\r\n\r\n`)
    const { source_address, source_port, protocol } = await registered
    await here.srf.request(`sip:alice@${source_address}:${source_port};transport=${protocol}`, { method: 'OPTIONS' })
    await eventually('an OPTIONS on the same connection', () =>
      /^OPTIONS /m.test(received.join('')) ? true : undefined,
    )
    client.destroy()
  })

  describe('over TLS', () => {
    let authority: Authority
    let server: SipServer
    const apps: SrfApp[] = []

    before(async () => {
      authority = new Authority()
      const { cert, key } = authority.issue('IP:127.0.0.1')
      const listen = ['udp:127.0.0.1:0']
      const adminTls = { port: 0, cert, key }
      server = await startSipServer({ listen, secret: 'cymru', allowAll: true, timers: FAST_TIMERS, adminTls })
    })

    after(async () => {
      for (const app of apps) app.disconnect()
      await server.close()
      authority.close()
    })

    it('connects to a server that it can trust, and takes requests', async () => {
      const srf = newSrf()
      apps.push(srf)
      srf.on('error', () => {})
      srf.message((_req, res) => res.send(202))
      const connected = new Promise((resolve) => srf.once('connect', resolve))
      const { adminTlsPort: port = assert.fail('no port over TLS') } = server
      srf.connect({ host: '127.0.0.1', port, secret: 'cymru', tls: { ca: authority.cert } })
      assert.equal(await connected, null)
      peer = await Peer.open(addressOf(server, 'udp'))
      await eventually('202', async () => {
        peer?.send(peer.request('MESSAGE'))
        const answer = await peer?.next('an answer', (message) => (message.kind === 'response' ? message : undefined))
        return answer?.status === 202 ? true : undefined
      })
    })

    it('leaves one alone that it cannot', async () => {
      const srf = newSrf()
      const failed = new Promise((resolve) => srf.once('error', resolve))
      const { adminTlsPort: port = assert.fail('no port over TLS') } = server
      srf.connect({ host: '127.0.0.1', port, secret: 'cymru', tls: {}, reconnect: { maxAttempts: 1 } })
      assert.match(String(await failed), /self-signed certificate|unable to verify/)
    })
  })
})
