import assert from 'node:assert/strict'
import { type CallHappening, EMPTY_TALLY, liveCalls, stepTally, type Tally } from '../../../lib/demo/tally.ts'

const tallyOf = (...happenings: readonly CallHappening[]): Tally => happenings.reduce(stepTally, EMPTY_TALLY)
const placed = (call: string): CallHappening => ({ kind: 'placed', call, direction: 'outbound' })
const answered = (call: string): CallHappening => ({ kind: 'answered', call })
const ended = (call: string, well = true): CallHappening => ({ kind: 'ended', call, well })

describe('the tally of a demo', () => {
  it('counts a call that was answered and hung up, and knows who is on the line', () => {
    const up = tallyOf(placed('a'), answered('a'), placed('b'))
    assert.deepEqual([liveCalls(up, 'outbound'), liveCalls(up, 'inbound')], [2, 0])
    const over = stepTally(up, ended('a'))
    assert.deepEqual(over.outbound, { placed: 2, answered: 1, redirected: 0, lost: 0, dropped: 0 })
    assert.equal(liveCalls(over, 'outbound'), 1)
  })

  it('counts as lost what nobody answered, and as dropped what fell silent or went with its carrier', () => {
    const table: readonly (readonly [readonly CallHappening[], { readonly lost: number; readonly dropped: number }])[] =
      [
        [[placed('a'), ended('a')], { lost: 1, dropped: 0 }],
        [[placed('a'), ended('a', false)], { lost: 1, dropped: 0 }],
        [[placed('a'), answered('a'), ended('a', false)], { lost: 0, dropped: 1 }],
        [[placed('a'), { kind: 'cut', call: 'a' }], { lost: 0, dropped: 1 }],
        [[placed('a'), answered('a'), { kind: 'cut', call: 'a' }], { lost: 0, dropped: 1 }],
      ]
    for (const [happenings, want] of table) {
      const { lost, dropped } = tallyOf(...happenings).outbound
      assert.deepEqual({ lost, dropped }, want)
    }
  })

  it('counts nothing twice, and nothing of calls that it has not placed', () => {
    const once = tallyOf(placed('a'), answered('a'), { kind: 'redirected', call: 'a' }, ended('a'))
    const more = [placed('b'), placed('b'), answered('b'), answered('b'), ended('b'), ended('b'), answered('b')]
    const other = [answered('x'), ended('x'), { kind: 'cut', call: 'x' } as const]
    assert.deepEqual(other.reduce(stepTally, once), once)
    assert.deepEqual(tallyOf(...more).outbound, { placed: 1, answered: 1, redirected: 0, lost: 0, dropped: 0 })
    assert.equal(once.outbound.redirected, 1)
  })
})
