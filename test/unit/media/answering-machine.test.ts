import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type AnsweredBy, type Greeting, hearGreeting, NO_GREETING } from '../../../lib/media/answering-machine.ts'

/** Speech and silence by turns, in milliseconds, silence first; then silence for ever. */
function judged(...turnsMs: readonly number[]): readonly [by: AnsweredBy, afterMs: number] {
  const frames = turnsMs.flatMap((ms, i) => Array.from({ length: ms / 20 }, () => i % 2 === 1))
  let greeting: Greeting = NO_GREETING
  for (let heard = 1; ; heard++) {
    const next = hearGreeting(greeting, frames[heard - 1] ?? false)
    if (typeof next === 'string') return [next, heard * 20]
    greeting = next
  }
}

describe('who has answered', () => {
  const CASES: readonly (readonly [why: string, turnsMs: readonly number[], by: AnsweredBy, afterMs: number])[] = [
    ['a human: “Hello?”', [400, 600], 'human', 1_800],
    ['a human: “Smith. … Hello?”, with a breath between', [400, 500, 400, 600], 'human', 2_700],
    ['a machine: a sentence that goes on', [400, 5_000], 'machine', 2_820],
    ['a machine: sentences with breaths between', [400, 1_200, 400, 1_500], 'machine', 2_820],
    ['a human, who is heard at last', [4_000, 600], 'human', 5_400],
    ['nobody known: silence', [], 'unknown', 6_000],
    ['nobody known: clicks', [200, 60, 500, 80, 500, 60], 'unknown', 6_000],
    ['a human: a click does not end the pause', [400, 600, 400, 40, 5_000], 'human', 1_800],
  ]
  for (const [why, turnsMs, by, afterMs] of CASES)
    it(`is ${why}`, () => assert.deepEqual(judged(...turnsMs), [by, afterMs]))

  it('is told within 10 s, whatever is heard', () => {
    const turn = fc.integer({ min: 0, max: 200 }).map((frames) => frames * 20)
    fc.assert(fc.property(fc.array(turn, { maxLength: 40 }), (turns) => assert.ok(judged(...turns)[1] <= 10_000)))
  })
})
