import assert from 'node:assert/strict'
import { NO_COMFORT, stepComfort } from '../../../lib/agent/comfort.ts'
import { COMFORT_SOUND } from '../../../lib/media/comfort-sound.ts'
import { decodeG711, FRAME_MS, FRAME_SAMPLES } from '../../../lib/media/g711.ts'

describe('comfort while an agent is away', () => {
  it('begins 300 ms after the queue has run dry, and ends with the gap', () => {
    let comfort = NO_COMFORT
    const heard: string[] = []
    for (let nowMs = 0; nowMs <= 1_200; nowMs += FRAME_MS) {
      const queuedMs = comfort.sounding ? 40 : Math.max(0, 400 - nowMs)
      const next = stepComfort(comfort, nowMs < 1_000 ? 300 : null, queuedMs, nowMs)
      if (next.sounding !== comfort.sounding) heard.push(`${next.sounding ? 'on' : 'off'} at ${nowMs}`)
      comfort = next
    }
    assert.deepEqual(heard, ['on at 700', 'off at 1000'])
  })

  it('does not begin in a pause that is shorter', () => {
    let comfort = NO_COMFORT
    for (const [nowMs, queuedMs] of [
      [0, 0],
      [280, 0],
      [300, 20],
      [320, 0],
      [600, 0],
    ] as const) {
      comfort = stepComfort(comfort, 300, queuedMs, nowMs)
      assert.equal(comfort.sounding, false)
    }
    assert.equal(stepComfort(comfort, 300, 0, 620).sounding, true)
  })

  for (const law of ['PCMU', 'PCMA'] as const) {
    it(`is a sound that is never gone, never loud, and repeats without a seam (${law})`, () => {
      const samples = new Int16Array(COMFORT_SOUND[law].length)
      decodeG711(COMFORT_SOUND[law], law, samples)
      assert.equal(samples.length % FRAME_SAMPLES, 0)
      for (let at = 0; at < samples.length; at += FRAME_SAMPLES) {
        const frame = samples.subarray(at, at + FRAME_SAMPLES)
        const rms = Math.sqrt(frame.reduce((sum, sample) => sum + sample * sample, 0) / frame.length)
        assert.ok(rms > 300 && rms < 3_000, `${rms} at ${at}`)
      }
      assert.ok(Math.abs((samples.at(-1) ?? 0) - (samples[0] ?? 0)) < 1_000)
    })
  }
})
