import assert from 'node:assert/strict'
import { type BackendChange, changeEvents, MAX_NAMED } from '../../../lib/agent/backend-changes.ts'

const change = (id: string, rest: Partial<BackendChange['to']> = {}): BackendChange => ({
  id,
  kind: 'openai',
  from: 'active',
  to: { state: 'failed', sinceAtMs: 0, reason: 'why', channel: 'calls', ...rest },
})

describe('what is told of backends whose state has changed', () => {
  it('is one event for all that changed alike, and one for each that did not', () => {
    const events = changeEvents([change('a/0'), change('b/0'), change('c/0', { channel: 'account' })])
    assert.deepEqual(
      events.map(({ backends, level, channel }) => [backends, level, channel]),
      [
        [['a/0', 'b/0'], 'warn', 'calls'],
        [['c/0'], 'error', 'account'],
      ],
    )
    assert.deepEqual(changeEvents([]), [])
  })

  it('names no more of them than people read', () => {
    const [event] = changeEvents(Array.from({ length: 1_000 }, (_, i) => change(`a${i}/0`)))
    assert.ok(Array.isArray(event?.backends) && event.backends.length === MAX_NAMED)
  })

  it('is good news where one is active again', () => {
    assert.equal(changeEvents([change('a/0', { state: 'active' })])[0]?.level, 'info')
  })
})
