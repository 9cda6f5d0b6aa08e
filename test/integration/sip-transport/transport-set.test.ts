import assert from 'node:assert/strict'
import { describePortHolder } from '../../../app/sip/transport/port-holder.ts'
import { TransportSet } from '../../../app/sip/transport/transport-set.ts'
import { Recorder } from './recorder.ts'

const HOST = '127.0.0.1'

describe('a set of transports', () => {
  it('finds the socket for a destination by protocol and family, and prefers the port asked for', async () => {
    const recorder = new Recorder()
    const addresses = [
      { protocol: 'udp', host: HOST, port: 0 },
      { protocol: 'tcp', host: HOST, port: 0 },
      { protocol: 'udp', host: HOST, port: 0 },
    ] as const
    const opened = await TransportSet.listen(addresses, recorder)
    assert.ok(opened.ok)
    const set = opened.value
    const [first, tcp, second] = set.transports
    assert.ok(first !== undefined && tcp !== undefined && second !== undefined)
    const toFirst = { protocol: 'udp', ...first.local } as const
    const done = (error: unknown): void => assert.equal(error, undefined)
    set.find(toFirst)?.send(Buffer.from('by the first'), toFirst, done)
    assert.equal((await recorder.next()).arrival.remotePort, first.local.port)
    set.find(toFirst, second.local.port)?.send(Buffer.from('by the second'), toFirst, done)
    assert.equal((await recorder.next()).arrival.remotePort, second.local.port)
    assert.equal(set.find({ protocol: 'tcp', host: HOST, port: 1 }), tcp)
    assert.equal(set.find({ protocol: 'udp', host: '::1', port: 1 }), undefined)
    await set.close()
  })

  it('gives back what it opened when one address fails', async () => {
    const holder = await TransportSet.listen([{ protocol: 'tcp', host: HOST, port: 0 }], new Recorder())
    assert.ok(holder.ok)
    const port = holder.value.transports[0]?.local.port ?? 0
    const both = [
      { protocol: 'udp', host: HOST, port },
      { protocol: 'tcp', host: HOST, port },
    ] as const
    const failed = await TransportSet.listen(both, new Recorder())
    assert.equal(!failed.ok && failed.error.code, 'address-in-use')
    await holder.value.close()
    const again = await TransportSet.listen(both, new Recorder())
    assert.ok(again.ok)
    await again.value.close()
  })
})

describe('the holder of a port', () => {
  it('is unknown where nobody holds it', () => {
    assert.equal(describePortHolder('tcp', HOST, 0), undefined)
  })
})
