import assert from 'node:assert/strict'
import fc from 'fast-check'
import { trunkId } from '../../../lib/core/ids.ts'
import { type Candidate, selectTrunks } from '../../../lib/trunk/selection.ts'
import { NO_SPREAD, nextInTurn } from '../../../lib/trunk/spread.ts'

/** `a`: active; `s`: standby; `r`: asked for a pause; `f`: failed; `c`: failed, canary due; `S`, `F`, `A`: by an operator. */
function candidate(letter: string, i: number, weight = 1): Candidate {
  const state = { a: 'active', s: 'standby', r: 'standby' }[letter.toLowerCase()] ?? 'failed'
  return {
    id: trunkId(`t${i}`),
    state: state === 'active' || state === 'standby' ? state : 'failed',
    byOperator: letter !== letter.toLowerCase(),
    refusing: letter === 'r',
    canaryDue: letter.toLowerCase() === 'c',
    weight,
  }
}

const trunksOf = (letters: string): readonly Candidate[] => letters.split('').map((letter, i) => candidate(letter, i))

/** The order as indexes, with `c` and `!` for a canary and a last resort. */
function orderOf(letters: string): string {
  const mark = { regular: '', canary: 'c', lastResort: '!' }
  const { order } = selectTrunks({ mode: 'warm-standby', trunks: trunksOf(letters) })
  return order.map(({ trunk, role }) => trunk.slice(1) + mark[role]).join(' ')
}

describe('the order of trunks in warm standby', () => {
  const rows: readonly [why: string, trunks: string, want: string][] = [
    ['is that of the group while all are active', 'aaa', '0 1 2'],
    ['has standby ones after all active ones', 'sas', '1 0 2'],
    ['has none that failed while an active one is left', 'fas', '1 2'],
    ['tries standby, then failed ones, where none is active', 'fsf', '1 0! 2!'],
    ['tries failed ones rather than refuse the call', 'ff', '0! 1!'],
    ['never tries one that an operator has failed', 'FaF', '1'],
    ['nor as a last resort, nor as a canary', 'FfC', '1!'],
    ['refuses the call only where operators took out all', 'FF', ''],
    ['keeps to one that an operator holds active, or on standby', 'Sa', '1 0'],
    ['prefers one that asked for a pause to one that is silent', 'sr', '1 0'],
    ['but not to an active one', 'ra', '1 0'],
    ['never loses the last usable trunk to Retry-After', 'r', '0'],
    ['tries the canary first, and the others after it', 'ca', '0c 1'],
    ['also where it has the lower priority', 'aac', '2c 0 1'],
    ['tries one canary a call', 'cca', '0c 2'],
    ['tries the other as a last resort', 'cc', '0c 1!'],
    ['is empty for an empty group', '', ''],
  ]
  for (const [why, trunks, want] of rows) it(`${why}: ${trunks}`, () => assert.equal(orderOf(trunks), want))

  it('has each trunk at most once, and never one that an operator failed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 's', 'r', 'f', 'c', 'A', 'S', 'F', 'C'), { maxLength: 8 }),
        fc.boolean(),
        (letters, spread) => {
          const trunks = trunksOf(letters.join(''))
          const { order } = selectTrunks({ mode: spread ? 'active-active' : 'warm-standby', trunks })
          const ids = order.map(({ trunk }) => trunk)
          assert.equal(new Set(ids).size, ids.length)
          for (const { id, state, byOperator } of trunks) {
            if (byOperator && state === 'failed') assert.ok(!ids.includes(id))
            if (state !== 'failed') assert.ok(ids.includes(id))
          }
          const open = trunks.filter(({ state, byOperator }) => state !== 'failed' || !byOperator)
          assert.equal(ids.length === 0, open.length === 0)
        },
      ),
    )
  })
})

describe('calls in active-active', () => {
  /** How many of the calls each trunk gets first. */
  function share(trunks: readonly Candidate[], calls: number): readonly number[] {
    let spread = NO_SPREAD
    const count = new Map<string, number>()
    for (let i = 0; i < calls; i++) {
      const selection = selectTrunks({ mode: 'active-active', trunks }, spread)
      spread = JSON.parse(JSON.stringify(selection.spread))
      const first = selection.order[0]?.trunk ?? ''
      count.set(first, (count.get(first) ?? 0) + 1)
    }
    return trunks.map(({ id }) => count.get(id) ?? 0)
  }

  it('spread by weight within 2 % over 1,000 calls, whatever the weights', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(weights, (list) => {
        const total = list.reduce((sum, weight) => sum + weight, 0)
        const counts = share(
          list.map((weight, i) => candidate('a', i, weight)),
          1_000,
        )
        list.forEach((weight, i) => {
          const want = total === 0 ? 1 / list.length : weight / total
          assert.ok(Math.abs((counts[i] ?? 0) / 1_000 - want) <= 0.02, JSON.stringify([list, counts]))
        })
      }),
      { numRuns: 60 },
    )
  })

  it('alternate smoothly', () => {
    const of = [
      { id: 'a', weight: 3 },
      { id: 'b', weight: 2 },
    ]
    let spread = NO_SPREAD
    let text = ''
    for (let i = 0; i < 10; i++) {
      const turn = nextInTurn(spread, of)
      spread = turn?.spread ?? spread
      text += turn?.chosen.id ?? '?'
    }
    assert.equal(text, 'ababaababa')
  })

  it('go over the active trunks alone, with the others behind them', () => {
    const trunks = [candidate('a', 0, 1), candidate('s', 1, 100), candidate('a', 2, 3)]
    assert.deepEqual(share(trunks, 100), [25, 0, 75])
    const { order } = selectTrunks({ mode: 'active-active', trunks })
    assert.deepEqual(
      order.map(({ trunk }) => trunk),
      ['t2', 't0', 't1'],
    )
  })

  it('forget a trunk that has left, and take one in that comes', () => {
    const two = [candidate('a', 0), candidate('a', 1)]
    const first = selectTrunks({ mode: 'active-active', trunks: two })
    const second = selectTrunks({ mode: 'active-active', trunks: [candidate('a', 7)] }, first.spread)
    assert.deepEqual(Object.keys(second.spread), ['t7'])
  })

  it('give nobody the turn of a canary', () => {
    const trunks = [candidate('a', 0), candidate('c', 1)]
    const { order, spread } = selectTrunks({ mode: 'active-active', trunks }, { t0: 5 })
    assert.deepEqual(
      order.map(({ role }) => role),
      ['canary', 'regular'],
    )
    assert.deepEqual(spread, { t0: 5 })
  })
})
