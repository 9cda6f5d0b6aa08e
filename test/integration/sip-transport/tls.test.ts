import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { STREAM_LIMITS, StreamTransport, type StreamTransportLimits } from '../../../app/sip/transport/stream.ts'
import { Tls, type TlsMaterial } from '../../../app/sip/transport/tls.ts'
import type { Remote, TransportError } from '../../../app/sip/transport/transport.ts'
import { Authority, type Certificate } from '../../helpers/certificates.ts'
import { until } from '../../helpers/until.ts'
import { Recorder } from './recorder.ts'

const HOST = '127.0.0.1'
const NAME = 'sip.example.net'

const message = (body: string): string =>
  `MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const send = (from: StreamTransport, text: string, remote: Remote): Promise<TransportError | undefined> =>
  new Promise((done) => from.send(Buffer.from(text), remote, done))

describe('the TLS transport', () => {
  const transports: StreamTransport[] = []
  const sockets: { destroy(): void }[] = []
  let authority: Authority
  let stranger: Authority
  let named: Certificate
  let addressed: Certificate

  before(() => {
    authority = new Authority()
    stranger = new Authority('Somebody Else')
    named = authority.issue(`DNS:${NAME}`)
    addressed = authority.issue(`IP:${HOST}`)
  })

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await Promise.all(transports.splice(0).map((one) => one.close()))
  })

  after(() => {
    authority.close()
    stranger.close()
  })

  const material = ({ cert, key }: Certificate, more: Partial<TlsMaterial> = {}): TlsMaterial => ({
    ...{ cert, key, ca: authority.cert, verifyClient: false, hosts: [] },
    ...more,
  })

  async function listen(
    tls: Tls,
    recorder = new Recorder(),
    limits: Partial<StreamTransportLimits> = {},
  ): Promise<StreamTransport> {
    const listening = await StreamTransport.listen(tls, { host: HOST, port: 0 }, recorder, {
      ...STREAM_LIMITS,
      ...limits,
    })
    assert.ok(listening.ok, listening.ok ? '' : listening.error.message)
    transports.push(listening.value)
    return listening.value
  }

  const to = ({ local }: StreamTransport, serverName?: string): Remote => ({ protocol: 'tls', ...local, serverName })

  async function dial({ local }: StreamTransport, servername: string): Promise<TLSSocket> {
    const socket = connectTls({ ...local, servername, rejectUnauthorized: false })
    sockets.push(socket)
    await once(socket, 'secureConnect')
    return socket
  }

  it('carries messages both ways over one connection, to who proves the name that was asked for', async () => {
    const [here, there] = [new Recorder(), new Recorder()]
    const [a, b] = [await listen(new Tls(material(addressed)), here), await listen(new Tls(material(named)), there)]
    const sent = await Promise.all([send(a, message('one'), to(b, NAME)), send(a, message('two'), to(b, NAME))])
    assert.deepEqual(sent, [undefined, undefined])
    const { text, arrival } = await there.next()
    assert.equal(text, message('one'))
    assert.deepEqual([arrival.protocol, arrival.localPort, arrival.remoteHost], ['tls', b.local.port, HOST])
    assert.equal((await there.next()).arrival.flow, arrival.flow)
    assert.equal(await send(b, message('back'), { ...to(a), port: 1, flow: arrival.flow }), undefined)
    assert.equal((await here.next()).text, message('back'))
    assert.deepEqual([a.connectionCount, b.connectionCount], [1, 1])
  })

  it('takes an address for the name where there is no other, and a domain that stands as a SIP URI in the certificate', async () => {
    const domain = authority.issue('URI:sip:carrier.example')
    const a = await listen(new Tls(material(addressed)))
    assert.equal(await send(a, message('x'), to(await listen(new Tls(material(addressed))))), undefined)
    const b = await listen(new Tls(material(domain)))
    assert.equal(await send(a, message('x'), to(b, 'carrier.example')), undefined)
  })

  for (const [what, refused] of [
    ['proves another name', () => ({ certificate: named, name: 'other.example.net' })],
    ['has a certificate of nobody we trust', () => ({ certificate: stranger.issue(`DNS:${NAME}`), name: NAME })],
  ] as const) {
    it(`sends nothing to who ${what}`, async () => {
      const there = new Recorder()
      const { certificate, name } = refused()
      const a = await listen(new Tls(material(addressed)))
      const b = await listen(new Tls(material(certificate)), there)
      const error = await send(a, message('secret'), to(b, name))
      assert.equal(error?.code, 'untrusted')
      await until(async () => a.connectionCount === 0 && b.connectionCount === 0, 'the connection to be closed')
      assert.equal(there.pending, 0)
    })
  }

  it('does not send over a connection that has proven another name, or that somebody else has opened', async () => {
    const both = authority.issue(`DNS:${NAME},DNS:other.example.net`)
    const there = new Recorder()
    const [a, b] = [await listen(new Tls(material(both))), await listen(new Tls(material(both)), there)]
    assert.equal(await send(a, message('x'), to(b, NAME)), undefined)
    assert.equal(await send(a, message('x'), to(b, 'other.example.net')), undefined)
    const { arrival } = await there.next()
    assert.equal(a.connectionCount, 2)
    const back = await send(b, message('x'), { protocol: 'tls', host: HOST, port: arrival.remotePort })
    assert.equal(back?.code, 'refused')
  })

  it('shows the certificate of the name that is asked for, and new ones to those who come after they were renewed', async () => {
    const other = authority.issue('DNS:other.example.net')
    const tls = new Tls(material(named, { hosts: [{ names: ['Other.example.net'], ...other }] }))
    const recorder = new Recorder()
    const b = await listen(tls, recorder)
    const shown = async (name: string) => (await dial(b, name)).getPeerCertificate().subjectaltname
    assert.equal(await shown('other.example.net'), 'DNS:other.example.net')
    assert.equal(await shown('nobody.example.net'), `DNS:${NAME}`)
    const old = await dial(b, NAME)
    assert.throws(() => tls.renew(material({ ...named, cert: 'rubbish' })))
    assert.equal(await shown(NAME), `DNS:${NAME}`)
    tls.renew(material(addressed))
    assert.equal(await shown('other.example.net'), 'IP Address:127.0.0.1')
    old.write(message('still there'))
    assert.equal((await recorder.next()).text, message('still there'))
  })

  it('lets in only who shows a certificate of ours, where that is asked for', async () => {
    const [troubles, there] = [new Recorder(), new Recorder()]
    const b = await listen(new Tls(material(named, { verifyClient: true })), there)
    const ours = await listen(new Tls(material(addressed)))
    assert.equal(await send(ours, message('x'), to(b, NAME)), undefined)
    assert.equal((await there.next()).text, message('x'))
    const theirs = await listen(new Tls(material(stranger.issue(`IP:${HOST}`))), troubles)
    await send(theirs, message('y'), to(b, NAME))
    await until(async () => theirs.connectionCount === 0, 'the connection to be closed')
    assert.equal(there.pending, 0)
    assert.match(there.troubles.map(([{ message }]) => message).join(), /tls from 127\.0\.0\.1/)
  })

  it('gives who does not speak TLS no answer, and counts handshakes as connections', async () => {
    const recorder = new Recorder()
    recorder.standing = 'stranger'
    const b = await listen(new Tls(material(named)), recorder, { maxStrangers: 2 })
    const silent = [connect(b.local), connect(b.local)]
    sockets.push(...silent)
    await until(async () => b.connectionCount === 2, 'both to be counted')
    const third = connect(b.local)
    sockets.push(third)
    await once(third, 'close')
    assert.deepEqual(recorder.troubles[0]?.[0].code, 'too-many-connections')
    silent[0]?.end(message('plain'))
    await until(async () => b.connectionCount === 1, 'one to be gone')
    assert.equal(recorder.pending, 0)
    await b.close()
    await until(async () => b.connectionCount === 0, 'the other to be gone')
  })

  it('gives a connection up that is not made in time', async () => {
    const a = await listen(new Tls(material(addressed)), new Recorder(), { connectTimeoutMs: 50 })
    // Takes the connection, and says nothing of TLS.
    const server = createServer((socket) => sockets.push(socket))
    await once(server.listen(0, HOST), 'listening')
    const address = server.address()
    assert.ok(address !== null && typeof address !== 'string')
    const error = await send(a, message('x'), { protocol: 'tls', host: HOST, port: address.port })
    assert.equal(error?.code, 'timeout')
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
})
