import assert from 'node:assert/strict'
import fc from 'fast-check'
import { splitList } from '../../../lib/sip/list-values.ts'

describe('a list header', () => {
  const cases: readonly [why: string, text: string, values: string[]][] = [
    ['one value', 'a', ['a']],
    ['none', '', []],
    ['values with blanks around them', ' a ,b\t, c ', ['a', 'b', 'c']],
    ['a comma in quotes', '"a,b" <sip:x>, c', ['"a,b" <sip:x>', 'c']],
    ['an escaped quote before a comma', '"a\\",b", c', ['"a\\",b"', 'c']],
    ['a comma in brackets', '<sip:a,b@c>, d', ['<sip:a,b@c>', 'd']],
    ['empty elements', ',a,,b,', ['a', 'b']],
    ['a quote that never closes', 'a, "b, c', ['a', '"b, c']],
    ['a backslash at the end of a quote that never closes', 'a, "b\\', ['a', '"b\\']],
    ['a quote inside brackets', '<sip:a"b>, c', ['<sip:a"b>', 'c']],
  ]
  for (const [why, text, values] of cases) {
    it(`is split with ${why}`, () => assert.deepEqual(splitList(text), values))
  }

  it('loses no character but commas and blanks', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ',', ' ', '"', '\\', '<', '>') }), (text) => {
        const kept = (parts: string): string => parts.replace(/[, ]/g, '')
        assert.equal(kept(splitList(text).join('')), kept(text))
      }),
    )
  })
})
