import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pingOptions } from '../../../app/check/options-ping.ts'
import { startCarrier } from '../../../app/demo/carrier.ts'
import type { Carrier, CarrierEvent, PlacedCall } from '../../../app/demo/carrier-port.ts'
import { SipLink } from '../../../app/signaling/sip-link.ts'
import { startSipServer } from '../../../app/sip/server.ts'
import { loopbackAddress } from '../../helpers/loopback.ts'
import { ROOT } from '../../helpers/root.ts'
import { until } from '../../helpers/until.ts'

const PORT = 5_080
const NUMBER = '+12025550100'
const RING_MS = 100

describe('a simulated carrier', () => {
  const host = loopbackAddress()
  let carrier: Carrier
  /** A second one that calls the first, in place of Tandem. */
  let caller: Carrier
  let events: CarrierEvent[] = []

  before(async () => {
    carrier = await startCarrier({ id: 'alpha', host, port: PORT, ringMs: RING_MS })
    caller = await startCarrier({ id: 'caller', host: loopbackAddress(), port: PORT })
    carrier.onEvent((event) => events.push(event))
  })

  beforeEach(async () => {
    await carrier.setFault({ kind: 'none' })
    events = []
  })

  after(async () => {
    await Promise.all([carrier.close(), caller.close()])
  })

  const call = (seconds: number, number = NUMBER): Promise<PlacedCall> =>
    caller.place({ uri: `sip:${number}@${host}:${PORT}`, from: '+12025550199', seconds })
  const seen = (): readonly string[] => events.map(({ kind }) => kind)
  const sees = (kind: CarrierEvent['kind']): Promise<void> => until(async () => seen().includes(kind), kind)
  const ping = (): Promise<string> =>
    pingOptions({ transport: 'udp', host, port: PORT, uri: `sip:${host}:${PORT}` }).catch(() => 'nothing')

  it('rings, answers, talks and tells of it', async () => {
    const placed = await call(0.6)
    assert.deepEqual([placed.status, placed.redirects], [200, 0])
    assert.ok(placed.setupMs >= RING_MS)
    const end = await placed.ended
    assert.equal(end.by, 'carrier')
    assert.ok(end.packetsIn >= 20, `${end.packetsIn} packets`)
    await sees('ended')
    assert.deepEqual(seen(), ['invite', 'ringing', 'answered', 'ended'])
    assert.deepEqual(new Set(events.map(({ number }) => number)), new Set([NUMBER]))
    assert.equal(new Set(events.map(({ sipCallId }) => sipCallId)).size, 1)
  })

  it('refuses calls with a status while it answers OPTIONS, and numbers that stand for a status', async () => {
    await carrier.setFault({ kind: 'reject', status: 503, retryAfterS: 7 })
    assert.equal((await call(1)).status, 503)
    assert.match(await ping(), /^200/)
    await carrier.setFault({ kind: 'none' })
    assert.equal((await call(1, '+19995550486')).status, 486)
    assert.deepEqual(seen(), ['invite', 'refused', 'invite', 'refused'])
  })

  it('swallows calls while it answers OPTIONS', async () => {
    await carrier.setFault({ kind: 'blackhole' })
    const placed = call(1)
    await sees('invite')
    assert.match(await ping(), /^200/)
    assert.deepEqual(seen(), ['invite'])
    // The caller rings out after a minute; what it is told once it has gone is no part of this.
    placed.catch(() => undefined)
  })

  it('takes calls that are up along into silence, and is heard again after it', async () => {
    const placed = await call(3)
    await carrier.setFault({ kind: 'silent' })
    assert.equal(await ping(), 'nothing')
    await carrier.setFault({ kind: 'none' })
    assert.match(await ping(), /^200/)
    const { longestGapMs, packetsIn } = await placed.ended
    assert.ok(longestGapMs >= 1_800, `a gap of ${longestGapMs} ms`)
    assert.ok(packetsIn > 10)
  })

  it('goes and comes where it flaps', async () => {
    await carrier.setFault({ kind: 'flap', upMs: 2_500, downMs: 2_500 })
    await until(async () => (await ping()) === 'nothing', 'it to go')
    await until(async () => (await ping()).startsWith('200'), 'it to come back')
  })

  it('says nothing where it is mute, and only a part where packets are lost', async () => {
    const mute = await call(0.6)
    await carrier.setFault({ kind: 'mute' })
    const { packetsIn } = await (await call(0.6)).ended
    assert.equal(packetsIn, 0)
    assert.ok((await mute.ended).packetsIn < 25)
    await carrier.setFault({ kind: 'loss', percent: 50 })
    const lossy = await (await call(1)).ended
    assert.ok(lossy.packetsIn > 5 && lossy.packetsIn < 45, `${lossy.packetsIn} of 50 packets`)
  })

  it('answers late where it is slow', async () => {
    await carrier.setFault({ kind: 'delay', ms: 700 })
    const placed = await call(0.1)
    assert.equal(placed.status, 200)
    assert.ok(placed.setupMs >= 700 + RING_MS, `${placed.setupMs} ms`)
    await placed.ended
  })

  it('is gone at once where it is killed, and back at the same address', async () => {
    const heard = await call(2)
    const own = await carrier.place({ uri: `sip:+1@${caller.uri.slice(4)}`, from: '+1', seconds: 60 })
    await carrier.kill()
    await assert.rejects(carrier.setFault({ kind: 'none' }), /not running/)
    assert.equal((await own.ended).by, 'carrier')
    assert.equal(await ping(), 'nothing')
    await carrier.revive()
    assert.match(await ping(), /^200/)
    assert.ok((await heard.ended).longestGapMs >= 1_000)
    assert.equal((await call(0.1)).status, 200)
  })

  it('follows a 302 to the Contacts that answer, in the order of their q', async () => {
    const address = loopbackAddress()
    const sip = await startSipServer({ listen: [`udp:${address}:0`], secret: 'secret', allowAll: true })
    const link = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: sip.adminPort, secret: 'secret' }] })
    assert.ok(link.ok)
    const contacts = [`<sip:+1@${host}:${PORT}>;q=0.5`, `<sip:+19995550503@${host}:${PORT};tandem-hop=1>;q=0.9`]
    link.value.onInvite((invite) => invite.respond(302, 'Moved Temporarily', { Contact: contacts.join(', ') }))
    const uri = `sip:+1@${address}:${sip.hostports[0]?.split(':')[1]}`
    const placed = await caller.place({ uri, from: '+1', seconds: 0.1 })
    assert.deepEqual([placed.status, placed.redirects], [200, 1])
    await placed.ended
    const invited = events.filter(({ kind, number }) => kind === 'invite' && number !== NUMBER)
    assert.deepEqual(
      invited.map(({ number }) => number),
      ['+19995550503', '+1'],
    )
    link.value.close()
    await sip.close()
  })

  it('stays on this machine', async () => {
    await assert.rejects(startCarrier({ id: 'x', host: '0.0.0.0', port: PORT }), /this machine alone/)
    await assert.rejects(caller.place({ uri: 'sip:+1@192.0.2.1', from: '+1', seconds: 1 }), /not on this machine/)
    await assert.rejects(startCarrier({ id: 'x', host, port: PORT }), /in use|EADDRINUSE/)
  })

  it('ends with its parent, also where that is killed', async () => {
    const where = loopbackAddress()
    const script = `
      const { startCarrier } = await import('${ROOT}/dist/app/demo/carrier.js')
      await startCarrier({ id: 'orphan', host: '${where}', port: ${PORT} })
      console.log('ready')`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(parent.stdout, 'data')
    parent.kill('SIGKILL')
    // The address is free again once the carrier has ended.
    await until(async () => {
      const next = await startCarrier({ id: 'next', host: where, port: PORT }).catch(() => null)
      await next?.close()
      return next !== null
    }, 'the carrier to end')
  })
})
