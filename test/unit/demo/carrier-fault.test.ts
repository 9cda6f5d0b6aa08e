import assert from 'node:assert/strict'
import { type CarrierFault, judgeInvite, lineAt, objectionTo, sendsRtp } from '../../../lib/demo/carrier-fault.ts'

const NUMBER = '+12025550100'
const FLAP: CarrierFault = { kind: 'flap', upMs: 3_000, downMs: 2_000 }

describe('a simulated carrier with a fault', () => {
  it('answers, refuses or swallows an INVITE', () => {
    const answer = { kind: 'answer' }
    const table: readonly (readonly [CarrierFault, unknown])[] = [
      [{ kind: 'none' }, answer],
      [{ kind: 'mute' }, answer],
      [{ kind: 'loss', percent: 5 }, answer],
      [{ kind: 'delay', ms: 500 }, answer],
      [FLAP, answer],
      [{ kind: 'blackhole' }, { kind: 'swallow' }],
      [
        { kind: 'reject', status: 503, retryAfterS: 7 },
        { kind: 'refuse', status: 503, retryAfterS: 7 },
      ],
    ]
    for (const [fault, fate] of table) assert.deepEqual(judgeInvite(fault, NUMBER), fate)
  })

  it('answers a number of +1999555 with the status in its last three digits, unless the fault decides', () => {
    const refuse = (status: number): unknown => ({ kind: 'refuse', status, retryAfterS: null })
    assert.deepEqual(judgeInvite({ kind: 'none' }, '+19995550486'), refuse(486))
    assert.deepEqual(judgeInvite({ kind: 'none' }, '19995557603'), refuse(603))
    assert.deepEqual(judgeInvite({ kind: 'reject', status: 503, retryAfterS: null }, '+19995550486'), refuse(503))
    assert.deepEqual(judgeInvite({ kind: 'blackhole' }, '+19995550486'), { kind: 'swallow' })
    for (const usual of ['+19995550200', '+12025550486', '+199955504860']) {
      assert.deepEqual(judgeInvite({ kind: 'none' }, usual), { kind: 'answer' })
    }
  })

  it('has its line cut for good where it is silent, and in turn where it flaps', () => {
    assert.deepEqual(lineAt({ kind: 'silent' }, 0, 9_999), { cut: true, delayMs: 0, untilMs: null })
    const table: readonly (readonly [atMs: number, cut: boolean, untilMs: number])[] = [
      [1_000, false, 4_000],
      [3_999, false, 4_000],
      [4_000, true, 6_000],
      [5_999, true, 6_000],
      [6_000, false, 9_000],
      [501_000 + 3_500, true, 506_000],
    ]
    for (const [atMs, cut, untilMs] of table) {
      assert.deepEqual(lineAt(FLAP, 1_000, atMs), { cut, delayMs: 0, untilMs })
    }
  })

  it('has a slow line where it is late, and an open one with every other fault', () => {
    assert.deepEqual(lineAt({ kind: 'delay', ms: 800 }, 0, 5), { cut: false, delayMs: 800, untilMs: null })
    const others: readonly CarrierFault[] = [
      { kind: 'none' },
      { kind: 'blackhole' },
      { kind: 'mute' },
      { kind: 'loss', percent: 5 },
      { kind: 'reject', status: 503, retryAfterS: null },
    ]
    for (const fault of others) assert.deepEqual(lineAt(fault, 0, 5), { cut: false, delayMs: 0, untilMs: null })
  })

  it('sends no RTP where it is mute, and loses its share of it evenly', () => {
    const chances = Array.from({ length: 1_000 }, (_, i) => i / 1_000)
    const sent = (fault: CarrierFault): number => chances.filter((chance) => sendsRtp(fault, chance)).length
    assert.equal(sent({ kind: 'none' }), 1_000)
    assert.equal(sent({ kind: 'mute' }), 0)
    assert.equal(sent({ kind: 'loss', percent: 5 }), 950)
    assert.equal(sent({ kind: 'loss', percent: 0 }), 1_000)
    assert.equal(sent({ kind: 'loss', percent: 100 }), 0)
  })

  it('takes no fault that cannot be simulated', () => {
    const bad: readonly CarrierFault[] = [
      { kind: 'reject', status: 200, retryAfterS: null },
      { kind: 'reject', status: 503.5, retryAfterS: null },
      { kind: 'flap', upMs: 0, downMs: 1_000 },
      { kind: 'flap', upMs: 1_000, downMs: Number.POSITIVE_INFINITY },
      { kind: 'loss', percent: 101 },
      { kind: 'loss', percent: Number.NaN },
      { kind: 'delay', ms: -1 },
    ]
    for (const fault of bad) assert.equal(typeof objectionTo(fault), 'string', JSON.stringify(fault))
    assert.equal(objectionTo(FLAP), undefined)
    assert.equal(objectionTo({ kind: 'reject', status: 302, retryAfterS: null }), undefined)
  })
})
