import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { STREAM_LIMITS, StreamTransport, type StreamTransportLimits } from '../../../app/sip/transport/stream.ts'
import { TCP } from '../../../app/sip/transport/stream-kind.ts'
import type { Remote, TransportError } from '../../../app/sip/transport/transport.ts'
import { until } from '../../helpers/until.ts'
import { Recorder } from './recorder.ts'

const HOST = '127.0.0.1'

const message = (body: string): string =>
  `MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const send = (from: StreamTransport, text: string, remote: Remote): Promise<TransportError | undefined> =>
  new Promise((done) => from.send(Buffer.from(text), remote, done))

/** All that a socket still sends until the other side ends it. */
async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await once(socket, 'close')
  return text
}

describe('the TCP transport', () => {
  const transports: StreamTransport[] = []
  const sockets: Socket[] = []
  const servers: Server[] = []

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await Promise.all(transports.splice(0).map((one) => one.close()))
    await Promise.all(servers.splice(0).map((one) => new Promise((resolve) => one.close(resolve))))
  })

  async function listen(recorder: Recorder, limits: Partial<StreamTransportLimits> = {}): Promise<StreamTransport> {
    const listening = await StreamTransport.listen(TCP, { host: HOST, port: 0 }, recorder, {
      ...STREAM_LIMITS,
      ...limits,
    })
    assert.ok(listening.ok, listening.ok ? '' : listening.error.message)
    transports.push(listening.value)
    return listening.value
  }

  async function dial(transport: StreamTransport): Promise<Socket> {
    const socket = connect(transport.local.port, HOST)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }

  /** A peer that takes connections and does nothing of itself. */
  async function peer(onConnection: (socket: Socket) => void): Promise<Remote> {
    const server = createServer((socket) => {
      sockets.push(socket)
      onConnection(socket)
    })
    servers.push(server)
    server.listen(0, HOST)
    await once(server, 'listening')
    const address = server.address()
    assert.ok(address !== null && typeof address !== 'string')
    return { protocol: 'tcp', host: HOST, port: address.port }
  }

  it('opens one connection, uses it both ways and for all that follows', async () => {
    const [here, there] = [new Recorder(), new Recorder()]
    const [a, b] = [await listen(here), await listen(there)]
    const toB = { protocol: 'tcp', ...b.local } as const
    const results = await Promise.all([send(a, message('one'), toB), send(a, message('two'), toB)])
    assert.deepEqual(results, [undefined, undefined])
    const { text, arrival } = await there.next()
    assert.equal(text, message('one'))
    assert.equal((await there.next()).arrival.flow, arrival.flow)
    assert.deepEqual([arrival.localHost, arrival.localPort, arrival.remoteHost], [HOST, b.local.port, HOST])
    const back = { protocol: 'tcp', host: HOST, port: 1, flow: arrival.flow } as const
    assert.equal(await send(b, message('back'), back), undefined)
    assert.equal((await here.next()).text, message('back'))
    assert.deepEqual([a.connectionCount, b.connectionCount], [1, 1])
  })

  it('opens a connection to the address when the one of the flow is gone', async () => {
    const [here, there] = [new Recorder(), new Recorder()]
    const [a, b] = [await listen(here), await listen(there)]
    assert.equal(await send(a, message('x'), { protocol: 'tcp', ...b.local, flow: 987_654_321 }), undefined)
    assert.equal((await there.next()).text, message('x'))
  })

  it('puts together messages that come byte by byte', async () => {
    const recorder = new Recorder()
    const socket = await dial(await listen(recorder))
    socket.setNoDelay(true)
    for (const char of message('slow') + message('fast')) socket.write(char)
    assert.equal((await recorder.next()).text, message('slow'))
    assert.equal((await recorder.next()).text, message('fast'))
  })

  it('answers a ping of two CRLFs with one', async () => {
    const socket = await dial(await listen(new Recorder()))
    socket.write('\r\n\r\n')
    const [pong] = await once(socket, 'data')
    assert.equal(String(pong), '\r\n')
  })

  it('answers a message that breaks the framing with 400, and closes', async () => {
    const recorder = new Recorder()
    const socket = await dial(await listen(recorder))
    const head = 'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nTo: <sip:a@b>\r\nCSeq: 1 OPTIONS\r\n'
    socket.write(`${head}Content-Length: -1\r\n\r\n${message('never read')}`)
    const answer = await readAll(socket)
    assert.match(answer, /^SIP\/2\.0 400 Bad Request\r\nVia: SIP\/2\.0\/TCP h;branch=z9hG4bK1\r\nTo: <sip:a@b>;tag=/)
    assert.equal(recorder.pending, 0)
    assert.match(recorder.troubles[0]?.[0].message ?? '', /Content-Length is malformed: -1/)
  })

  it('closes on noise without an answer', async () => {
    const socket = await dial(await listen(new Recorder()))
    socket.write('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n')
    assert.equal(await readAll(socket), '')
  })

  it('closes a connection that is idle too long', async () => {
    const transport = await listen(new Recorder(), { idleTimeoutMs: 30 })
    await readAll(await dial(transport))
  })

  it('closes a connection that begins a message and does not finish it', async () => {
    const transport = await listen(new Recorder(), { messageTimeoutMs: 30 })
    const socket = await dial(transport)
    socket.write('OPTIONS sip:a@b SIP/2.0\r\n')
    await readAll(socket)
  })

  it('keeps a busy connection on which every chunk ends in the middle of a message', async () => {
    const messageTimeoutMs = 500
    const recorder = new Recorder()
    const socket = await dial(await listen(recorder, { messageTimeoutMs }))
    const [begin, end] = [message('x').slice(0, 40), message('x').slice(40)]
    socket.write(begin)
    for (const untilMs = performance.now() + 2 * messageTimeoutMs; performance.now() < untilMs; ) {
      socket.write(end + begin)
      assert.equal((await recorder.next()).text, message('x'))
    }
    assert.equal(socket.closed, false)
  })

  it('takes few connections of strangers, so that there is room for others', async () => {
    const recorder = new Recorder()
    const transport = await listen(recorder, { maxStrangers: 2 })
    recorder.standing = 'stranger'
    const [first] = [await dial(transport), await dial(transport)]
    await readAll(await dial(transport))
    assert.equal(recorder.troubles[0]?.[0].code, 'too-many-connections')
    recorder.standing = 'known'
    const known = await dial(transport)
    known.write(message('let in'))
    assert.equal((await recorder.next()).text, message('let in'))
    recorder.standing = 'stranger'
    first?.destroy()
    await until(async () => transport.connectionCount === 2, 'the stranger to be gone')
    const next = await dial(transport)
    next.write(message('has its place'))
    assert.equal((await recorder.next()).text, message('has its place'))
  })

  it('answers no stranger by itself, and soon closes a connection on which none speaks', async () => {
    const recorder = new Recorder()
    recorder.standing = 'stranger'
    const transport = await listen(recorder, { strangerIdleMs: 50 })
    const noisy = await dial(transport)
    noisy.write(`\r\n\r\n${message('x').replace(/Content-Length: \d+/, 'Content-Length: -1')}`)
    assert.equal(await readAll(noisy), '')
    assert.equal(await readAll(await dial(transport)), '')
    await until(async () => transport.connectionCount === 0, 'the strangers to be gone')
  })

  it('takes no connection of who is banned', async () => {
    const recorder = new Recorder()
    recorder.standing = 'banned'
    const transport = await listen(recorder)
    assert.equal(await readAll(await dial(transport)), '')
    assert.equal(transport.connectionCount, 0)
  })

  it('takes no more connections than its limit, of either direction', async () => {
    const recorder = new Recorder()
    const transport = await listen(recorder, { maxConnections: 1 })
    const first = await dial(transport)
    first.write(message('kept'))
    await recorder.next()
    await readAll(await dial(transport))
    assert.equal(recorder.troubles[0]?.[0].code, 'too-many-connections')
    const error = await send(transport, message('x'), { protocol: 'tcp', host: HOST, port: 9 })
    assert.equal(error?.code, 'too-many-connections')
    assert.equal(transport.connectionCount, 1)
  })

  it('refuses messages for a peer that does not read, instead of keeping them', async () => {
    const transport = await listen(new Recorder(), { maxUnsentBytes: 100_000 })
    const remote = await peer((socket) => socket.pause())
    const large = message('x'.repeat(60_000))
    let refused: TransportError | undefined
    for (let i = 0; i < 500 && refused === undefined; i++) {
      transport.send(Buffer.from(large), remote, (error) => {
        refused ??= error
      })
    }
    assert.equal(refused?.code, 'congested')
  })

  it('reports a connection that is refused for every message that waited for it', async () => {
    const transport = await listen(new Recorder())
    // A port that a connection holds and nobody listens at: no other process can take it meanwhile.
    const held = (await dial(await listen(new Recorder()))).localPort
    assert.ok(held !== undefined)
    const gone = { protocol: 'tcp', host: HOST, port: held } as const
    const errors = await Promise.all([send(transport, message('1'), gone), send(transport, message('2'), gone)])
    assert.deepEqual(
      errors.map((error) => error?.code),
      ['refused', 'refused'],
    )
  })

  it('says which address is in use, and by which process', async () => {
    const first = await listen(new Recorder())
    const second = await StreamTransport.listen(TCP, first.local, new Recorder())
    assert.ok(!second.ok)
    const by = process.platform === 'linux' ? ` by this process (${process.pid})` : ''
    const where = `cannot listen at tcp:127.0.0.1:${first.local.port}: the port is in use`
    assert.deepEqual([second.error.code, second.error.message], ['address-in-use', where + by])
  })

  it('ends all its connections and takes nothing more when it is closed', async () => {
    const transport = await listen(new Recorder())
    const socket = await dial(transport)
    socket.write('\r\n\r\n')
    await once(socket, 'data')
    const ended = readAll(socket)
    await Promise.all([transport.close(), transport.close()])
    await ended
    const error = await send(transport, message('late'), { protocol: 'tcp', host: HOST, port: 9 })
    assert.equal(error?.code, 'closed')
    assert.equal(transport.connectionCount, 0)
  })
})
