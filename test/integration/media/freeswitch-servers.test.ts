import assert from 'node:assert/strict'
import { type FreeSwitchMedia, startFreeSwitch } from '../../../app/media/freeswitch/engine.ts'
import { ScriptedFreeSwitch } from '../../helpers/scripted-freeswitch.ts'
import { until } from '../../helpers/until.ts'

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

  async function start(secret = peers[0].secret): Promise<void> {
    const nameOf = (server: string): string => `server ${peers.findIndex(({ port }) => server.endsWith(`:${port}`))}`
    engine = await startFreeSwitch({
      servers: peers.map(({ port }) => ({ host: '127.0.0.1', port, secret })),
      sip: { srf: null },
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
