import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { MediaEngine } from '../../app/media/port.ts'
import { Recordings } from '../../app/recordings/recordings.ts'
import { callId, tenantId } from '../../lib/core/ids.ts'
import { framesOf } from '../helpers/stereo-wav.ts'
import { until } from '../helpers/until.ts'
import { inTempDir, TestLeg } from '../integration/media/media-fixture.ts'
import { AGENT } from './media-engine.ts'
import { RtpPeer } from './rtp-peer.ts'

const CALL = callId('01JD0000000000000000000000')

/** What a recording is, on every media engine. Its talker is `scripted-talker.ts`; `slackFrames`: how exact it is, in frames of 20 ms. */
export function describeRecording(name: string, engine: () => MediaEngine, slackFrames: number): void {
  describe(`${name} records`, function () {
    this.timeout(20_000)
    this.slow(10_000)

    it('what each side was heard to say, on its side and in its time, and nothing that barge-in threw away', () =>
      inTempDir(async (path) => {
        const recordings = await Recordings.open(path('data'), 'a secret')
        const { name: file, spec } = recordings.begin(CALL, tenantId('clinic'))
        const peer = await RtpPeer.open()
        const leg = await TestLeg.open(engine(), { kind: 'agent', agent: AGENT }, spec)
        try {
          const told = (text: string): Promise<void> =>
            until(async () => leg.events.some((e) => e.kind === 'turn' && e.text.startsWith(text)), text)
          const answer = await leg.media.answer(peer.sdp())
          assert.ok(answer.ok)
          peer.aim(answer.value)
          assert.ok((await leg.media.ready()).ok)
          leg.media.start()
          const startedAtMs = performance.now()
          await delay(400)
          peer.talks = true
          await delay(600)
          peer.talks = false
          await delay(200)
          leg.media.dtmf('1', 100)
          await told('played item1')
          await delay(300)
          const before = peer.audibleAtMs.length
          leg.media.dtmf('2', 100)
          await until(async () => peer.audibleAtMs.length >= before + 30, 'a bit of the second thing')
          leg.media.dtmf('0', 100)
          await delay(400)
          const heard = peer.audibleAtMs.length - before
          const { recording } = await leg.media.close()
          const tookMs = performance.now() - startedAtMs
          assert.ok(recording?.complete)
          // It ends with the last that was heard, and closing takes its time.
          const missingMs = tookMs - recording.seconds * 1_000
          assert.ok(missingMs > -100 && missingMs < 800, `${recording.seconds} s of ${tookMs} ms`)

          const wav = await recordings.read(file, CALL)
          assert.ok(wav !== null)
          const bytes: Buffer[] = []
          for await (const chunk of wav.chunks) bytes.push(chunk)
          assert.equal(Buffer.concat(bytes).length, wav.length)
          const { left, right } = framesOf(Buffer.concat(bytes))
          const near = (found: number | undefined, want: number): boolean =>
            found !== undefined && Math.abs(found - want) <= slackFrames
          // Frames that this process was too busy to send are not said; those that a busy engine sent late are heard late.
          const [caller, agent] = [left, right].map((side) => side.filter(Boolean).length)
          assert.ok(near(caller, peer.spoken), `${caller} frames of the caller, who said ${peer.spoken}`)
          assert.ok(near(agent, 50 + heard), `${agent} frames of the agent, of whom ${50 + heard} were heard`)
          const between = right.indexOf(true) - left.lastIndexOf(true)
          assert.ok(between > 0, `the agent begins ${between} frames after the caller has ended`)
          assert.equal((await stat(spec.file)).mode & 0o077, 0)
        } finally {
          await leg.media.close()
          await peer.close()
        }
      }))

    it('nothing of a call that never began', () =>
      inTempDir(async (path) => {
        const recordings = await Recordings.open(path('data'), 'a secret')
        const { name: file, spec } = recordings.begin(CALL, tenantId('clinic'))
        const leg = await TestLeg.open(engine(), { kind: 'agent', agent: AGENT }, spec)
        assert.equal((await leg.media.close()).recording, null)
        assert.equal(await recordings.read(file, CALL), null)
      }))
  })
}
