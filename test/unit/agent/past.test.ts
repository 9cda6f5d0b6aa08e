import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type History, MAX_HISTORY_CHARS, MAX_HISTORY_ITEMS, MAX_TURN_CHARS } from '../../../lib/agent/history.ts'
import { historyOf, OUTCOME_UNKNOWN, type PastItem } from '../../../lib/agent/past.ts'

const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 12, 0, second))
const said = (second: number, role: 'user' | 'assistant', text: string): PastItem => ({
  kind: 'message',
  role,
  text,
  at: at(second),
})
const called = (second: number, callId: string): PastItem => ({
  kind: 'toolCall',
  callId,
  name: 'lookup',
  arguments: '{}',
  at: at(second),
})
const came = (second: number, callId: string): PastItem => ({
  kind: 'toolOutput',
  callId,
  output: 'found',
  at: at(second),
})
const begin = (...items: PastItem[]): History => historyOf({ items, note: 'dropped' })
const told = (history: History): readonly string[] =>
  history.map((item) =>
    item.kind === 'message' ? item.text : item.kind === 'toolCall' ? `${item.callId}()` : `= ${item.output}`,
  )

describe('the past of a conversation', () => {
  it('is in the order in which things began, whatever order they were kept in', () => {
    const history = begin(
      said(0, 'assistant', 'Hello.'),
      called(5, 'c1'),
      said(5, 'assistant', 'One moment.'),
      said(2, 'user', 'My knee hurts.'),
      came(7, 'c1'),
    )
    assert.deepEqual(told(history), ['Hello.', 'My knee hurts.', 'One moment.', 'c1()', '= found'])
  })

  it('comes before all that is said from now on', () => {
    assert.ok(begin(said(0, 'user', 'Hi.')).every(({ atMs }) => atMs === Number.NEGATIVE_INFINITY))
  })

  it('has an output for each tool call: where none came, that the outcome is unknown', () => {
    assert.deepEqual(told(begin(called(1, 'c1'), called(2, 'c2'), came(3, 'c2'), said(4, 'assistant', 'So.'))), [
      'c1()',
      `= ${OUTCOME_UNKNOWN}`,
      'c2()',
      '= found',
      'So.',
    ])
  })

  it('leaves out what no server would take: an output without its call or ahead of it, a second of either, nothing said', () => {
    const history = begin(
      came(0, 'c0'),
      called(1, 'c1'),
      called(2, 'c1'),
      came(3, 'c1'),
      came(4, 'c1'),
      called(5, ''),
      called(6, 'x'.repeat(2_000)),
      said(7, 'user', '  '),
    )
    assert.deepEqual(told(history), ['c1()', '= found'])
  })

  it('is cut to what a history may hold, the oldest first', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => said(i, 'user', `${i}`))
    const history = begin(...many)
    assert.equal(history.length, MAX_HISTORY_ITEMS)
    assert.equal(told(history).at(-1), '9999')
    assert.equal(told(begin(said(0, 'user', 'x'.repeat(1_000_000))))[0]?.length, MAX_TURN_CHARS)
  })

  it('takes an item without a time where it stands', () => {
    const lost: PastItem = { ...said(0, 'user', 'second'), at: new Date(Number.NaN) }
    assert.deepEqual(told(begin(said(3, 'assistant', 'first'), lost, said(9, 'assistant', 'third'))), [
      'first',
      'second',
      'third',
    ])
  })

  it('is one that servers take and that is within bounds, whatever is in storage', () => {
    const when = fc.oneof(fc.date(), fc.constant(new Date(Number.NaN)))
    const callId = fc.constantFrom('', 'c1', 'c2', 'c3')
    const text = fc.oneof(fc.string(), fc.constantFrom('x'.repeat(70_000), ' '))
    const item: fc.Arbitrary<PastItem> = fc.oneof(
      fc.record({
        kind: fc.constant('message' as const),
        role: fc.constantFrom('user' as const, 'assistant' as const),
        text,
        at: when,
      }),
      fc.record({ kind: fc.constant('toolCall' as const), callId, name: text, arguments: text, at: when }),
      fc.record({ kind: fc.constant('toolOutput' as const), callId, output: text, at: when }),
    )
    fc.assert(
      fc.property(fc.array(item, { maxLength: 60 }), (items) => {
        const history = begin(...items)
        const open = new Set<string>()
        const seen = new Set<string>()
        let chars = 0
        for (const each of history) {
          if (each.kind === 'message') assert.ok(each.text !== '')
          if (each.kind === 'toolCall')
            assert.ok(!seen.has(each.callId) && open.add(each.callId) && seen.add(each.callId))
          if (each.kind === 'toolOutput') assert.ok(open.delete(each.callId))
          chars += each.kind === 'message' ? each.text.length : each.kind === 'toolOutput' ? each.output.length : 0
        }
        assert.equal(open.size, 0)
        assert.ok(history.length <= MAX_HISTORY_ITEMS && chars <= MAX_HISTORY_CHARS)
      }),
    )
  })
})
