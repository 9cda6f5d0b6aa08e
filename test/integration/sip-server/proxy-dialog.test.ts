import assert from 'node:assert/strict'
import { Peer } from './peer.ts'
import { emptied, eventually, type Station, sdp, station } from './rig.ts'
import type { SrfDialog, SrfProxyResult } from './srf.ts'
import { WireClient } from './wire-client.ts'

describe('a call through a proxy that stays in the dialog', function () {
  this.timeout(20_000)
  let alice: Station
  let proxy: Station
  let bob: Station
  const cdrs: string[] = []

  before(async () => {
    ;[alice, proxy, bob] = await Promise.all([station(), station(), station()])
    proxy.srf.on('cdr:attempt', (source) => cdrs.push(`attempt ${source}`))
    proxy.srf.on('cdr:start', (source, _time, role) => cdrs.push(`start ${source} ${role}`))
    proxy.srf.on('cdr:stop', (source, _time, reason) => cdrs.push(`stop ${source} ${reason}`))
  })

  beforeEach(() => {
    cdrs.length = 0
  })

  after(async () => {
    for (const { server } of [alice, proxy, bob]) await emptied(server)
    await Promise.all([alice.close(), proxy.close(), bob.close()])
  })

  it('goes on over another transport, and is changed and ended from both sides', async () => {
    const way = `sip:${proxy.address('tcp')};transport=tcp`
    const results: Promise<SrfProxyResult>[] = []
    proxy.srf.invite((req) => {
      results.push(req.proxy({ destination: `sip:bob@${bob.address()}`, remainInDialog: true }))
    })
    const answered = new Promise<{ readonly dialog: SrfDialog; readonly routes: string }>((resolve) => {
      bob.srf.invite(async (req, res) => {
        const routes = req.get('Record-Route')
        resolve({ dialog: await bob.srf.createUAS(req, res, { localSdp: sdp(5000) }), routes })
      })
    })
    const near = await alice.srf.createUAC(`sip:bob@${bob.address()}`, { localSdp: sdp(4000), proxy: way })
    const { dialog: far, routes } = await answered
    // The side of the callee on top, that of the caller below (RFC 5658 §4).
    assert.match(
      routes,
      new RegExp(`^<sip:${proxy.address()};lr[^,]*,\\s*<sip:${proxy.address('tcp')};transport=tcp;lr`),
    )
    for (const [one, other] of [
      [far, near],
      [near, far],
    ] as const) {
      const changed = new Promise<void>((resolve) =>
        other.once('modify', (_req, res) => {
          res.send(200, { body: sdp(6000), headers: { 'Content-Type': 'application/sdp' } })
          resolve()
        }),
      )
      await one.modify(sdp(4002))
      await changed
    }
    const ended = new Promise<void>((resolve) => near.once('destroy', () => resolve()))
    await far.destroy()
    await ended
    assert.equal((await results[0])?.finalStatus, 200)
    await eventually('all records', () => (cdrs.length === 6 ? true : undefined))
    assert.deepEqual(cdrs.slice(0, 4).sort(), [
      'attempt application',
      'attempt network',
      'start application proxy-uas',
      'start network proxy-uac',
    ])
    assert.deepEqual(cdrs.slice(4), ['stop network normal-release', 'stop application normal-release'])
  })

  it('may come back with another Request-URI: that is no loop', async () => {
    const peer = await Peer.open(proxy.address())
    proxy.srf.message((req) => {
      const next = req.uri.includes('spiral') ? `sip:last@${peer.address}` : `sip:spiral@${proxy.address()}`
      void req.proxy({ destination: next })
    })
    peer.send(peer.request('MESSAGE'))
    const received = await peer.nextRequest('MESSAGE')
    assert.equal(received.vias().length, 3)
    peer.send(peer.response(received, 202, 'Accepted'))
    assert.equal((await peer.nextResponse(202)).vias().length, 1)
    peer.close()
  })

  it('is reported to the application in frames as drachtio-server sends them', async () => {
    const client = await WireClient.open(proxy.server.adminPort)
    const peer = await Peer.open(proxy.address())
    await client.ask('authenticate|cymru')
    await client.ask('route|info')
    const take = async (): Promise<string> => {
      peer.send(peer.request('INFO'))
      const frame = await client.next((payload) => payload.includes('|sip|network|'))
      return frame.split('|')[8] ?? ''
    }
    const hold = `sip:hold@${peer.address}`
    // Without fullResponse the application hears at once that it is on its way, and nothing more.
    assert.deepEqual(await client.ask(`proxy|${await take()}||||serial|||${hold}`), ['OK', 'done'])
    peer.send(peer.response(await peer.nextRequest('INFO'), 200, 'OK'))
    await peer.nextResponse(200)
    const txnId = await take()
    client.send(`one|proxy|${txnId}||fullResponse||serial|||${hold}\r\nINFO ${hold} SIP/2.0\r\nX-Mark: 1\r\n\r\n`)
    const request = await peer.nextRequest('INFO')
    assert.equal(request.header('X-Mark'), '1')
    peer.send(peer.response(request, 404, 'Not Found'))
    const full = await client.next((payload) => payload.includes('|response|one|'))
    const [head = '', status] = full.split('\r\n')
    assert.match(
      head,
      /\|response\|one\|OK\|network\|\d+\|udp\|127\.0\.0\.1\|\d+\|\d\d:\d\d:\d\d\.\d{6}\|\|\|continue$/,
    )
    assert.equal(status, 'SIP/2.0 404 Not Found')
    const done = await client.next((payload) => payload.includes('|response|one|'))
    assert.match(done, /\|response\|one\|OK\|done$/)
    assert.deepEqual(await client.ask(`proxy|${txnId}||||serial|||${hold}`), [
      'NOK',
      `Unknown transaction id: ${txnId}`,
    ])
    const refused = await client.ask(`proxy|${await take()}||||serial|||tel:+12025550100`)
    assert.deepEqual(refused, ['NOK', 'error proxying request to '])
    await peer.nextResponse(500)
    client.close()
    peer.close()
  })
})
