import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdir, readlink } from 'node:fs/promises'
import { type EmbeddedMedia, startMedia } from '../../../app/media/embedded/engine.ts'
import { connect, freeRange, HOST, startEngine, TestLeg } from './media-fixture.ts'

/** Sockets that this process holds, worker threads included; null where the system does not tell. */
async function openSockets(): Promise<number | null> {
  if (process.platform !== 'linux') return null
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return links.filter((link) => link.startsWith('socket:')).length
}

describe('The embedded media engine', () => {
  let engine: EmbeddedMedia

  afterEach(() => engine.close())

  it('opens and closes 300 legs and keeps no port, no socket and no leg', async () => {
    engine = await startEngine({ pairs: 20, workers: 2 })
    const free = engine.freePorts
    const before = await openSockets()
    for (let round = 0; round < 15; round++) {
      const legs = await Promise.all(Array.from({ length: 20 }, () => TestLeg.open(engine, { kind: 'phone' })))
      assert.equal(engine.freePorts, free - 20)
      const [caller, callee] = legs
      assert.ok(caller && callee)
      await connect(caller, callee)
      for (const leg of legs) leg.media.start()
      await Promise.all(legs.map((leg) => leg.media.close()))
    }
    assert.equal(engine.freePorts, free)
    assert.equal(engine.legs, 0)
    assert.equal(await openSockets(), before)
  })

  it('says which range is exhausted, and serves again when a port is given back', async () => {
    engine = await startEngine({ pairs: 1 })
    const first = await TestLeg.open(engine, { kind: 'phone' })
    await assert.rejects(
      TestLeg.open(engine, { kind: 'phone' }),
      /no RTP port pair is free in \d+-\d+: 1 legs hold one/,
    )
    await first.media.close()
    await (await TestLeg.open(engine, { kind: 'phone' })).media.close()
  })

  it('skips ports that another process holds', async () => {
    const rtpPorts = await freeRange(3)
    const holder = createSocket('udp4')
    holder.bind(rtpPorts.from + 1, HOST)
    await once(holder, 'listening')
    engine = await startMedia({ address: HOST, rtpPorts, workers: 1, codecs: ['PCMU'], agentTalkerModule: null })
    const leg = await TestLeg.open(engine, { kind: 'phone' })
    assert.match(await leg.media.offer(), new RegExp(`m=audio ${rtpPorts.from + 2} `))
    await new Promise<void>((resolve) => {
      holder.close(() => resolve())
    })
  })

  it('tells every leg of a crashed worker, gives its ports back and starts a new one; other workers go on', async () => {
    const warnings: string[] = []
    engine = await startEngine({ workers: 2, onWarning: (message) => warnings.push(message) })
    const free = engine.freePorts
    const [lost, kept, third] = [
      await TestLeg.open(engine, { kind: 'phone' }),
      await TestLeg.open(engine, { kind: 'phone' }),
      await TestLeg.open(engine, { kind: 'phone' }),
    ]
    await engine.crashWorker(0)
    await Promise.all([lost.event('failed'), third.event('failed')])
    assert.equal(engine.legs, 1)
    assert.equal(engine.freePorts, free - 1)
    assert.deepEqual(await lost.media.close(), { media: null, agent: null, recording: null })
    const ready = await lost.media.ready()
    assert.equal(ready.ok ? '' : ready.error.code, 'media-lost')
    assert.equal(lost.events.length, 1)
    assert.match(warnings.join(), /started anew/)

    const next = await TestLeg.open(engine, { kind: 'phone' })
    await connect(kept, next)
    kept.media.start()
    await kept.event('firstPacket')
  })

  it('closes what is open when it is closed, and opens nothing after it', async () => {
    engine = await startEngine()
    const leg = await TestLeg.open(engine, { kind: 'phone' })
    await engine.close()
    assert.deepEqual(await leg.media.close(), { media: null, agent: null, recording: null })
    await assert.rejects(TestLeg.open(engine, { kind: 'phone' }), { code: 'media-lost' })
    assert.equal(engine.legs, 0)
  })
})
