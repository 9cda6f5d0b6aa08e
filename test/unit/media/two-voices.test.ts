import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { BLOCK_SAMPLES, TwoVoices } from '../../../lib/media/two-voices.ts'

const LOUD = 0x00
const FRAME = 160
const frame = (samples = FRAME): Uint8Array => new Uint8Array(samples).fill(LOUD)

/** What was given out, in samples, and the spells with sound of each side as [from, to). */
function record() {
  const blocks: Int16Array[] = []
  const voices = new TwoVoices(1_000, (block) => blocks.push(Int16Array.from(block)))
  const spells = (channel: 0 | 1): readonly (readonly [number, number])[] => {
    const all = blocks.flatMap((block) => [...block]).filter((_, i) => i % 2 === channel)
    const found: [number, number][] = []
    all.forEach((sample, i) => {
      if (sample === 0) return
      if (i === 0 || all[i - 1] === 0) found.push([i, i])
      const last = found.at(-1)
      if (last !== undefined) last[1] = i + 1
    })
    return found
  }
  return { voices, blocks, caller: () => spells(0), agent: () => spells(1) }
}

describe('the two voices of a recording', () => {
  it('stand side by side, each where it was heard, with silence between', () => {
    const { voices, caller, agent } = record()
    for (let i = 1; i <= 50; i++) voices.add('caller', frame(), 'PCMU', 1_000 + 20 * i)
    voices.add('agent', frame(), 'PCMA', 1_520)
    voices.end(2_000)
    assert.deepEqual(caller(), [[0, 8_000]])
    assert.deepEqual(agent(), [[4_000, 4_160]])
  })

  it('go on without a gap where a frame comes late or early by some', () => {
    const { voices, caller } = record()
    const jitter = [0, 30, -10, 80, 5, 60, 0]
    jitter.forEach((ms, i) => {
      voices.add('caller', frame(), 'PCMU', 1_020 + 20 * i + ms)
    })
    voices.end(2_000)
    assert.deepEqual(caller(), [[0, FRAME * jitter.length]])
  })

  it('lose nothing where a busy thread gives a second of them at once', () => {
    const { voices, caller } = record()
    for (let i = 1; i <= 50; i++) voices.add('caller', frame(), 'PCMU', 3_000)
    voices.end(5_000)
    assert.equal(
      caller().reduce((sum, [from, to]) => sum + to - from, 0),
      50 * FRAME,
    )
  })

  it('are where they belong again after the next silence, however much has come late before', () => {
    const { voices, caller } = record()
    const silence = new Uint8Array(FRAME).fill(0xff)
    // A second of silence where nothing came, and then what had come meanwhile.
    for (let i = 1; i <= 50; i++) voices.add('caller', silence, 'PCMU', 1_000 + 20 * i)
    for (let i = 1; i <= 50; i++) voices.add('caller', frame(), 'PCMU', 2_000)
    for (let i = 1; i <= 75; i++) voices.add('caller', silence, 'PCMU', 2_000 + 20 * i)
    voices.add('caller', frame(), 'PCMU', 3_520)
    voices.end(4_000)
    assert.deepEqual(caller(), [
      [8_000, 16_000],
      [20_160, 20_320],
    ])
  })

  it('are given out by the second, half a second later, and the rest at the end', () => {
    const { voices, blocks } = record()
    voices.advance(2_499)
    assert.equal(blocks.length, 0)
    voices.advance(2_500)
    assert.deepEqual(
      blocks.map(({ length }) => length),
      [2 * BLOCK_SAMPLES],
    )
    voices.add('agent', frame(), 'PCMU', 2_600)
    voices.end(2_700)
    assert.deepEqual(
      blocks.map(({ length }) => length),
      [2 * BLOCK_SAMPLES, 2 * 4_800],
    )
  })

  it('never give out more than the time that has passed, whatever comes and when', () => {
    const said = fc.record({
      voice: fc.constantFrom('caller' as const, 'agent' as const),
      samples: fc.integer({ min: 0, max: 4_000 }),
      afterMs: fc.integer({ min: -50, max: 3_000 }),
      advance: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(said, { maxLength: 60 }), (all) => {
        const { voices, blocks } = record()
        let [nowMs, latestMs] = [1_000, 1_000]
        for (const { voice, samples, afterMs, advance } of all) {
          nowMs = Math.max(1_000, nowMs + afterMs)
          latestMs = Math.max(latestMs, nowMs)
          voices.add(voice, frame(samples), 'PCMU', nowMs)
          if (advance) voices.advance(nowMs)
        }
        voices.end(nowMs)
        const given = blocks.reduce((sum, { length }) => sum + length / 2, 0)
        assert.ok(blocks.every(({ length }) => length <= 2 * BLOCK_SAMPLES))
        assert.ok(given <= (latestMs - 1_000) * 8, `${given} samples in ${latestMs - 1_000} ms`)
      }),
    )
  })
})
