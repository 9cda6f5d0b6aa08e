import assert from 'node:assert/strict'
import { endReason } from '../../../lib/call/end-reason.ts'

describe('the Reason of a call that we end', () => {
  it('is the Q.850 cause of what ended it', () => {
    assert.equal(endReason('normal'), 'Q.850;cause=16;text="Normal call clearing"')
    assert.equal(endReason('media-timeout'), 'Q.850;cause=102;text="No media"')
  })

  it('blames no number and no callee for a fault of ours', () => {
    // 1: unallocated number, 17: user busy, 21: call rejected.
    for (const cause of ['agent-fault', 'trunk-fault', 'node-lost', 'limit', 'media-timeout'] as const) {
      assert.doesNotMatch(endReason(cause), /cause=(1|17|21);/)
    }
  })
})
