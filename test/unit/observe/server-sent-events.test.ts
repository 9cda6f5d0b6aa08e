import assert from 'node:assert/strict'
import fc from 'fast-check'
import { EVENT_STREAM_START, stepEventStream } from '../../../lib/observe/server-sent-events.ts'

const STREAM = 'retry: 5\nid: a-1\n\n: heartbeat\n\nid: a-2\ndata: {"n":1}\n\nevent: gap\ndata: one\ndata:two\n\n'
const EVENTS = [
  { name: 'message', data: '{"n":1}' },
  { name: 'gap', data: 'one\ntwo' },
]

describe('reading server-sent events', () => {
  it('gives messages with data, passes comments over, and remembers the last id', () => {
    const { state, events } = stepEventStream(EVENT_STREAM_START, STREAM)
    assert.deepEqual(events, EVENTS)
    assert.deepEqual(state, { rest: '', lastEventId: 'a-2' })
  })

  it('takes an id without data as the position of the stream', () => {
    assert.equal(stepEventStream(EVENT_STREAM_START, 'id: a-7\n\n').state.lastEventId, 'a-7')
  })

  it('gives the same wherever the stream is cut into pieces, whichever line ends it has', () => {
    const cuts = fc.array(fc.nat(STREAM.length), { maxLength: 6 })
    fc.assert(
      fc.property(cuts, fc.constantFrom('\n', '\r\n'), (at, lineEnd) => {
        const text = STREAM.replaceAll('\n', lineEnd)
        const marks = [0, ...at.toSorted((a, b) => a - b), text.length]
        let state = EVENT_STREAM_START
        const events = marks.slice(1).flatMap((mark, i) => {
          const step = stepEventStream(state, text.slice(marks[i], mark))
          state = step.state
          return step.events
        })
        assert.deepEqual(events, EVENTS)
        assert.equal(state.lastEventId, 'a-2')
      }),
    )
  })

  it('holds no message without end', () => {
    assert.throws(() => stepEventStream(EVENT_STREAM_START, 'x'.repeat(2_000_000)), RangeError)
  })
})
