import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type FreeSwitchMedia, startFreeSwitch } from '../../../app/media/freeswitch/engine.ts'
import type { SipCaller } from '../../../app/media/freeswitch/server.ts'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { AGENT } from '../../conformance/media-engine.ts'
import { ScriptedFreeSwitch } from '../../helpers/scripted-freeswitch.ts'
import { until } from '../../helpers/until.ts'
import { Peer } from '../sip-server/peer.ts'
import { TestLeg } from './media-fixture.ts'
import { startMediaSip } from './media-sip.ts'

const sdp = ({ address }: Peer): string =>
  [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${address.split(':')[1]} RTP/AVP 0`,
    '',
  ].join('\r\n')

/** Headers of a request of the callee's in the dialog of an INVITE that was answered with the tag `late`. */
const inDialogOf = (invite: SipRequest): Record<string, string> => ({
  From: `${invite.header('To') ?? ''};tag=late`,
  To: invite.header('From') ?? '',
  'Call-ID': invite.callId,
})

describe('FreeSWITCH servers, as their event sockets tell', function () {
  this.timeout(20_000)
  this.slow(6_000)
  let peers: readonly [ScriptedFreeSwitch, ScriptedFreeSwitch]
  let engine: FreeSwitchMedia
  let told: string[]

  beforeEach(async () => {
    peers = [await ScriptedFreeSwitch.start(), await ScriptedFreeSwitch.start()]
    told = []
  })

  afterEach(async () => {
    await engine.close()
    await Promise.all(peers.map((peer) => peer.kill()))
  })

  async function start(secret = peers[0].secret, sip: SipCaller = { srf: null }): Promise<void> {
    const nameOf = (server: string): string => `server ${peers.findIndex(({ port }) => server.endsWith(`:${port}`))}`
    engine = await startFreeSwitch({
      servers: peers.map(({ port }) => ({ host: '127.0.0.1', port, secret })),
      sip,
      workers: 1,
      codecs: ['PCMU'],
      silenceTimeoutMs: 30_000,
      onConnected: (server) => told.push(`${nameOf(server)} up`),
      onLost: (server, reason) => told.push(`${nameOf(server)} lost: ${reason}`),
      onWarning: (text) => told.push(text),
    })
  }

  it('are used together, and tell how full they are', async () => {
    peers[1].answers.set('status', '90 session(s) - peak 4, last 5min 4\n100 session(s) max\n')
    await start()
    assert.equal(engine.impediment, null)
    assert.deepEqual(
      engine.servers.map(({ up, calls, sessions, maxSessions }) => [up, calls, sessions, maxSessions]),
      [
        [true, 0, 3, 200],
        [true, 0, 90, 100],
      ],
    )
  })

  it('are told of once when they die, and when they are back', async () => {
    await start()
    await peers[0].kill()
    await until(async () => told.some((line) => line.startsWith('server 0 lost')), 'the loss')
    assert.equal(engine.impediment, null)
    assert.deepEqual(
      engine.servers.map(({ up, sessions }) => [up, sessions]),
      [
        [false, 0],
        [true, 3],
      ],
    )
    await peers[1].kill()
    await until(async () => engine.impediment !== null, 'both to be lost')
    assert.match(engine.impediment ?? '', /FreeSWITCH at 127\.0\.0\.1:\d+: .+; FreeSWITCH at/)
    await peers[0].revive()
    await until(async () => engine.impediment === null, 'one to be back')
    assert.deepEqual(told.map((line) => line.replace(/:.*/, '')).toSorted(), [
      'server 0 lost',
      'server 0 up',
      'server 0 up',
      'server 1 lost',
      'server 1 up',
    ])
  })

  it('are given up when they answer no more, and used again when they do', async () => {
    await start()
    peers[0].frozen = true
    await until(async () => told.includes('server 0 lost: no answer within 2000 ms'), 'the loss')
    peers[0].frozen = false
    await until(async () => engine.servers.every(({ up }) => up), 'it to be back')
  })

  it('are passed over where a channel dies while it is made, and that leaves nothing behind that ends the process', async () => {
    const sip = await startMediaSip()
    const unhandled: unknown[] = []
    const onUnhandled = (reason: unknown): number => unhandled.push(reason)
    process.on('unhandledRejection', onUnhandled)
    const [, address = ''] = sip.link.hostports[0]?.split('/') ?? []
    const channel = await Peer.open(address)
    const profile = peers[0].answers.get('sofia status') ?? ''
    for (const peer of peers) peer.answers.set('sofia status', profile.replace('127.0.0.1:5999', channel.address))
    try {
      await start(peers[0].secret, sip.link)
      const leg = await TestLeg.open(engine, { kind: 'agent', agent: AGENT })
      const startedAtMs = performance.now()
      const answer = leg.media.answer(sdp(channel))
      const first = await channel.nextRequest('INVITE')
      // The next server's, which is the same one here.
      await channel.next('INVITE', (message) => (message.callId === first.callId ? undefined : message))
      await assert.rejects(answer, /no channel within 1500 ms/)
      assert.ok(performance.now() - startedAtMs < 4_000)
      // The channel comes when nobody waits for it any more, and hangs up before drachtio-fsmrf gives it up after 4 s.
      channel.send(channel.response(first, 200, 'OK', 'late', '', sdp(channel)))
      await channel.nextRequest('ACK')
      channel.send(channel.request('BYE', inDialogOf(first)))
      await channel.nextResponse(200, 'BYE')
      await delay(4_200)
      assert.deepEqual(unhandled, [])
      await leg.media.close()
    } finally {
      process.off('unhandledRejection', onUnhandled)
      channel.close()
      await sip.close()
    }
  })

  it('are of no use with another secret, without the profile, or with a module that cannot play', async () => {
    await start('wrong')
    assert.match(engine.impediment ?? '', /the secret is refused.*the secret is refused/)
    await engine.close()
    peers[0].answers.set('sofia status', 'internal\tprofile\tsip:mod_sofia@127.0.0.1:5999\tRUNNING (0)\n')
    peers[1].answers.set('uuid_audio_fork', '-USAGE: <uuid> [start | stop] [bugname] [metadata]\n')
    await start()
    assert.match(engine.impediment ?? '', /no running SIP profile named drachtio_mrf .*; .* does not play what we send/)
  })
})
