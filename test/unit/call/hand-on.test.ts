import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { CallEnd } from '../../../lib/call/agent-call.ts'
import { type HandOnEffect, type HandOnInput, newHandOn, stepHandOn } from '../../../lib/call/hand-on.ts'

const ended = (by: CallEnd['by'], cause: CallEnd['cause'] = 'normal'): HandOnInput => ({
  kind: 'lineEnded',
  end: { by, sip: null, cause },
})
const RINGS: HandOnInput = { kind: 'rings' }
const ANSWERED: HandOnInput = { kind: 'answered' }
const BUSY: HandOnInput = { kind: 'failed', status: 486 }

const word = (effect: HandOnEffect): string => (effect.kind === 'notify' ? String(effect.status) : effect.kind)

function play(...inputs: readonly HandOnInput[]): string {
  let { state, effects } = newHandOn()
  const words = effects.map(word)
  for (const input of inputs) {
    ;({ state, effects } = stepHandOn(state, input))
    words.push(...effects.map(word))
  }
  return words.join(' ')
}

describe('an agent whom its far end hands on', () => {
  for (const [why, inputs, want] of [
    ['goes when the other one answers', [RINGS, RINGS, ANSWERED], '100 180 bequeath 200 leave'],
    ['stays where they are busy', [RINGS, BUSY], '100 180 486'],
    ['goes later where the far end hangs up before', [ended('caller'), RINGS, ANSWERED], '100 bequeath'],
    ['is with nobody where the far end hangs up and they are busy', [RINGS, ended('callee'), BUSY], '100 180 bequeath'],
    ['goes later where the line to the far end is lost', [ended('system', 'trunk-fault'), ANSWERED], '100 bequeath'],
    ['goes later where nothing is heard of the far end', [ended('system', 'media-timeout')], '100 bequeath'],
    ['goes nowhere where it hangs up by itself', [RINGS, ended('agent'), ANSWERED], '100 180 giveUp'],
    ['goes nowhere where an operator ends the call', [ended('operator')], '100 giveUp'],
    ['goes nowhere where its own server is lost', [ended('system', 'agent-fault')], '100 giveUp'],
    ['goes nowhere where the call is another node’s', [ended('system', 'node-lost'), BUSY], '100 giveUp'],
    ['is told of nothing once it is over', [BUSY, RINGS, ANSWERED, ended('caller')], '100 486'],
    [
      'is not given up by the end of its first call once it is gone',
      [ANSWERED, ended('caller')],
      '100 bequeath 200 leave',
    ],
  ] as const)
    it(why, () => assert.equal(play(...inputs), want))

  it('is wanted by one call alone, and the far end hears one end, whatever comes in whatever order', () => {
    const input = fc.constantFrom(
      RINGS,
      ANSWERED,
      BUSY,
      ended('caller'),
      ended('agent'),
      ended('system', 'trunk-fault'),
    )
    fc.assert(
      fc.property(fc.array(input, { maxLength: 8 }), (inputs) => {
        const words = play(...inputs).split(' ')
        const count = (is: (each: string) => boolean): number => words.filter(is).length
        assert.ok(count((each) => Number(each) >= 200) <= 1)
        assert.ok(count((each) => each === 'bequeath' || each === 'giveUp') <= 1)
        assert.ok(count((each) => each === '180') <= 1)
      }),
    )
  })
})
