import assert from 'node:assert/strict'
import { type FreeSwitchMedia, startFreeSwitch } from '../../../app/media/freeswitch/engine.ts'
import { AGENT } from '../../conformance/media-engine.ts'
import { describeRecording } from '../../conformance/media-recording.ts'
import { RtpPeer } from '../../conformance/rtp-peer.ts'
import { ScriptedChannels } from '../../helpers/scripted-channel.ts'
import { ScriptedFreeSwitch } from '../../helpers/scripted-freeswitch.ts'
import { until } from '../../helpers/until.ts'
import { Peer } from '../sip-server/peer.ts'
import { TestLeg } from './media-fixture.ts'
import { type MediaSip, startMediaSip } from './media-sip.ts'

/** What test/conformance/media-engine.ts proves on a real server, as far as a scripted one shows it; and how calls end with theirs. */
describe('calls on a scripted FreeSWITCH', function () {
  this.timeout(20_000)
  this.slow(6_000)
  let sip: MediaSip
  let server: ScriptedFreeSwitch
  let profile: Peer
  let channels: ScriptedChannels
  let engine: FreeSwitchMedia
  let peer: RtpPeer
  let leg: TestLeg

  before(async () => {
    sip = await startMediaSip()
    server = await ScriptedFreeSwitch.start()
    const [, address = ''] = sip.link.hostports[0]?.split('/') ?? []
    profile = await Peer.open(address)
    channels = new ScriptedChannels(server, profile)
    engine = await startFreeSwitch({
      servers: [{ host: '127.0.0.1', port: server.port, secret: server.secret }],
      sip: sip.link,
      workers: 1,
      codecs: ['PCMU', 'PCMA'],
      silenceTimeoutMs: 30_000,
      agentTalkerModule: new URL('../../conformance/scripted-talker.js', import.meta.url).href,
      onConnected: () => {},
      onLost: () => {},
      onWarning: () => {},
    })
  })

  after(async () => {
    await engine.close()
    channels.close()
    profile.close()
    await server.kill()
    await sip.close()
  })

  const told = (text: string): Promise<void> =>
    until(async () => leg.events.some((event) => event.kind === 'turn' && event.text.startsWith(text)), text)

  async function call(): Promise<void> {
    peer = await RtpPeer.open()
    leg = await TestLeg.open(engine, { kind: 'agent', agent: AGENT })
    const answer = await leg.media.answer(peer.sdp())
    assert.ok(answer.ok)
    peer.aim(answer.value)
    assert.ok((await leg.media.ready()).ok)
    leg.media.start()
  }

  async function over(): Promise<void> {
    await leg.media.close()
    await peer.close()
    assert.equal(engine.legs, 0)
  }

  it('bring each side the other, and leave no channel', async () => {
    await call()
    peer.talks = true
    await told('heard')
    leg.media.dtmf('1', 100)
    await told('played item1')
    await until(async () => peer.audibleAtMs.length >= 49, 'a second of voice')
    const { media } = await leg.media.close()
    assert.equal(media?.codec, 'PCMU')
    assert.ok(media.in.packets >= 20 && media.out.packets >= 50, JSON.stringify(media))
    await over()
    await until(async () => channels.all.length === 0, 'the channel to end')
  })

  it('are silent after barge-in', async () => {
    await call()
    leg.media.dtmf('2', 100)
    await until(async () => peer.audibleAtMs.length >= 20, 'some voice')
    leg.media.dtmf('0', 100)
    await told('flushed item1')
    const atMs = performance.now()
    leg.media.dtmf('1', 100)
    await told('played item2')
    const gap = peer.audibleAtMs.find((each) => each > atMs + 20) ?? 0
    assert.ok(gap - atMs > 20 && peer.audibleAtMs.length < 100, `${peer.audibleAtMs.length} frames of voice`)
    await over()
  })

  describeRecording('a scripted FreeSWITCH', () => engine, 6)

  describe('fail once, and can be closed,', () => {
    for (const [what, kill] of [
      ['their fork ends', () => channels.all[0]?.dropFork()],
      ['their channel ends', () => channels.close()],
      ['the media worker dies', () => void engine.crashWorker(0)],
      ['the server dies', () => void server.kill().then(() => channels.close())],
    ] as const) {
      it(`where ${what}`, async () => {
        await until(async () => engine.impediment === null, 'the server')
        await call()
        kill()
        await leg.event('failed')
        assert.equal((await leg.media.close()).media?.codec, 'PCMU')
        assert.equal(leg.events.filter(({ kind }) => kind === 'failed').length, 1)
        await over()
      })
    }
  })
})
