import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type History,
  type HistoryItem,
  MAX_HISTORY_CHARS,
  MAX_HISTORY_ITEMS,
  NO_HISTORY,
  remember,
} from '../../../lib/agent/history.ts'

const said = (atMs: number, text: string, role: 'user' | 'assistant' = 'user'): HistoryItem => ({
  kind: 'message',
  role,
  text,
  atMs,
})
const called = (atMs: number, callId: string): HistoryItem => ({
  kind: 'toolCall',
  callId,
  name: 'lookup',
  arguments: '{}',
  atMs,
})
const came = (atMs: number, callId: string): HistoryItem => ({ kind: 'toolOutput', callId, output: 'x', atMs })
const historyOf = (...items: HistoryItem[]): History => items.reduce(remember, NO_HISTORY)

describe('the history of a conversation', () => {
  it('has each item where it began, however late it is known', () => {
    const history = historyOf(
      said(0, 'Hello.', 'assistant'),
      said(5_000, 'Since when?', 'assistant'),
      said(2_000, 'My knee hurts.'),
    )
    assert.deepEqual(
      history.map((item) => (item.kind === 'message' ? item.text : '')),
      ['Hello.', 'My knee hurts.', 'Since when?'],
    )
  })

  it('has what an agent says with a call before the call, and the output last', () => {
    const history = historyOf(called(1_000, 'c1'), came(1_400, 'c1'), said(1_000, 'One moment.', 'assistant'))
    assert.deepEqual(
      history.map(({ kind }) => kind),
      ['message', 'toolCall', 'toolOutput'],
    )
  })

  it('forgets the oldest beyond its bounds', () => {
    const many = Array.from({ length: MAX_HISTORY_ITEMS + 5 }, (_, i) => said(i, 'x'))
    assert.equal(historyOf(...many).length, MAX_HISTORY_ITEMS)
    assert.deepEqual(historyOf(said(0, 'a'), said(1, 'b'.repeat(MAX_HISTORY_CHARS))).length, 1)
  })

  it('never holds an output without the call before it, and stays within its bounds', () => {
    // By length alone: a counterexample is to be read.
    const item = fc.record({ atMs: fc.nat(9_000), chars: fc.integer({ min: 0, max: MAX_HISTORY_CHARS / 2 }) })
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        let history = NO_HISTORY
        for (const [i, { atMs, chars }] of items.entries()) {
          if (chars > 0) history = remember(history, said(atMs, 'x'.repeat(chars)))
          else history = [called(atMs, `c${i}`), came(atMs, `c${i}`)].reduce(remember, history)
          const known = new Set<string>()
          for (const each of history) {
            if (each.kind === 'toolCall') known.add(each.callId)
            if (each.kind === 'toolOutput') assert.ok(known.has(each.callId))
          }
          const kept = history.reduce((sum, each) => sum + (each.kind === 'message' ? each.text.length : 0), 0)
          assert.ok(kept <= MAX_HISTORY_CHARS && history.length <= MAX_HISTORY_ITEMS)
        }
      }),
    )
  })
})
