import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  newOutgoingCall,
  type OutgoingCallEffect,
  type OutgoingCallInput,
  type OutgoingCallState,
  stepOutgoingCall,
} from '../../../lib/call/outgoing-call.ts'
import { type AttemptEnd, judgeAttempt } from '../../../lib/trunk/attempt-verdict.ts'

const REFUSAL = {
  status: 503,
  reason: '',
  temporary: true,
  cause: 'agent-fault',
  warning: null,
  detail: '',
} as const

const failed = (end: AttemptEnd): OutgoingCallInput => ({
  kind: 'failed',
  failure: { status: 500, end, verdict: judgeAttempt(end, { hunt480: false }) },
})
const status = (code: number): OutgoingCallInput => failed({ kind: 'response', status: code, ringing: true })

const INPUTS = {
  prepared: { kind: 'prepared' },
  refused: { kind: 'refused', refusal: REFUSAL },
  answered: { kind: 'answered' },
  agreed: { kind: 'agreed' },
  disagreed: { kind: 'disagreed' },
  held: { kind: 'held' },
  retrieved: { kind: 'retrieved' },
  bye: { kind: 'bye' },
  lost: { kind: 'lost' },
  fenced: { kind: 'fenced' },
  busy: status(486),
  declined: status(603),
  refusedByTrunk: status(503),
  nobodyHome: failed({ kind: 'ringTimeout' }),
  silence: failed({ kind: 'noReply' }),
  noTrunk: { kind: 'failed', failure: { status: 500, end: null, verdict: null } },
  operatorHangsUp: { kind: 'hangUp', by: 'operator', cause: 'normal' },
  agentHangsUp: { kind: 'hangUp', by: 'agent', cause: 'normal' },
  agentIsLost: { kind: 'hangUp', by: 'system', cause: 'agent-fault' },
} as const satisfies Record<string, OutgoingCallInput>

type Name = keyof typeof INPUTS

function play(...names: readonly Name[]): { state: OutgoingCallState; effects: string } {
  let state = newOutgoingCall()
  const done: OutgoingCallEffect[] = []
  for (const name of names) {
    const step = stepOutgoingCall(state, INPUTS[name])
    state = step.state
    done.push(...step.effects)
  }
  return { state, effects: done.map((effect) => effect.kind).join(' ') }
}

const ended = (by: string, sip: number | null, cause: string) => ({ kind: 'ended', end: { by, sip, cause } })

describe('a call that we place', () => {
  const STORIES: readonly (readonly [why: string, inputs: Name[], effects: string, state: unknown])[] = [
    [
      'hunts once the agent could speak, starts it at the answer and ends with the callee’s BYE',
      ['prepared', 'answered', 'agreed', 'bye'],
      'hunt accept start release',
      ended('callee', null, 'normal'),
    ],
    ['rings nobody without an agent', ['refused', 'prepared'], 'release', ended('system', null, 'agent-fault')],
    ['ends where the callee is busy', ['prepared', 'busy'], 'hunt release', ended('callee', 486, 'busy')],
    ['ends where the callee declines', ['prepared', 'declined'], 'hunt release', ended('callee', 603, 'rejected')],
    ['ends where nobody is home', ['prepared', 'nobodyHome'], 'hunt release', ended('callee', null, 'no-answer')],
    [
      'is the trunk’s fault where the last one refuses',
      ['prepared', 'refusedByTrunk'],
      'hunt release',
      ended('system', 503, 'trunk-fault'),
    ],
    [
      'is the trunk’s fault where none answers',
      ['prepared', 'silence'],
      'hunt release',
      ended('system', null, 'trunk-fault'),
    ],
    ['ends without trunks', ['prepared', 'noTrunk'], 'hunt release', ended('system', null, 'trunk-fault')],
    [
      'is cancelled by an operator while it rings',
      ['prepared', 'operatorHangsUp', 'answered'],
      'hunt giveUp release',
      ended('operator', 487, 'cancelled'),
    ],
    [
      'is given up where the agent is lost while it rings',
      ['prepared', 'agentIsLost'],
      'hunt giveUp release',
      ended('system', 487, 'agent-fault'),
    ],
    [
      'is hung up by the agent',
      ['prepared', 'answered', 'agreed', 'agentHangsUp'],
      'hunt accept start bye release',
      ended('agent', null, 'normal'),
    ],
    [
      'hangs up on an answer whose SDP is no answer to our offer',
      ['prepared', 'answered', 'disagreed'],
      'hunt accept bye release',
      ended('system', null, 'rejected'),
    ],
    [
      'is dropped without a word where another node has it',
      ['prepared', 'answered', 'agreed', 'fenced', 'bye'],
      'hunt accept start drop',
      ended('system', null, 'node-lost'),
    ],
    [
      'rings no more where another node has it',
      ['prepared', 'fenced', 'answered'],
      'hunt giveUp drop',
      ended('system', null, 'node-lost'),
    ],
    [
      'is held and retrieved',
      ['prepared', 'answered', 'agreed', 'held', 'retrieved', 'held'],
      'hunt accept start',
      { kind: 'up', held: true },
    ],
  ]
  for (const [why, inputs, effects, state] of STORIES) {
    it(why, () => {
      const result = play(...inputs)
      assert.equal(result.effects, effects)
      assert.deepEqual(result.state, state)
    })
  }

  const names = fc.array(fc.constantFrom(...(Object.keys(INPUTS) as Name[])), { maxLength: 12 })

  it('hunts, starts, hangs up and releases at most once, whatever the order of inputs', () => {
    fc.assert(
      fc.property(names, (inputs) => {
        const kinds = play(...inputs).effects.split(' ')
        for (const kind of ['hunt', 'accept', 'start', 'bye', 'giveUp', 'release', 'drop']) {
          assert.ok(kinds.filter((each) => each === kind).length <= 1, kind)
        }
        assert.ok(!(kinds.includes('drop') && (kinds.includes('release') || kinds.includes('bye'))))
        assert.ok(!kinds.includes('release') || kinds.at(-1) === 'release')
      }),
    )
  })

  it('can be hung up in every state', () => {
    fc.assert(
      fc.property(names, (inputs) => {
        assert.equal(play(...inputs, 'operatorHangsUp').state.kind, 'ended')
      }),
    )
  })
})
