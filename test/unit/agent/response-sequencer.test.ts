import assert from 'node:assert/strict'
import {
  CONFLICT_PAUSE_MS,
  enqueue,
  hold,
  isBusy,
  itemAcknowledged,
  MAX_CONFLICTS,
  NEW_SEQUENCER,
  plainRequest,
  requestRefused,
  responseCreated,
  responseEnded,
  type Sequencer,
  sendNext,
} from '../../../lib/agent/response-sequencer.ts'

const sent = (sequencer: Sequencer, eventId: string, nowMs = 0): Sequencer => {
  const next = sendNext(sequencer, eventId, nowMs)
  assert.ok(next.request !== null)
  return next.sequencer
}
const canSend = (sequencer: Sequencer, nowMs = 0): boolean => sendNext(sequencer, 'x', nowMs).request !== null

describe('the sequence of responses', () => {
  it('has one request on the way, and sends the next when the response is done', () => {
    let sequencer = sent(enqueue(NEW_SEQUENCER, plainRequest([])), 'e1')
    sequencer = enqueue(sequencer, plainRequest(['i1']))
    assert.ok(!canSend(sequencer))
    sequencer = responseCreated(sequencer, 'r1', 'e1')
    assert.ok(!canSend(sequencer))
    sequencer = responseEnded(sequencer, 'r1').sequencer
    assert.ok(canSend(sequencer))
  })

  it('makes one of two plain requests, and keeps an exact one apart', () => {
    let sequencer = enqueue(NEW_SEQUENCER, plainRequest(['i1']))
    sequencer = enqueue(sequencer, plainRequest(['i2']))
    sequencer = enqueue(sequencer, { ...plainRequest([]), instructions: 'Say hello' })
    assert.deepEqual(
      sequencer.waiting.map(({ awaiting }) => awaiting),
      [['i1', 'i2'], []],
    )
  })

  it('asks again after a conflict, when the other response is done', () => {
    let sequencer = sent(enqueue(NEW_SEQUENCER, plainRequest(['i1'])), 'e1')
    sequencer = responseCreated(sequencer, 'vad', null)
    sequencer = requestRefused(sequencer, 'e1', true, 0).sequencer
    assert.ok(!canSend(sequencer))
    assert.ok(canSend(responseEnded(sequencer, 'vad').sequencer))
  })

  it('does not ask again for what the server answered by itself, knowing the item', () => {
    let sequencer = sent(enqueue(NEW_SEQUENCER, plainRequest(['i1'])), 'e1')
    sequencer = itemAcknowledged(sequencer, 'i1')
    sequencer = responseCreated(sequencer, 'vad', null)
    const refused = requestRefused(sequencer, 'e1', true, 0)
    assert.equal(refused.dropped, false)
    assert.ok(!canSend(responseEnded(refused.sequencer, 'vad').sequencer))
  })

  it('drops a waiting request when a response of the server knows all its items', () => {
    let sequencer = hold(enqueue(NEW_SEQUENCER, plainRequest(['i1'])), Number.POSITIVE_INFINITY)
    assert.ok(!canSend(sequencer, 1e9))
    sequencer = responseCreated(itemAcknowledged(sequencer, 'i1'), 'vad', null)
    assert.equal(sequencer.waiting.length, 0)
  })

  it('pauses where the server tells of a response that nobody has seen, and gives up in the end', () => {
    let sequencer = enqueue(NEW_SEQUENCER, plainRequest([]))
    let nowMs = 0
    for (let conflicts = 1; conflicts < MAX_CONFLICTS; conflicts++) {
      sequencer = requestRefused(sent(sequencer, 'e1', nowMs), 'e1', true, nowMs).sequencer
      assert.ok(!canSend(sequencer, nowMs))
      nowMs += CONFLICT_PAUSE_MS
    }
    const last = requestRefused(sent(sequencer, 'e1', nowMs), 'e1', true, nowMs)
    assert.equal(last.dropped, true)
    assert.ok(!canSend(last.sequencer, 1e9))
  })

  it('takes a response without our mark for ours where the server echoes none', () => {
    let sequencer = sent(enqueue(NEW_SEQUENCER, plainRequest([])), 'e1')
    sequencer = responseCreated(sequencer, 'r1', null)
    const ended = responseEnded(sequencer, 'r1')
    assert.ok(ended.request !== null)
    assert.ok(!isBusy(ended.sequencer))
  })

  it('ignores the end of a response that is not active, and errors about other events', () => {
    const sequencer = responseCreated(NEW_SEQUENCER, 'r1', null)
    assert.equal(responseEnded(sequencer, 'r0').sequencer, sequencer)
    assert.equal(requestRefused(sequencer, 'e9', true, 0).sequencer, sequencer)
    assert.equal(itemAcknowledged(sequencer, 'i9'), sequencer)
  })
})
