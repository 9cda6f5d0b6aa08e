import assert from 'node:assert/strict'
import fc from 'fast-check'
import { heardMs, heardText } from '../../../lib/agent/heard.ts'

describe('what the caller has heard of an item', () => {
  const times: readonly (readonly [string, number, number, number])[] = [
    ['nothing was sent', 0, 8_000, 0],
    ['half was sent', 4_000, 8_000, 500],
    ['part of a millisecond', 7, 8_000, 0],
    ['the last frame was padded', 8_160, 8_001, 1_000],
    ['nothing was received', 160, 0, 0],
  ]
  for (const [why, sent, received, want] of times) {
    it(`is ${want} ms where ${why}`, () => assert.equal(heardMs(sent, received), want))
  }

  it('is never more than was received, in whole milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: -10, max: 100_000 }), fc.nat(100_000), (sent, received) => {
        const ms = heardMs(sent, received)
        assert.ok(Number.isInteger(ms) && ms >= 0 && ms * 8 <= received)
      }),
    )
  })

  const texts: readonly (readonly [string, string, number, string])[] = [
    ['all of it', 'Hello there.', 1, 'Hello there.'],
    ['none of it', 'Hello there.', 0, ''],
    ['whole words only', 'Hello there my friend', 0.5, 'Hello'],
    ['up to the end of a word', 'Hello there', 5 / 11, 'Hello'],
    ['no word of which only a part was heard', 'Hello there', 0.2, ''],
    ['a script without spaces', 'こんにちは', 0.6, 'こんに'],
    ['no half of a character', '😀😀', 0.75, '😀'],
  ]
  for (const [why, text, share, want] of texts) {
    it(`is told as text: ${why}`, () => assert.equal(heardText(text, share * 100_000, 100_000), want))
  }

  it('is always the beginning of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(100), (text, sent) => {
        assert.ok(text.trim().startsWith(heardText(text, sent, 100)))
      }),
    )
  })
})
