import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { SendDone, TransportError } from '../../../app/sip/transport/transport.ts'
import { MAX_UDP_BYTES, UdpTransport } from '../../../app/sip/transport/udp.ts'
import { Recorder } from './recorder.ts'

const HOST = '127.0.0.1'

async function listen(recorder: Recorder, port = 0): Promise<UdpTransport> {
  const listening = await UdpTransport.listen({ host: HOST, port }, recorder)
  assert.ok(listening.ok, listening.ok ? '' : listening.error.message)
  return listening.value
}

const sent = (send: (done: SendDone) => void): Promise<TransportError | undefined> => new Promise(send)

describe('the UDP transport', () => {
  let open: UdpTransport[] = []
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()))
    open = []
  })

  it('carries a message from one to the other, with both addresses, and the answer back', async () => {
    const [here, there] = [new Recorder(), new Recorder()]
    const [a, b] = [await listen(here), await listen(there)]
    open = [a, b]
    assert.equal(await sent((done) => a.send(Buffer.from('hello'), { protocol: 'udp', ...b.local }, done)), undefined)
    const { text, arrival } = await there.next()
    assert.equal(text, 'hello')
    assert.deepEqual(arrival, {
      protocol: 'udp',
      localHost: HOST,
      localPort: b.local.port,
      remoteHost: HOST,
      remotePort: a.local.port,
      flow: undefined,
    })
    const back = { protocol: arrival.protocol, host: arrival.remoteHost, port: arrival.remotePort }
    assert.equal(await sent((done) => b.send(Buffer.from('world'), back, done)), undefined)
    assert.equal((await here.next()).text, 'world')
  })

  it('passes over keepalives of CRLFs and NULs', async () => {
    const recorder = new Recorder()
    const transport = await listen(recorder)
    open = [transport]
    const peer = createSocket('udp4')
    for (const datagram of ['', '\r\n', '\r\n\r\n', '\0\0\0\0', 'a message'])
      peer.send(datagram, transport.local.port, HOST)
    assert.equal((await recorder.next()).text, 'a message')
    assert.equal(recorder.pending, 0)
    peer.close()
    await once(peer, 'close')
  })

  it('says which address is in use, and by which process', async () => {
    const first = await listen(new Recorder())
    open = [first]
    const second = await UdpTransport.listen(first.local, new Recorder())
    assert.ok(!second.ok)
    assert.equal(second.error.code, 'address-in-use')
    const where = `cannot listen at udp:127.0.0.1:${first.local.port}: the port is in use`
    const by = process.platform === 'linux' ? ` by this process (${process.pid})` : ''
    assert.equal(second.error.message, where + by)
  })

  it('says when an address is not ours', async () => {
    const listening = await UdpTransport.listen({ host: '192.0.2.1', port: 0 }, new Recorder())
    assert.equal(!listening.ok && listening.error.code, 'address-not-available')
  })

  it('refuses what fits no datagram, and everything once it is closed', async () => {
    const transport = await listen(new Recorder())
    open = [transport]
    const remote = { protocol: 'udp', ...transport.local } as const
    const tooLarge = await sent((done) => transport.send(Buffer.alloc(MAX_UDP_BYTES + 1), remote, done))
    assert.equal(tooLarge?.code, 'too-large')
    await Promise.all([transport.close(), transport.close()])
    const closed = await sent((done) => transport.send(Buffer.from('late'), remote, done))
    assert.equal(closed?.code, 'closed')
  })

  it('gives its port back when it is closed', async () => {
    const first = await listen(new Recorder())
    const { port } = first.local
    await first.close()
    const again = await listen(new Recorder(), port)
    open = [again]
    assert.equal(again.local.port, port)
  })
})
