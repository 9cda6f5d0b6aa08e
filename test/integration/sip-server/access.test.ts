import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type SipServer, SipServerError, type SipTraceMessage, startSipServer } from '../../../app/sip/server.ts'
import { Peer } from './peer.ts'
import { addressOf, connect, eventually, FAST_TIMERS, sdp } from './rig.ts'

const start = (options: object = {}): Promise<SipServer> =>
  startSipServer({ listen: ['udp:127.0.0.1:0'], secret: 'cymru', timers: FAST_TIMERS, ...options })

describe('access to the SIP server', function () {
  this.timeout(15_000)
  let server: SipServer
  const peers: Peer[] = []

  const open = async (host = '127.0.0.1'): Promise<Peer> => {
    const peer = await Peer.open(addressOf(server, 'udp'), host)
    peers.push(peer)
    return peer
  }

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close()
    await server.close()
  })

  it('is for nobody until a snapshot says so, and then for the addresses and ranges in it', async () => {
    server = await start()
    const stranger = await open('127.0.0.1')
    stranger.send(stranger.request('OPTIONS'))
    await eventually('a refusal', async () => ((await server.counters()).refused === 1 ? true : undefined))
    server.setAccess({
      allowAll: false,
      sources: ['127.0.0.11', '127.0.1.0/24', 'nonsense', '::1/64'],
      unknown: 'drop',
    })
    for (const host of ['127.0.0.11', '127.0.1.77']) {
      const known = await open(host)
      known.send(known.request('OPTIONS'))
      await known.nextResponse(200, 'OPTIONS')
    }
    assert.equal((await server.counters()).malformedSources, 1)
    assert.equal(stranger.startLines.length, 0)
  })

  it('is refused with 403 where unknown sources are to be rejected', async () => {
    server = await start({ unknown: 'reject' })
    const stranger = await open()
    stranger.send(stranger.request('INVITE'))
    await stranger.nextResponse(403)
  })

  it('is banned after 20 requests of an unknown source: its packets are dropped unread', async () => {
    server = await start({ unknown: 'reject' })
    const stranger = await open()
    for (let i = 0; i < 20; i++) stranger.send(stranger.request('OPTIONS'))
    await eventually('20 refusals', async () => ((await server.counters()).refused === 20 ? true : undefined))
    stranger.send(stranger.request('OPTIONS'))
    await eventually('a drop', async () => ((await server.counters()).dropped === 1 ? true : undefined))
    server.setAccess({ allowAll: false, sources: ['127.0.0.1'], unknown: 'drop' })
    stranger.send(stranger.request('OPTIONS'))
    await stranger.nextResponse(200, 'OPTIONS')
  })

  it('is banned as soon and as long as the snapshot says', async () => {
    server = await start({ unknown: 'reject' })
    const ban = { refusals: 2, windowMs: 60_000, durationMs: 1 }
    server.setAccess({ allowAll: false, sources: [], unknown: 'reject', ban })
    const stranger = await open()
    for (let i = 0; i < 2; i++) stranger.send(stranger.request('OPTIONS'))
    await eventually('2 refusals', async () => ((await server.counters()).refused === 2 ? true : undefined))
    await eventually('an answer after the ban', async () => {
      stranger.send(stranger.request('OPTIONS'))
      await new Promise((resolve) => setTimeout(resolve, 5))
      return (await server.counters()).refused > 2 ? true : undefined
    })
  })

  it('is open to responses and to requests in dialogs of ours, whoever sends them', async () => {
    server = await start()
    const srf = await connect(server)
    const callee = await open()
    const answered = srf.createUAC(`sip:carol@${callee.address}`, { localSdp: sdp(4000) })
    const invite = await callee.nextRequest('INVITE')
    callee.send(callee.response(invite, 200, 'OK', 'carol', '', sdp(5000)))
    const dialog = await answered
    const ended = new Promise<void>((resolve) => dialog.once('destroy', () => resolve()))
    callee.send(
      callee.request('BYE', {
        From: `${invite.header('To')};tag=carol`,
        To: invite.header('From') ?? '',
        'Call-ID': invite.callId,
      }),
    )
    await callee.nextResponse(200, 'BYE')
    await ended
    assert.equal((await server.counters()).refused, 0)
    srf.disconnect()
  })

  it('is traced: every message in and out, with its Call-ID and addresses', async () => {
    server = await start({ allowAll: true, trace: true })
    const trace: SipTraceMessage[] = []
    server.onTrace((batch) => trace.push(...batch))
    const peer = await open()
    peer.send(peer.request('OPTIONS', { 'Call-ID': 'traced' }))
    await peer.nextResponse(200, 'OPTIONS')
    await eventually('two messages', () => (trace.length === 2 ? true : undefined))
    const [into, out] = trace
    assert.deepEqual([into?.direction, out?.direction], ['in', 'out'])
    assert.deepEqual([into?.callId, out?.callId], ['traced', 'traced'])
    assert.deepEqual([into?.remote, out?.remote], [peer.address, peer.address])
    assert.deepEqual([into?.local, out?.local], [addressOf(server, 'udp'), addressOf(server, 'udp')])
    assert.match(out?.message ?? '', /^SIP\/2\.0 200 OK/)
    assert.ok(Math.abs((into?.atMs ?? 0) - Date.now()) < 5000)
  })

  it('fails at the start with the address and the holder of a busy port', async () => {
    server = await start()
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const address = holder.address()
    const port = typeof address === 'object' ? address?.port : undefined
    await assert.rejects(start({ listen: [`tcp:127.0.0.1:${port}`] }), (error: SipServerError) => {
      assert.ok(error instanceof SipServerError)
      assert.equal(error.code, 'address-in-use')
      assert.match(error.message, new RegExp(`tcp:127\\.0\\.0\\.1:${port}.*${process.pid}`))
      return true
    })
    await assert.rejects(start({ listen: ['sctp:127.0.0.1:5060'] }), /not udp:HOST:PORT/)
    holder.close()
  })
})
