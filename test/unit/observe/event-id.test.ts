import assert from 'node:assert/strict'
import { nodeId } from '../../../lib/core/ids.ts'
import { formatLastEventId, parseEventId, parseLastEventId } from '../../../lib/observe/event-id.ts'

describe('event ids', () => {
  it('divide at the last dash, as a node may have dashes in its name', () => {
    assert.deepEqual(parseEventId('us-east-1-42'), { node: 'us-east-1', sequence: 42 })
  })

  for (const text of ['', '42', 'east', 'east-', '-42', 'east-4x', 'ea st-1', `e-${'9'.repeat(16)}`]) {
    it(`refuses "${text}"`, () => assert.equal(parseEventId(text), undefined))
  }

  it('are read from a Last-Event-ID, the latest of each node', () => {
    const seen = parseLastEventId('east-1-5, west-7,east-1-3,')
    assert.ok(seen.ok)
    assert.deepEqual(
      [...seen.value],
      [
        ['east-1', 5],
        ['west', 7],
      ],
    )
    assert.equal(formatLastEventId(seen.value), 'east-1-5,west-7')
  })

  it('give a reason where a Last-Event-ID cannot be read', () => {
    assert.deepEqual(parseLastEventId('east-1-5,nonsense'), { ok: false, error: '"nonsense" is not <node>-<sequence>' })
    assert.equal(parseLastEventId('x'.repeat(10_000)).ok, false)
    assert.equal(parseLastEventId(Array.from({ length: 100 }, (_, i) => `n${i}-1`).join(',')).ok, false)
  })

  it('come back unchanged', () => {
    const seen = new Map([[nodeId('a-b'), 1]])
    const parsed = parseLastEventId(formatLastEventId(seen))
    assert.deepEqual(parsed.ok ? parsed.value : undefined, seen)
  })
})
