import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type AgentCallEffect,
  type AgentCallInput,
  type AgentCallState,
  newAgentCall,
  stepAgentCall,
} from '../../../lib/call/agent-call.ts'

const REFUSAL = {
  status: 488,
  reason: 'Not Acceptable Here',
  temporary: false,
  cause: 'rejected',
  warning: 305,
  detail: '',
} as const

const INPUTS = {
  agreed: { kind: 'agreed' },
  prepared: { kind: 'prepared' },
  refused: { kind: 'refused', refusal: REFUSAL },
  cancelled: { kind: 'cancelled' },
  accepted: { kind: 'accepted' },
  unacceptable: { kind: 'unacceptable' },
  acked: { kind: 'acked' },
  held: { kind: 'held' },
  retrieved: { kind: 'retrieved' },
  bye: { kind: 'bye' },
  broken: { kind: 'broken' },
  lost: { kind: 'lost' },
  fenced: { kind: 'fenced' },
  agentHangsUp: { kind: 'hangUp', by: 'agent', cause: 'normal' },
  mediaTimeout: { kind: 'hangUp', by: 'system', cause: 'media-timeout' },
} as const satisfies Record<string, AgentCallInput>

type Name = keyof typeof INPUTS

function play(...names: Name[]): { state: AgentCallState; effects: string } {
  let { state, effects } = newAgentCall()
  const done: AgentCallEffect[] = [...effects]
  for (const name of names) {
    ;({ state, effects } = stepAgentCall(state, INPUTS[name]))
    done.push(...effects)
  }
  return { state, effects: done.map((effect) => effect.kind).join(' ') }
}

const ended = (by: string, sip: number | null, cause: string) => ({ kind: 'ended', end: { by, sip, cause } })

describe('a call between a carrier and an agent', () => {
  const stories: readonly [string, Name[], string, unknown][] = [
    [
      'rings, answers, starts the agent at the ACK and ends with the caller’s BYE',
      ['agreed', 'prepared', 'accepted', 'acked', 'bye'],
      'ring answer start release',
      ended('caller', null, 'normal'),
    ],
    [
      'is refused with 488 where no codec is common, and has neither rung nor been answered',
      ['refused', 'prepared'],
      'reject release',
      ended('system', 488, 'rejected'),
    ],
    [
      'ends as cancelled while it rings',
      ['agreed', 'cancelled', 'prepared'],
      'ring release',
      ended('caller', 487, 'cancelled'),
    ],
    [
      'ends as cancelled where the CANCEL overtook our 200 OK',
      ['agreed', 'prepared', 'unacceptable'],
      'ring answer release',
      ended('caller', 487, 'cancelled'),
    ],
    ['rings once', ['agreed', 'agreed'], 'ring', { kind: 'preparing', ringing: true }],
    [
      'is our own fault where the SIP server is lost while it rings',
      ['agreed', 'lost', 'prepared'],
      'ring release',
      ended('system', null, 'trunk-fault'),
    ],
    [
      'is our own fault where the SIP server is lost with the 200 OK',
      ['agreed', 'prepared', 'lost', 'unacceptable'],
      'ring answer release',
      ended('system', null, 'trunk-fault'),
    ],
    [
      'is our own fault where the SIP server is lost while they talk',
      ['agreed', 'prepared', 'accepted', 'acked', 'lost', 'bye'],
      'ring answer start release',
      ended('system', null, 'trunk-fault'),
    ],
    [
      'is hung up with BYE by the agent',
      ['agreed', 'prepared', 'accepted', 'acked', 'agentHangsUp'],
      'ring answer start bye release',
      ended('agent', null, 'normal'),
    ],
    [
      'keeps a hang-up that comes while the 200 OK is on its way, and sends the BYE once there is a dialog',
      ['agreed', 'prepared', 'mediaTimeout', 'accepted'],
      'ring answer bye release',
      ended('system', null, 'media-timeout'),
    ],
    [
      'counts as the trunk’s fault where no ACK ever comes',
      ['agreed', 'prepared', 'accepted', 'broken'],
      'ring answer release',
      ended('system', null, 'trunk-fault'),
    ],
    [
      'ends with a BYE that comes before the ACK',
      ['agreed', 'prepared', 'accepted', 'bye', 'acked'],
      'ring answer release',
      ended('caller', null, 'normal'),
    ],
    [
      'starts the agent once, though the ACK is repeated',
      ['agreed', 'prepared', 'accepted', 'acked', 'acked'],
      'ring answer start',
      { kind: 'up', held: false },
    ],
    [
      'is dropped without a word where another node has it',
      ['agreed', 'prepared', 'accepted', 'acked', 'fenced', 'bye', 'fenced'],
      'ring answer start drop',
      ended('system', null, 'node-lost'),
    ],
    [
      'is answered all the same where it only rings, as no other node can',
      ['agreed', 'fenced', 'prepared'],
      'ring reject drop',
      ended('system', null, 'node-lost'),
    ],
    [
      'is held and retrieved',
      ['agreed', 'prepared', 'accepted', 'acked', 'held', 'held', 'retrieved', 'held'],
      'ring answer start',
      { kind: 'up', held: true },
    ],
  ]
  for (const [why, inputs, effects, state] of stories) {
    it(why, () => {
      const result = play(...inputs)
      assert.equal(result.effects, effects)
      assert.deepEqual(result.state, state)
    })
  }

  it('answers, starts, hangs up and releases at most once, whatever the order of inputs', () => {
    const names = Object.keys(INPUTS) as Name[]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...names), { maxLength: 12 }), (inputs) => {
        const kinds = play(...inputs).effects.split(' ')
        for (const kind of ['ring', 'answer', 'start', 'bye', 'reject', 'release', 'drop']) {
          assert.ok(kinds.filter((each) => each === kind).length <= 1, kind)
        }
        assert.ok(!(kinds.includes('reject') && kinds.includes('answer')))
        assert.ok(!(kinds.includes('drop') && (kinds.includes('release') || kinds.includes('bye'))))
        assert.equal(kinds.indexOf('release') === -1 || kinds.indexOf('release') === kinds.length - 1, true)
      }),
    )
  })

  it('can always be ended: a hang-up and the SIP server’s answer suffice in every state', () => {
    const names = Object.keys(INPUTS) as Name[]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...names), { maxLength: 8 }), (inputs) => {
        assert.equal(play(...inputs, 'agentHangsUp', 'accepted').state.kind, 'ended')
      }),
    )
  })
})
