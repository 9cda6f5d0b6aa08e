import assert from 'node:assert/strict'
import fc from 'fast-check'
import { trunkId } from '../../../lib/core/ids.ts'
import { callerIds, mayShow, numbersShown, type ShowingTrunk, tellShown } from '../../../lib/outbound/caller-id.ts'

const trunk = (id: string, entries: readonly string[] | null): ShowingTrunk => ({
  id: trunkId(id),
  callerIds: entries === null ? null : callerIds(entries),
})

const ANY = trunk('any', null)
const EAST = trunk('east', ['+1202555*', '+13035550100'])
const WEST = trunk('west', ['+14155550100'])

describe('which numbers a trunk may show', () => {
  const CASES: readonly (readonly [why: string, entries: readonly string[] | null, number: string, may: boolean])[] = [
    ['any number, where nothing is said', null, '+4930123456', true],
    ['a number that is on the list', ['+13035550100'], '+13035550100', true],
    ['not one that merely begins like it', ['+1303555010'], '+13035550100', false],
    ['a number that begins so', ['+1202555*'], '+12025550199', true],
    ['not one that begins otherwise', ['+1202555*'], '+12035550199', false],
    ['the beginning itself', ['+12025550100*'], '+12025550100', true],
    ['the longest number there is', ['+123456789012345*'], '+123456789012345', true],
    ['a whole country', ['+4*'], '+4930123456', true],
    ['no extension', ['+1*'], '100', false],
  ]
  for (const [why, entries, number, may] of CASES)
    it(`is ${why}`, () => assert.equal(mayShow(trunk('t', entries), number), may))

  it('is what startsWith says, whatever the lists', () => {
    const digits = fc
      .string({ unit: fc.constantFrom('1', '2', '3'), minLength: 1, maxLength: 6 })
      .map((text) => `+${text}`)
    const entry = fc.tuple(digits, fc.boolean()).map(([text, isPrefix]) => (isPrefix ? `${text}*` : text))
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), digits, (entries, number) => {
        const want = entries.some((each) =>
          each.endsWith('*') ? number.startsWith(each.slice(0, -1)) : number === each,
        )
        assert.equal(mayShow(trunk('t', entries), number), want)
      }),
    )
  })
})

describe('the number that each trunk shows', () => {
  const OWN = ['+12025550100', '+14155550100']
  const shown = (wanted: string, others: readonly string[]) => [
    ...numbersShown([ANY, EAST, WEST], wanted, () => others),
  ]

  it('is the one that is wanted where the trunk may show it, else the first other that it may', () => {
    assert.deepEqual(shown('+12025550100', OWN), [
      ['any', '+12025550100'],
      ['east', '+12025550100'],
      ['west', '+14155550100'],
    ])
  })

  it('is none where it may show none: that trunk is not to be tried', () => {
    assert.deepEqual(shown('+12025550100', []), [
      ['any', '+12025550100'],
      ['east', '+12025550100'],
    ])
    assert.deepEqual([...numbersShown([EAST, WEST], '+4930123456', () => ['+4930123457'])], [])
  })

  it('is told in short where there is none', () => {
    assert.equal(tellShown([EAST, ANY, WEST]), 'east shows +1202555* and +13035550100; west shows +14155550100')
    const many = Array.from({ length: 8 }, (_, i) => `+120255501${i}0`)
    assert.match(tellShown([trunk('many', many)]), /\+12025550140 and 3 more$/)
  })
})
