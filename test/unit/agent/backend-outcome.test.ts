import assert from 'node:assert/strict'
import { type BackendOutcome, judgeLoss, judgeRefusal } from '../../../lib/agent/backend-outcome.ts'

describe('what a session says of its backend', () => {
  const refused: readonly (readonly [string, string, boolean, BackendOutcome])[] = [
    ['nobody answers', 'no-connection', false, 'unreachable'],
    ['it does not open or is not configured in time', 'timeout', false, 'unreachable'],
    ['it answers 503', 'http-503', true, 'fault'],
    ['it knows no such key', 'http-401', true, 'account'],
    ['it does not allow it', 'http-403', true, 'account'],
    ['it has no such model', 'http-404', true, 'account'],
    ['it is asked too often', 'http-429', true, 'limited'],
    ['it says so in a session', 'insufficient_quota', true, 'account'],
    ['it speaks another codec', 'wrong-format', true, 'fault'],
  ]
  for (const [why, code, answered, want] of refused) {
    it(`that never came up, since ${why}: ${want}`, () => assert.equal(judgeRefusal(code, answered), want))
  }

  const lost: readonly (readonly [string, string, boolean, BackendOutcome])[] = [
    ['before the agent was heard', 'ws-1006', false, 'fault'],
    ['later, as networks do', 'ws-1006', true, 'nothing'],
    ['at its longest duration', 'session_expired', false, 'nothing'],
    ['as the server stands still', 'agent-stalled', true, 'fault'],
    ['as the server fails at responses', 'server_error', true, 'fault'],
    ['for too high a rate', 'rate_limit_exceeded', true, 'limited'],
    ['for a quota', 'insufficient_quota', true, 'account'],
  ]
  for (const [why, code, wasWell, want] of lost) {
    it(`that was lost ${why}: ${want}`, () => assert.equal(judgeLoss(code, wasWell), want))
  }
})
