import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type FarEnd,
  newTakenCall,
  stepTakenCall,
  type TakenCallEffect,
  type TakenCallInput,
  type TakenCallState,
} from '../../../lib/call/taken-call.ts'

const INPUTS = {
  prepared: { kind: 'prepared' },
  unprepared: { kind: 'unprepared', why: 'no port is free' },
  accepted: { kind: 'accepted' },
  glare: { kind: 'glare' },
  declined: { kind: 'declined', why: '481' },
  paused: { kind: 'paused' },
  agreed: { kind: 'agreed', held: false },
  agreedHeld: { kind: 'agreed', held: true },
  disagreed: { kind: 'disagreed', why: 'no codec' },
  held: { kind: 'held' },
  retrieved: { kind: 'retrieved' },
  bye: { kind: 'bye' },
  lost: { kind: 'lost' },
  fenced: { kind: 'fenced' },
  operatorHangsUp: { kind: 'hangUp', by: 'operator', cause: 'normal' },
  drain: { kind: 'hangUp', by: 'system', cause: 'limit' },
} as const satisfies Record<string, TakenCallInput>

type Name = keyof typeof INPUTS

function play(names: readonly Name[], far: FarEnd = 'caller'): { state: TakenCallState; effects: string } {
  let state = newTakenCall()
  const done: TakenCallEffect[] = []
  for (const name of names) {
    const step = stepTakenCall(state, INPUTS[name], far)
    state = step.state
    done.push(...step.effects)
  }
  return { state, effects: done.map((effect) => effect.kind).join(' ') }
}

const ended = (by: string, cause: string) => ({ kind: 'ended', end: { by, sip: null, cause } })
const REFUSED = { kind: 'refused' }

describe('a call that is taken over from a dead node', () => {
  const stories: readonly [why: string, inputs: Name[], effects: string, state: unknown][] = [
    [
      'is offered anew, goes on, and ends with the BYE of the far end',
      ['prepared', 'accepted', 'agreed', 'bye'],
      'offer accept start release',
      ended('caller', 'normal'),
    ],
    [
      'stays on hold where it was',
      ['prepared', 'accepted', 'agreedHeld'],
      'offer accept start',
      { kind: 'up', held: true },
    ],
    [
      'is held and retrieved like any other',
      ['prepared', 'accepted', 'agreed', 'held', 'retrieved'],
      'offer accept start',
      { kind: 'up', held: false },
    ],
    ['is left alone where nothing could be opened for it', ['unprepared', 'prepared'], 'refuse', REFUSED],
    [
      'is ended by BYE where the far end does not take the offer',
      ['prepared', 'declined'],
      'offer bye refuse',
      REFUSED,
    ],
    [
      'is offered once more where both offered at once',
      ['prepared', 'glare', 'paused', 'accepted', 'agreed'],
      'offer pause offer accept start',
      { kind: 'up', held: false },
    ],
    ['is not offered for ever', ['prepared', 'glare', 'paused', 'glare'], 'offer pause offer bye refuse', REFUSED],
    [
      'is ended by BYE where the answer is none to our offer',
      ['prepared', 'accepted', 'disagreed'],
      'offer accept bye refuse',
      REFUSED,
    ],
    [
      'ends where the far end hangs up before it has answered',
      ['prepared', 'bye', 'declined'],
      'offer release',
      ended('caller', 'normal'),
    ],
    [
      'ends where the far end hangs up in the pause',
      ['prepared', 'glare', 'bye', 'paused'],
      'offer pause release',
      ended('caller', 'normal'),
    ],
    [
      'is hung up as soon as that can be told to the far end',
      ['operatorHangsUp', 'prepared'],
      'bye release',
      ended('operator', 'normal'),
    ],
    [
      'is hung up while the offer is out',
      ['prepared', 'operatorHangsUp', 'accepted'],
      'offer bye release',
      ended('operator', 'normal'),
    ],
    ['is not taken by a node that has to give its calls up', ['drain'], 'refuse', REFUSED],
    [
      'is given up with a BYE by such a node once there is a dialog',
      ['prepared', 'drain'],
      'offer bye refuse',
      REFUSED,
    ],
    [
      'is dropped without a word where a further node has it',
      ['prepared', 'accepted', 'agreed', 'fenced', 'bye'],
      'offer accept start drop',
      ended('system', 'node-lost'),
    ],
    ['is left alone where the SIP server is lost', ['prepared', 'lost'], 'offer refuse', REFUSED],
    [
      'is our own fault where the SIP server is lost later',
      ['prepared', 'accepted', 'agreed', 'lost'],
      'offer accept start release',
      ended('system', 'trunk-fault'),
    ],
    [
      'is drained like any other once it is up',
      ['prepared', 'accepted', 'agreed', 'drain'],
      'offer accept start bye release',
      ended('system', 'limit'),
    ],
    [
      'ends where a later offer comes to nothing',
      ['prepared', 'accepted', 'agreed', 'disagreed'],
      'offer accept start bye release',
      ended('system', 'rejected'),
    ],
  ]
  for (const [why, inputs, effects, state] of stories) {
    it(why, () => {
      assert.deepEqual(play(inputs), { state, effects })
    })
  }

  it('tells who hung up: the callee of a call that we placed', () => {
    assert.deepEqual(play(['prepared', 'accepted', 'agreed', 'bye'], 'callee').state, ended('callee', 'normal'))
  })

  const names = Object.keys(INPUTS).filter((name): name is Name => name in INPUTS)
  const anything = fc.array(fc.constantFrom(...names), { maxLength: 25 })

  it('is refused, released or dropped at most once, whatever the order of inputs, and nothing follows', () => {
    fc.assert(
      fc.property(anything, (inputs) => {
        const { state, effects } = play(inputs)
        const list = effects === '' ? [] : effects.split(' ')
        const last = list.filter((effect) => ['refuse', 'release', 'drop'].includes(effect))
        const isOver = state.kind === 'refused' || state.kind === 'ended'
        assert.equal(last.length, isOver ? 1 : 0)
        if (isOver) assert.equal(list.at(-1), last[0])
        assert.ok(list.filter((effect) => effect === 'bye').length <= 1)
        assert.ok(list.filter((effect) => effect === 'offer').length <= 2)
      }),
    )
  })

  it('is never on record here where it was refused, and always where it was up', () => {
    fc.assert(
      fc.property(anything, (inputs) => {
        const { effects } = play(inputs)
        if (effects.includes('start')) assert.doesNotMatch(effects, /refuse/)
      }),
    )
  })

  it('is over, whatever has happened, once everything has been told that could be', () => {
    fc.assert(
      fc.property(anything, (inputs) => {
        const { state } = play([...inputs, 'unprepared', 'declined', 'paused', 'declined', 'disagreed', 'bye'])
        assert.ok(state.kind === 'refused' || state.kind === 'ended')
      }),
    )
  })
})
