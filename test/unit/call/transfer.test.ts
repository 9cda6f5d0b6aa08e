import assert from 'node:assert/strict'
import fc from 'fast-check'
import { newTransfer, stepTransfer, type TransferEffect, type TransferInput } from '../../../lib/call/transfer.ts'

const INPUTS = {
  opened: { kind: 'opened' },
  answered: { kind: 'answered' },
  agreed: { kind: 'agreed' },
  accepted: { kind: 'accepted' },
  declined: { kind: 'declined', why: 'declined' },
  joined: { kind: 'joined' },
  failed: { kind: 'failed', why: 'failed' },
  bye: { kind: 'bye' },
  lost: { kind: 'lost', why: 'lost' },
  callerHangsUp: { kind: 'callEnded', cause: 'normal' },
} as const satisfies Record<string, TransferInput>

type Name = keyof typeof INPUTS

function play(attended: boolean, names: readonly Name[]): { state: string; effects: readonly TransferEffect[] } {
  let state = newTransfer()
  const done: TransferEffect[] = []
  for (const name of names) {
    const step = stepTransfer(state, INPUTS[name], attended)
    state = step.state
    done.push(...step.effects)
  }
  return { state: state.kind, effects: done }
}

const words = (effects: readonly TransferEffect[]): string =>
  effects
    .map((effect) => (effect.kind === 'tell' ? (effect.problem === null ? 'tell ok' : 'tell why') : effect.kind))
    .join(', ')

describe('the transfer of a call to a person', () => {
  const BLIND: readonly (readonly [why: string, inputs: Name[], effects: string])[] = [
    [
      'joins them when they answer',
      ['opened', 'answered', 'agreed', 'joined'],
      'hunt, accept, tell ok, join, announce',
    ],
    [
      'ends the call when they hang up',
      ['opened', 'answered', 'agreed', 'joined', 'bye'],
      'hunt, accept, tell ok, join, announce, end, release',
    ],
    [
      'gives the caller back to the agent where they are lost',
      ['opened', 'answered', 'agreed', 'joined', 'lost'],
      'hunt, accept, tell ok, join, announce, bye, back, release',
    ],
    [
      'hangs up on them when the caller does',
      ['opened', 'answered', 'agreed', 'joined', 'callerHangsUp'],
      'hunt, accept, tell ok, join, announce, bye, release',
    ],
    ['tells the agent where nobody could be reached', ['opened', 'failed'], 'hunt, tell why, release'],
    ['tells the agent where there is no media', ['failed'], 'tell why, release'],
    ['rings nobody for a caller who has gone', ['callerHangsUp', 'opened'], 'tell why, release'],
    ['stops ringing when the caller hangs up', ['opened', 'callerHangsUp'], 'hunt, giveUp, tell why, release'],
    [
      'ends the dialog where no audio can be agreed on',
      ['opened', 'answered', 'failed'],
      'hunt, accept, bye, tell why, release',
    ],
    [
      'gives the caller back to an agent that believes them gone, where the joining fails',
      ['opened', 'answered', 'agreed', 'failed'],
      'hunt, accept, tell ok, join, bye, back, release',
    ],
    [
      'gives the caller back where they hang up as they are put through',
      ['opened', 'answered', 'agreed', 'bye'],
      'hunt, accept, tell ok, join, back, release',
    ],
  ]
  for (const [why, inputs, effects] of BLIND) {
    it(why, () => assert.equal(words(play(false, inputs).effects), effects))
  }

  const ATTENDED: readonly (readonly [why: string, inputs: Name[], effects: string])[] = [
    ['joins who accepts', ['accepted', 'joined'], 'tell ok, join, announce'],
    ['tells the agent who declines, and hangs up on them', ['declined'], 'bye, tell why, release'],
    ['tells the agent who hangs up', ['bye'], 'tell why, release'],
    ['tells the agent where nobody could say who is calling', ['failed'], 'bye, tell why, release'],
    ['hangs up on them when the caller does', ['callerHangsUp'], 'bye, tell why, release'],
  ]
  for (const [why, inputs, effects] of ATTENDED) {
    it(`attended, ${why}`, () => {
      const before: Name[] = ['opened', 'answered', 'agreed']
      assert.equal(words(play(true, [...before, ...inputs]).effects), `hunt, accept, brief, ${effects}`)
    })
  }

  it('is told of once and released once, leaves no dialog open, and joins nobody who did not accept: in any order', () => {
    const names = fc.array(fc.constantFrom(...Object.keys(INPUTS).filter(isName)), { maxLength: 14 })
    fc.assert(
      fc.property(fc.boolean(), names, (attended, story) => {
        const inputs: Name[] = [...story, 'callerHangsUp']
        const { state, effects } = play(attended, inputs)
        const count = (kind: TransferEffect['kind']): number => effects.filter((effect) => effect.kind === kind).length
        assert.equal(state, 'over')
        assert.equal(count('tell'), 1)
        assert.equal(count('release'), 1)
        assert.equal(effects.at(-1)?.kind, 'release')
        assert.ok(count('bye') <= 1 && count('join') <= 1 && count('hunt') <= 1)
        if (attended && count('join') > 0) assert.ok(story.includes('accepted'))
        // Who has answered hangs up, or is hung up on.
        if (count('accept') === 1) assert.ok(count('bye') === 1 || story.includes('bye'))
        // Who was told that it is done stays with a person until that one, or they, hang up; else an agent has them again.
        const done = effects.some((effect) => effect.kind === 'tell' && effect.problem === null)
        assert.ok(count('back') + count('end') <= (done ? 1 : 0))
        // What is on record as joined ends the call with the person's BYE.
        assert.ok(count('announce') <= count('join') && count('end') <= count('announce'))
      }),
      { numRuns: 5_000 },
    )
  })
})

const isName = (name: string): name is Name => name in INPUTS
