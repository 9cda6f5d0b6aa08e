import assert from 'node:assert/strict'
import {
  ALAW_TO_LINEAR,
  ALAW_TO_MULAW,
  decodeG711,
  encodeG711,
  linearToAlaw,
  linearToMulaw,
  MULAW_TO_ALAW,
  MULAW_TO_LINEAR,
  SILENCE,
  transcode,
  transcodingTable,
} from '../../../lib/media/g711.ts'
import { isAudible, levelDbov } from '../../../lib/media/level.ts'

describe('G.711', () => {
  it('decodes the values of the recommendation', () => {
    const known: readonly [string, Int16Array, number, number][] = [
      ['µ-law +0', MULAW_TO_LINEAR, 0xff, 0],
      ['µ-law −0', MULAW_TO_LINEAR, 0x7f, 0],
      ['µ-law loudest', MULAW_TO_LINEAR, 0x80, 32_124],
      ['µ-law loudest negative', MULAW_TO_LINEAR, 0x00, -32_124],
      ['A-law smallest', ALAW_TO_LINEAR, 0xd5, 8],
      ['A-law smallest negative', ALAW_TO_LINEAR, 0x55, -8],
      ['A-law loudest', ALAW_TO_LINEAR, 0xaa, 32_256],
    ]
    for (const [why, table, code, want] of known) assert.equal(table[code], want, why)
  })

  it('gives every byte back after a round trip, but for the two zeros of µ-law', () => {
    for (let code = 0; code < 256; code++) {
      assert.equal(linearToMulaw(MULAW_TO_LINEAR[code] ?? 0), code === 0x7f ? 0xff : code)
      assert.equal(linearToAlaw(ALAW_TO_LINEAR[code] ?? 0), code)
    }
  })

  it('stays within half a quantisation step of every linear sample', () => {
    // Above this µ-law clips.
    for (let sample = -32_635; sample <= 32_635; sample += 7) {
      const halfStep = (Math.abs(sample) + 132) / 32
      assert.ok(Math.abs((MULAW_TO_LINEAR[linearToMulaw(sample)] ?? 0) - sample) <= halfStep + 4)
      assert.ok(Math.abs((ALAW_TO_LINEAR[linearToAlaw(sample)] ?? 0) - sample) <= halfStep + 8)
    }
  })

  it('transcodes between the laws by the nearest linear value, silence to silence', () => {
    assert.equal(MULAW_TO_ALAW[SILENCE.PCMU], SILENCE.PCMA)
    for (let code = 0; code < 256; code++) {
      const back = ALAW_TO_MULAW[MULAW_TO_ALAW[code] ?? 0] ?? 0
      const error = Math.abs((MULAW_TO_LINEAR[back] ?? 0) - (MULAW_TO_LINEAR[code] ?? 0))
      assert.ok(error <= Math.max(16, Math.abs(MULAW_TO_LINEAR[code] ?? 0) / 16))
    }
    assert.equal(transcodingTable('PCMA', 'PCMA'), null)
    const frame = Uint8Array.of(SILENCE.PCMU, 0x80)
    transcode(frame, MULAW_TO_ALAW)
    assert.deepEqual(frame, Uint8Array.of(SILENCE.PCMA, 0xaa))
  })

  it('measures levels in dBov: silence at the floor, a full sine 3 dB below overload', () => {
    assert.equal(levelDbov(new Uint8Array(160).fill(SILENCE.PCMU), 'PCMU'), -127)
    const sine = Int16Array.from({ length: 160 }, (_, i) => 32_000 * Math.sin((2 * Math.PI * i) / 16))
    for (const law of ['PCMU', 'PCMA'] as const) {
      const frame = encodeG711(sine, law)
      assert.ok(Math.abs(levelDbov(frame, law) + 3.2) < 0.3)
      assert.ok(isAudible(frame, law))
      assert.ok(!isAudible(new Uint8Array(160).fill(SILENCE[law]), law))
      const decoded = new Int16Array(160)
      decodeG711(frame, law, decoded)
      assert.ok(decoded.every((sample, i) => Math.abs(sample - (sine[i] ?? 0)) < 1100))
    }
  })
})
