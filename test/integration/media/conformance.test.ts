import assert from 'node:assert/strict'
import { type EmbeddedMedia, startMedia } from '../../../app/media/embedded/engine.ts'
import { type FreeSwitchMedia, startFreeSwitch } from '../../../app/media/freeswitch/engine.ts'
import type { ServerAddress } from '../../../app/media/freeswitch/server.ts'
import { AGENT, describeMediaEngine } from '../../conformance/media-engine.ts'
import { describeRecording } from '../../conformance/media-recording.ts'
import { RtpPeer } from '../../conformance/rtp-peer.ts'
import { realFreeSwitch } from '../../helpers/freeswitch.ts'
import { FreeSwitchProcess } from '../../helpers/freeswitch-process.ts'
import { until } from '../../helpers/until.ts'
import { freeRange, HOST, TestLeg } from './media-fixture.ts'
import { type MediaSip, startMediaSip } from './media-sip.ts'

const SILENCE_MS = 1_000
/** The talker of the suite, as media workers load it. */
const TALKER = new URL('../../conformance/scripted-talker.js', import.meta.url).href

describe('the embedded media engine', () => {
  let engine: EmbeddedMedia

  before(async () => {
    engine = await startMedia({
      address: HOST,
      rtpPorts: await freeRange(8),
      workers: 1,
      codecs: ['PCMU', 'PCMA'],
      silenceTimeoutMs: SILENCE_MS,
      agentTalkerModule: TALKER,
    })
  })

  after(() => engine.close())

  describeMediaEngine('the embedded engine', () => engine, { silenceMs: 60, heardMs: 40 })
  describeRecording('the embedded engine', () => engine, 2)
})

/** A FreeSWITCH with the profile and the modules of docs/freeswitch.md that serves nobody else. */
const real = realFreeSwitch()
if (real !== null) describeFreeSwitch('a FreeSWITCH of yours', async () => ({ ...real, stop: async () => {} }))

/** The program, to be started with the configuration of this project. */
const binary = process.env.TANDEM_TEST_FREESWITCH_BIN ?? ''
if (binary !== '') describeFreeSwitch('FreeSWITCH with our configuration', () => FreeSwitchProcess.start(binary))

function describeFreeSwitch(name: string, start: () => Promise<ServerAddress & { stop(): Promise<void> }>): void {
  describe(`the media engine on ${name}`, () => {
    let server: Awaited<ReturnType<typeof start>>
    let sip: MediaSip
    let engine: FreeSwitchMedia

    before(async function () {
      this.timeout(30_000)
      server = await start()
      sip = await startMediaSip()
      engine = await startFreeSwitch({
        servers: [server],
        sip: sip.link,
        codecs: ['PCMU', 'PCMA', 'G722', 'opus'],
        silenceTimeoutMs: SILENCE_MS,
        workers: 1,
        agentTalkerModule: TALKER,
        onConnected: () => {},
        onLost: () => {},
        onWarning: () => {},
      })
    })

    after(async function () {
      this.timeout(10_000)
      await engine.close()
      await sip.close()
      await server.stop()
    })

    describeMediaEngine(name, () => engine, { silenceMs: 100, heardMs: 60 })
    describeRecording(name, () => engine, 5)

    it('speaks G722 and Opus with who offers nothing else', async function () {
      this.timeout(10_000)
      for (const [payloadType, codec] of [
        [9, 'G722'],
        [107, 'opus'],
      ] as const) {
        const peer = await RtpPeer.open()
        const leg = await TestLeg.open(engine, { kind: 'agent', agent: AGENT })
        try {
          peer.payloadType = payloadType
          const answer = await leg.media.answer(peer.sdp('sendrecv', `${payloadType} 101`))
          assert.ok(answer.ok, answer.ok ? '' : answer.error.message)
          assert.match(answer.value, new RegExp(`^a=rtpmap:${payloadType} ${codec}/`, 'm'))
          peer.aim(answer.value)
          assert.ok((await leg.media.ready()).ok)
          leg.media.start()
          peer.talks = true
          await until(async () => peer.packets >= 25, `${codec} from FreeSWITCH`)
          if (codec === 'G722') {
            await until(
              async () => leg.events.some((e) => e.kind === 'turn' && e.text === 'heard'),
              'noise to be heard',
            )
          }
          assert.equal((await leg.media.close()).media?.codec, codec)
        } finally {
          await leg.media.close()
          await peer.close()
        }
      }
    })
  })
}
