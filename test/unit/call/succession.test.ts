import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  newSuccession,
  type SuccessionEffect,
  type SuccessionInput,
  stepSuccession,
} from '../../../lib/call/succession.ts'

const INPUTS = {
  rings: { kind: 'rings' },
  joined: { kind: 'joined' },
  busy: { kind: 'failed', status: 486, why: 'they are busy' },
  left: { kind: 'left' },
  callEnded: { kind: 'callEnded' },
} as const satisfies Record<string, SuccessionInput>

type Name = keyof typeof INPUTS

function play(names: readonly Name[]): readonly SuccessionEffect[] {
  let { state, effects } = newSuccession()
  const done = [...effects]
  for (const name of names) {
    ;({ state, effects } = stepSuccession(state, INPUTS[name]))
    done.push(...effects)
  }
  return done
}

const words = (effects: readonly SuccessionEffect[]): string =>
  effects
    .map((effect) => {
      if (effect.kind === 'notify') return String(effect.status)
      if (effect.kind === 'succeed') return effect.isAlone ? 'succeed' : 'succeed and bye'
      return effect.kind
    })
    .join(', ')

describe('somebody who takes the place of a person', () => {
  const CASES: readonly (readonly [why: string, inputs: Name[], effects: string])[] = [
    ['has it when they answer', ['rings', 'rings', 'joined'], '100, 180, 200, succeed and bye'],
    ['need not ring', ['joined'], '100, 200, succeed and bye'],
    ['does not have it where they are busy: nothing has changed', ['rings', 'busy'], '100, 180, 486'],
    ['has it also where the other one does not wait', ['left', 'rings', 'joined'], '100, comfort, succeed'],
    [
      'leaves the caller alone where the other one does not wait',
      ['rings', 'left', 'left', 'busy'],
      '100, 180, comfort, strand',
    ],
    ['is given up with the call', ['rings', 'callEnded', 'joined', 'busy', 'left'], '100, 180'],
    ['answers once', ['joined', 'busy', 'left', 'rings'], '100, 200, succeed and bye'],
    ['fails once', ['busy', 'joined', 'left', 'rings'], '100, 486'],
  ]
  for (const [why, inputs, effects] of CASES) {
    it(why, () => assert.equal(words(play(inputs)), effects))
  }

  it('tells whoever asked nothing after a final status or their BYE, and comes to one end, whatever comes', () => {
    const NAMES: readonly Name[] = ['rings', 'joined', 'busy', 'left', 'callEnded']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...NAMES), { maxLength: 10 }), (names) => {
        const effects = play(names)
        const last = effects.findIndex((e) => e.kind === 'comfort' || (e.kind === 'notify' && e.status >= 200))
        const after = last === -1 ? [] : effects.slice(last + 1)
        assert.equal(after.filter(({ kind }) => kind === 'notify').length, 0)
        assert.ok(effects.filter(({ kind }) => kind === 'succeed' || kind === 'strand').length <= 1)
      }),
    )
  })
})
