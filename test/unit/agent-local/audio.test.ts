import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesPerMs, Decoder, encode, nearSilence } from '../../../lib/agent/local/audio-format.ts'
import { planBurst } from '../../../lib/agent/local/burst.ts'
import { CallerAudio } from '../../../lib/agent/local/caller-audio.ts'
import { Downsampler, upsample } from '../../../lib/agent/local/resample.ts'
import {
  QUIET,
  stepTurn,
  type TurnEvent,
  type TurnState,
  turnSettings,
} from '../../../lib/agent/local/turn-detection.ts'

const tone = (hz: number, rateHz: number, samples: number): Int16Array =>
  Int16Array.from({ length: samples }, (_, i) => 10_000 * Math.sin((2 * Math.PI * hz * i) / rateHz))
/** RMS of the settled part against that of the tone. */
function gain(samples: Int16Array): number {
  const settled = samples.slice(200)
  const power = settled.reduce((sum, sample) => sum + sample * sample, 0) / settled.length
  return Math.sqrt(2 * power) / 10_000
}
const downsample = (samples: Int16Array): Int16Array => {
  const filter = new Downsampler()
  return Int16Array.from([...samples].flatMap((sample) => filter.push(sample) ?? []))
}

describe('resampling between 8 and 24 kHz', () => {
  it('keeps the telephone band', () => {
    for (const hz of [300, 1_000, 3_000]) {
      assert.ok(Math.abs(gain(upsample(tone(hz, 8_000, 4_000))) - 1) < 0.05, `${hz} Hz up`)
      assert.ok(Math.abs(gain(downsample(tone(hz, 24_000, 12_000))) - 1) < 0.05, `${hz} Hz down`)
    }
  })

  it('lets nothing above 4.5 kHz fold back into it', () => {
    for (const hz of [4_600, 6_000, 10_000]) {
      assert.ok(gain(downsample(tone(hz, 24_000, 12_000))) < 0.01, `${hz} Hz`)
    }
  })

  it('makes three samples of one and one of three', () => {
    assert.equal(upsample(tone(1_000, 8_000, 800)).length, 2_400)
    assert.equal(downsample(tone(1_000, 24_000, 2_400)).length, 800)
  })
})

describe('audio formats', () => {
  it('comes back from each format as it went in, wherever it was cut', () => {
    const speech = tone(700, 8_000, 1_600)
    for (const type of ['audio/pcmu', 'audio/pcma', 'audio/pcm'] as const) {
      const format = type === 'audio/pcm' ? ({ type, rate: 24_000 } as const) : { type }
      const bytes = encode(speech, format)
      assert.equal(bytes.length, 200 * bytesPerMs(format))
      const decoder = new Decoder(format)
      const back = Int16Array.from([...bytes].flatMap((byte) => decoder.push(byte) ?? []))
      assert.equal(back.length, speech.length)
      assert.ok(Math.abs(gain(back) - 1) < 0.05, type)
    }
  })

  it('makes a near-silence that is not the byte of silence', () => {
    const lead = encode(nearSilence(75), { type: 'audio/pcmu' })
    assert.equal(lead.length, 600)
    assert.ok(!lead.includes(0xff) && !lead.includes(0x7f))
  })
})

describe('burst of a response', () => {
  it('covers every byte once, in order, and says every word by its end', () => {
    const words = fc.array(fc.constantFrom('one', 'two', 'three,', 'four.'), { minLength: 1 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200_000 }),
        words,
        fc.integer({ min: 1, max: 9_000 }),
        fc.constantFrom(8, 48),
        (bytes, said, deltaBytes, perMs) => {
          fc.pre(bytes / deltaBytes < 2_000)
          const pieces = planBurst(bytes, said.join(' '), { firstDeltaMs: 0, speedUp: 8, deltaBytes }, perMs)
          let at = 0
          for (const piece of pieces) {
            assert.equal(piece.from, at)
            assert.ok(piece.to === bytes || (piece.to - piece.from) % 2 === 1)
            at = piece.to
          }
          assert.equal(at, bytes)
          assert.equal(pieces.map((piece) => piece.transcript).join(''), said.join(' '))
          assert.notEqual(pieces[0]?.transcript, '')
        },
      ),
    )
  })

  it('leaves all at once when the speed is infinite', () => {
    const pieces = planBurst(
      80_000,
      'a b c',
      { firstDeltaMs: 0, speedUp: Number.POSITIVE_INFINITY, deltaBytes: 1_601 },
      8,
    )
    assert.ok(pieces.length > 10 && pieces.every((piece) => piece.dueMs === 0))
  })
})

