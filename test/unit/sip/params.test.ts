import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MAX_PARAMS } from '../../../lib/sip/limits.ts'
import { NO_PARAMS, Params, parseParams } from '../../../lib/sip/params.ts'
import { quote } from '../../../lib/sip/quoted-string.ts'

function params(text: string): Params {
  const parsed = parseParams(text, 0)
  assert.ok(parsed !== undefined, text)
  return parsed
}

describe('header parameters', () => {
  it('are read with blanks anywhere, names in any case, quotes, flags and IPv6 addresses', () => {
    const read = params(' ; Tag = x ;lr; text="a;b, \\"c\\"" ;received=2001:db8::1;maddr=[::1]')
    assert.deepEqual(
      [...read].map(([name]) => name),
      ['tag', 'lr', 'text', 'received', 'maddr'],
    )
    assert.equal(read.get('text'), 'a;b, "c"')
    assert.equal(read.raw('text'), '"a;b, \\"c\\""')
    assert.deepEqual([read.has('lr'), read.get('lr'), read.has('none')], [true, undefined, false])
    assert.deepEqual([read.get('received'), read.get('maddr')], ['2001:db8::1', '[::1]'])
  })

  it('may count once where one stands twice: the first holds', () => {
    assert.equal(parseParams(';tag=1;lr;TAG=2;lr', 0, 'first')?.toString(), ';tag=1;lr')
  })

  it('are none in an empty text', () => assert.equal(params('  '), NO_PARAMS))

  for (const [why, text] of [
    ['no semicolon before them', 'a=1'],
    ['nothing between semicolons', ';a;;b'],
    ['a semicolon at the end', ';a;'],
    ['no name', ';=1'],
    ['a name given twice', ';a=1;A=2'],
    ['two values', ';a=1 2'],
    ['a quote that never closes', ';a="1'],
    ['text after a quote', ';a="1"2'],
    ['a bracket in a value', ';a=<1>'],
    ['more than the limit', Array.from({ length: MAX_PARAMS + 1 }, (_, i) => `;p${i}`).join('')],
  ] as const) {
    it(`are refused with ${why}`, () => assert.equal(parseParams(text, 0), undefined))
  }

  it('are changed one at a time, in their place, in a copy', () => {
    const before = params(';a=1;b;c=3')
    assert.equal(before.with('b', '2').toString(), ';a=1;b=2;c=3')
    assert.equal(before.with('d', undefined).toString(), ';a=1;b;c=3;d')
    assert.equal(before.without('a').toString(), ';b;c=3')
    assert.equal(before.without('x'), before)
    assert.equal(before.toString(), ';a=1;b;c=3')
  })

  it('come out of formatting as they went into parsing', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/)
    const value = fc.option(fc.oneof(fc.stringMatching(/^[A-Za-z0-9.!%*_+~-]+$/), fc.string().map(quote)), {
      nil: undefined,
    })
    const entries = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 8 })
    fc.assert(fc.property(entries, (list) => assert.deepEqual([...params(Params.of(list).toString())], list)))
  })
})
