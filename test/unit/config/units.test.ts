import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatDuration, parseDurationMs } from '../../../lib/config/units.ts'

describe('a duration', () => {
  const TABLE: readonly (readonly [why: string, text: string, ms: number | undefined])[] = [
    ['seconds', '5s', 5_000],
    ['milliseconds', '250ms', 250],
    ['minutes are not months', '15m', 900_000],
    ['several units, the larger first', '1h30m', 5_400_000],
    ['days', '30d', 2_592_000_000],
    ['a part of a second', '1.5s', 1_500],
    ['zero is one', '0s', 0],
    ['a number alone has no unit', '5', undefined],
    ['nothing', '', undefined],
    ['the smaller unit first', '30m1h', undefined],
    ['a unit twice', '1s1s', undefined],
    ['a negative one', '-5s', undefined],
    ['a space', '5 s', undefined],
    ['words', '5 minutes', undefined],
    ['more than ten years', '99999d', undefined],
    ['digits without end', `${'9'.repeat(400)}s`, undefined],
  ]
  for (const [why, text, ms] of TABLE) {
    it(`${ms === undefined ? 'is refused' : 'is read'}: ${why} (${text.slice(0, 12)})`, () => {
      assert.equal(parseDurationMs(text), ms)
    })
  }

  it('is read back as it was written, whatever its length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 * 86_400_000 }), (ms) => {
        assert.equal(parseDurationMs(formatDuration(ms)), ms)
      }),
    )
  })
})
