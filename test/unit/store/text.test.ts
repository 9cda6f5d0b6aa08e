import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cleanText, stringifyClean } from '../../../lib/store/text.ts'

describe('text for Postgres', () => {
  const table: [why: string, input: string, want: string][] = [
    ['plain text stays', 'Hello ☎ 😀', 'Hello ☎ 😀'],
    ['U+0000 is refused by Postgres', 'a\0b', 'a\ufffdb'],
    ['half a pair at the end', 'a\ud83d', 'a\ufffd'],
    ['half a pair before text', '\ude00a', '\ufffda'],
    ['two first halves', '\ud83d\ud83d\ude00', '\ufffd😀'],
    ['an escape spelt out is text', '\\u0000 \\ud83d', '\\u0000 \\ud83d'],
  ]
  for (const [why, input, want] of table) {
    it(`is cleaned alone and within JSON: ${why}`, () => {
      assert.equal(cleanText(input), want)
      assert.deepEqual(JSON.parse(stringifyClean({ [input]: [input, { deep: input }] })), {
        [want]: [want, { deep: want }],
      })
    })
  }

  it('is cut without leaving half a pair', () => {
    assert.equal(cleanText('abc😀', 4), 'abc\ufffd')
  })

  it('is JSON like any other where nothing was to clean', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(stringifyClean(value), JSON.stringify(value))
      }),
    )
  })

  it('never holds what Postgres refuses, whatever came', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const json = stringifyClean({ text: String.fromCharCode(...units) })
        const parsed: { text: string } = JSON.parse(json)
        assert.equal(parsed.text.includes('\0'), false)
        assert.equal(Buffer.from(parsed.text).toString(), parsed.text)
      }),
    )
  })
})
