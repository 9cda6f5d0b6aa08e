import assert from 'node:assert/strict'
import { dialledCallDeadlineMs, newDialledCall, stepDialledCall } from '../../../lib/call/dialled-call.ts'
import type { DialledCallInput, DialledCallState, DialOrder } from '../../../lib/call/dialled-state.ts'

const ORDER: DialOrder = { mode: 'parallel', timeoutsMs: [null, 9_000], onLost: 'hangUp' }

function play(...inputs: readonly DialledCallInput[]) {
  return playBy(ORDER, ...inputs)
}

function playBy(
  order: DialOrder,
  ...inputs: readonly DialledCallInput[]
): { state: DialledCallState; effects: string } {
  let state = newDialledCall()
  const done: string[] = []
  for (const input of inputs) {
    const step = stepDialledCall(state, input, 1_000, order)
    state = step.state
    done.push(...step.effects.map(({ kind }) => kind))
  }
  return { state, effects: done.join(' ') }
}

const agreed: DialledCallInput = { kind: 'agreed' }
const answered: DialledCallInput = { kind: 'answered', target: 0 }
const joined: DialledCallInput = { kind: 'joined' }
const accepted: DialledCallInput = { kind: 'accepted' }
const UP = [agreed, answered, joined, accepted]

/** The inputs that lead there, and what is sent where another node has the call by now. */
const STATES: readonly (readonly [name: string, inputs: readonly DialledCallInput[], dropped: string])[] = [
  ['preparing', [], 'reject drop'],
  ['ringing', [agreed], 'dial dial cancel cancel reject drop'],
  ['connecting', [agreed, answered], 'dial dial cancel connect reject drop'],
  ['answering', [agreed, answered, joined], 'dial dial cancel connect answer drop'],
  ['up', UP, 'dial dial cancel connect answer drop'],
]

// How calls end that anybody ends stands in test/scenario/call.
describe('a caller who is put through', () => {
  for (const [name, inputs, dropped] of STATES) {
    it(`is given up without a word in a dialog where another node has it: ${name}`, () => {
      const { state, effects } = play(...inputs, { kind: 'fenced' })
      assert.equal(state.kind, 'ended')
      assert.equal(effects, dropped)
    })

    it(`is over with the SIP server, and nothing is sent over it: ${name}`, () => {
      const { state, effects } = play(...inputs, { kind: 'lost' })
      assert.deepEqual(state, { kind: 'ended', end: { by: 'system', sip: null, cause: 'trunk-fault' } })
      assert.match(effects, /release$/)
      assert.doesNotMatch(effects, /bye|reject/)
    })
  }

  it('is not on hold any more where somebody else has the place of who held them', () => {
    const { state, effects } = play(...UP, { kind: 'calleeHeld', held: true }, { kind: 'succeeded' })
    assert.equal(state.kind, 'up')
    assert.match(effects, /answer hold hold$/)
  })

  it('is hung up, or gets an agent, where who answered has hung up and nobody has their place', () => {
    const alone = play(...UP, { kind: 'acked' }, { kind: 'stranded' })
    assert.deepEqual(alone.state, { kind: 'ended', end: { by: 'callee', sip: null, cause: 'normal' } })
    assert.match(alone.effects, /start byeCaller release$/)
    const order: DialOrder = { ...ORDER, onLost: 'agent' }
    assert.match(playBy(order, ...UP, { kind: 'acked' }, { kind: 'stranded' }).effects, /start handOver$/)
    assert.match(playBy(order, ...UP, { kind: 'stranded' }).effects, /byeCaller release$/)
  })

  it('hangs up only the caller where who answered has left while our 200 was on its way', () => {
    const { state, effects } = play(agreed, answered, joined, { kind: 'calleeBye' }, accepted)
    assert.deepEqual(state, { kind: 'ended', end: { by: 'callee', sip: null, cause: 'normal' } })
    assert.equal(effects, 'dial dial cancel connect answer byeCaller release')
  })

  it('hangs up both, each once, where an operator does so while our 200 is on its way', () => {
    const hangUp = { kind: 'hangUp', by: 'operator', cause: 'normal' } as const
    const { effects } = play(agreed, answered, joined, hangUp, hangUp, accepted)
    assert.equal(effects, 'dial dial cancel connect answer byeCallee byeCaller release')
  })

  it('does not hang up who answers twice', () => {
    assert.doesNotMatch(play(...UP, answered).effects, /bye/)
  })

  it('gives the caller to an agent where who answered is lost, and an agent is wanted', () => {
    const order: DialOrder = { mode: 'sequential', timeoutsMs: [null], onLost: 'agent' }
    const up: readonly DialledCallInput[] = [...UP, { kind: 'acked' }, { kind: 'held' }]
    const lost = playBy(order, ...up, { kind: 'calleeBroken' }, { kind: 'bye' }, { kind: 'fenced' })
    assert.equal(lost.effects, 'dial connect answer start hold handOver')
    assert.deepEqual(lost.state, { kind: 'handedOver' })
    assert.match(playBy(order, ...up, { kind: 'calleeSilent' }).effects, /byeCallee handOver$/)
    // A hang-up is no loss, and a caller whose ACK has not come is not there.
    assert.match(playBy(order, ...up, { kind: 'calleeBye' }).effects, /byeCaller release$/)
    assert.match(playBy(order, ...UP, { kind: 'calleeBroken' }).effects, /byeCaller release$/)
  })

  it('hangs up both where nothing is heard of who answered, and no agent is wanted', () => {
    const { state, effects } = play(...UP, { kind: 'acked' }, { kind: 'calleeSilent' })
    assert.match(effects, /byeCaller byeCallee release$/)
    assert.deepEqual(state, { kind: 'ended', end: { by: 'system', sip: null, cause: 'media-timeout' } })
  })

  it('is woken for whoever has a time of their own, while they are rung', () => {
    assert.equal(dialledCallDeadlineMs(play(agreed).state), 10_000)
    assert.equal(dialledCallDeadlineMs(play().state), undefined)
    assert.equal(dialledCallDeadlineMs(play(...UP).state), undefined)
  })
})
