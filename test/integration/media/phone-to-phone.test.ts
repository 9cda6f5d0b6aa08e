import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { EmbeddedMedia } from '../../../app/media/embedded/engine.ts'
import { decodeG711, encodeG711, type G711Law } from '../../../lib/media/g711.ts'
import { connect, HOST, inTempDir, readWavSamples, startEngine, TestLeg, writeWav } from './media-fixture.ts'

/** Half a second of a sweep that no stretch of repeats itself. */
const SPEECH = Int16Array.from({ length: 4000 }, (_, i) => 9000 * Math.sin((i * i) / 40_000) + 300)

/** The last 200 ms may still lie in the jitter buffer when the callee hangs up. */
const HEARD_FRAMES = 15
/** What comes more than 60 ms late is not played: on a machine with other work that happens to a few. */
const PUNCTUAL_FRAMES = 10

function throughCodec(samples: Int16Array, law: G711Law): Int16Array {
  const decoded = new Int16Array(samples.length)
  decodeG711(encodeG711(samples, law), law, decoded)
  return decoded
}

/** Where a frame stands in `whole`, sample by sample; −1 where it does not. */
function indexOfSamples(whole: Int16Array, frame: Int16Array): number {
  for (let at = 0; at + frame.length <= whole.length; at++) {
    if (frame.every((sample, i) => whole[at + i] === sample)) return at
  }
  return -1
}

describe('Two phones on one media engine', () => {
  let engine: EmbeddedMedia

  afterEach(() => engine.close())

  for (const [codec, address] of [
    ['PCMU', HOST],
    ['PCMA', HOST],
    ['PCMU', '::1'],
  ] as const) {
    it(`hear each other sample by sample over ${codec} at ${address}, and the records say so`, () =>
      inTempDir(async (path) => {
        engine = await startEngine({ codecs: [codec], address })
        await writeWav(path('in.wav'), SPEECH)
        const caller = await TestLeg.open(engine, { kind: 'phone', playFile: path('in.wav') })
        const callee = await TestLeg.open(engine, { kind: 'phone', recordFile: path('out.wav') })
        await connect(caller, callee)
        assert.deepEqual(await callee.media.ready(), { ok: true, value: undefined })
        callee.media.start()
        caller.media.start()

        await caller.event('played')
        const { afterMs } = await callee.event('firstAudio')
        assert.ok(afterMs >= 0 && afterMs < 2000)
        await callee.event('firstPacket')
        const sent = await caller.media.close()
        const received = await callee.media.close()

        const heard = readWavSamples(await readFile(path('out.wav')))
        const spoken = throughCodec(SPEECH, codec)
        const found = Array.from({ length: HEARD_FRAMES }, (_, i) => spoken.subarray(i * 160, (i + 1) * 160))
          .map((frame) => indexOfSamples(heard, frame))
          .filter((at) => at !== -1)
        assert.ok(found.length >= PUNCTUAL_FRAMES, `${found.length} frames were heard as they were spoken`)
        assert.deepEqual(
          found,
          found.toSorted((a, b) => a - b),
        )
        assert.equal(received.media?.codec, codec)
        assert.equal(received.media?.in.lost, 0)
        assert.ok((received.media?.in.packets ?? 0) >= 25)
        assert.ok((received.media?.in.mos ?? 0) > 4)
        assert.ok((sent.media?.out.packets ?? 0) >= 25)
      }))
  }

  it('press keys that arrive once each, with their length', async () => {
    engine = await startEngine()
    const caller = await TestLeg.open(engine, { kind: 'phone', digits: '1' })
    const callee = await TestLeg.open(engine, { kind: 'phone' })
    await connect(caller, callee)
    callee.media.start()
    caller.media.start()
    assert.deepEqual(await callee.event('dtmf'), { kind: 'dtmf', digit: '1', durationMs: 100 })
  })

  it('are refused where a file cannot be played, in words, and hold no port then', async () => {
    engine = await startEngine()
    const before = engine.freePorts
    await assert.rejects(TestLeg.open(engine, { kind: 'phone', playFile: '/nonexistent.wav' }), /nonexistent\.wav/)
    await assert.rejects(
      TestLeg.open(engine, { kind: 'phone', playFile: new URL(import.meta.url).pathname }),
      /RIFF\/WAVE/,
    )
    assert.equal(engine.freePorts, before)
    assert.equal(engine.legs, 0)
  })
})