describe('turn detection', () => {
  const settings = { floorDbov: -45, prefixMs: 300, silenceMs: 200 }
  const listen = (pattern: string): { events: TurnEvent[]; state: TurnState } => {
    const events: TurnEvent[] = []
    let state: TurnState = QUIET
    pattern.split('').forEach((frame, i) => {
      const step = stepTurn(state, frame === 'v', (i + 1) * 20, settings)
      state = step.state
      if (step.event !== undefined) events.push(step.event)
    })
    return { events, state }
  }

  it('takes 60 ms of voice for a turn, and less for a click', () => {
    assert.deepEqual(listen('..vv........vv......').events, [])
    assert.deepEqual(listen('..vvv').events, [{ kind: 'started', audioStartMs: 0 }])
    assert.deepEqual(listen(`${'.'.repeat(50)}v.v.v`).events, [{ kind: 'started', audioStartMs: 700 }])
  })

  it('ends a turn after the whole silence window and not at a pause', () => {
    const { events } = listen('vvvvv.........vv..........')
    assert.deepEqual(events[1], { kind: 'stopped', audioEndMs: 520, speechMs: 320 })
    assert.equal(events.length, 2)
  })

  it('asks for more level as the threshold rises, and waits longer the less eager it may be', () => {
    const vad = {
      prefix_padding_ms: 0,
      silence_duration_ms: 0,
      create_response: true,
      interrupt_response: true,
      idle_timeout_ms: null,
    }
    const floors = [0, 0.5, 1].map((threshold) => turnSettings({ type: 'server_vad', threshold, ...vad }).floorDbov)
    assert.deepEqual(floors, [-60, -45, -30])
    const waits = (['high', 'auto', 'low'] as const).map(
      (eagerness) =>
        turnSettings({ type: 'semantic_vad', eagerness, create_response: true, interrupt_response: true }).silenceMs,
    )
    assert.deepEqual(waits, [400, 800, 1_200])
  })

  it('alternates starts and stops, whatever is heard', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (frames) => {
        const kinds = listen(frames.map((voiced) => (voiced ? 'v' : '.')).join('')).events.map((event) => event.kind)
        assert.ok(kinds.every((kind, i) => kind === (i % 2 === 0 ? 'started' : 'stopped')))
      }),
    )
  })
})

describe('input audio buffer', () => {
  it('is a clock of its bytes that goes on over commits, clears and a change of format', () => {
    const audio = new CallerAudio({ type: 'audio/pcmu' }, () => false)
    const settings = turnSettings(null)
    audio.append(new Uint8Array(800), settings, () => undefined)
    assert.deepEqual(audio.commit(), { audioMs: 100, speechMs: 0 })
    audio.setFormat({ type: 'audio/pcm', rate: 24_000 })
    audio.append(new Uint8Array(4_800), settings, () => undefined)
    assert.deepEqual([audio.positionMs, audio.bufferedMs], [200, 100])
    audio.clear()
    assert.deepEqual([audio.positionMs, audio.bufferedMs], [200, 0])
  })

  it('takes no voice for one that is below the floor, whatever the detector says', () => {
    const audio = new CallerAudio({ type: 'audio/pcmu' }, () => true)
    audio.append(new Uint8Array(8_000).fill(0xff), turnSettings(null), () => assert.fail('silence is no speech'))
    assert.equal(audio.commit().speechMs, 0)
  })
})
