import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { DialOrder } from '../../../lib/call/dialled-state.ts'
import { DialledStage } from './dialled-stage.ts'

const ORDERS: Readonly<Record<string, DialOrder>> = {
  'one person': { mode: 'sequential', timeoutsMs: [null], onLost: 'hangUp' },
  'one after the other': { mode: 'sequential', timeoutsMs: [5_000, null, 10_000], onLost: 'hangUp' },
  'all at once': { mode: 'parallel', timeoutsMs: [null, 15_000, null], onLost: 'hangUp' },
}

/** A story by what happens in it, in the words of `DialledStage.possible`. */
function play(order: DialOrder, ...steps: readonly string[]): DialledStage {
  const stage = new DialledStage(order)
  for (const step of steps) {
    const happen = stage.possible.get(step)
    assert.ok(
      happen !== undefined,
      `${step} is not possible after ${steps.join(', ')}: ${[...stage.possible.keys()].join(', ')}`,
    )
    happen()
  }
  return stage
}

/** Whatever came before: nobody is left in a call that is over, and everybody was told once. */
function assertSettled(stage: DialledStage): void {
  assert.ok(stage.isOver)
  assert.ok(stage.caller === 'refused' || stage.caller === 'gone', stage.caller)
  assert.equal(stage.finals.length, 1)
  assert.ok(!stage.finals.includes(503) || stage.done.some((effect) => effect.kind === 'reject'))
  assert.ok(stage.byes <= 1)
  for (const { state, byes } of stage.callees) {
    assert.ok(state === 'refused' || state === 'gone', state)
    assert.ok(byes <= 1)
  }
  const kinds = stage.done.map(({ kind }) => kind)
  assert.equal(kinds.filter((kind) => kind === 'release').length, 1)
  for (const once of ['answer', 'start', 'connect']) assert.ok(kinds.filter((kind) => kind === once).length <= 1)
  // After the last word there is nothing but the BYE to somebody who answered too late.
  assert.ok(kinds.slice(kinds.indexOf('release') + 1).every((kind) => kind === 'byeCallee'))
}

describe('a caller who is put through, in virtual time', () => {
  for (const [name, order] of Object.entries(ORDERS)) {
    it(`leaves nobody behind, whatever happens in whatever order: ${name}`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(1_000), { maxLength: 40 }), (picks) => {
          const stage = new DialledStage(order)
          for (const pick of picks) {
            const possible = [...stage.possible.values()]
            possible[pick % Math.max(1, possible.length)]?.()
          }
          stage.settle()
          assertSettled(stage)
        }),
        { numRuns: 3_000 },
      )
    })
  }

  /** How far a call may have come when something happens to it. */
  const STATES: Readonly<Record<string, readonly string[]>> = {
    'media is opened': [],
    'an INVITE is out': ['opened'],
    'they ring': ['opened', '0 180'],
    'the first trunk has failed': ['opened', '0 503'],
    'the second trunk rings': ['opened', '0 503', '1 180'],
    'the next one is rung': ['opened', '0 486', '1 180'],
    'they have answered': ['opened', '0 180', '0 200'],
    'our 200 is on its way': ['opened', '0 180', '0 200', 'joined'],
  }

  for (const [when, steps] of Object.entries(STATES)) {
    it(`ends with the caller’s CANCEL while ${when}`, () => {
      const stage = play({ mode: 'sequential', timeoutsMs: [null, null], onLost: 'hangUp' }, ...steps, 'CANCEL')
      assert.deepEqual(stage.finals, [487])
      assert.deepEqual(stage.state, { kind: 'ended', end: { by: 'caller', sip: 487, cause: 'cancelled' } })
      for (const { state } of stage.callees) assert.notEqual(state, 'up')
      stage.settle()
      assertSettled(stage)
    })
  }

  it('hangs up who answers although they were cancelled', () => {
    const stage = play(
      { mode: 'sequential', timeoutsMs: [null], onLost: 'hangUp' },
      'opened',
      '0 180',
      'CANCEL',
      '0 200',
    )
    assert.deepEqual(
      stage.callees.map(({ state, byes }) => [state, byes]),
      [['gone', 1]],
    )
  })

  it('hangs up who answers in the very moment in which another one has', () => {
    const stage = play(
      { mode: 'parallel', timeoutsMs: [null, null], onLost: 'hangUp' },
      'opened',
      '0 200',
      '1 200',
      'joined',
      '200 taken',
    )
    assert.deepEqual(
      stage.callees.map(({ state, byes }) => [state, byes]),
      [
        ['up', 0],
        ['gone', 1],
      ],
    )
    assert.equal(stage.caller, 'up')
  })

  it('rings nobody else after a 6xx, and cancels who rings', () => {
    const one = play({ mode: 'sequential', timeoutsMs: [null, null], onLost: 'hangUp' }, 'opened', '0 603')
    assert.deepEqual([one.finals, one.callees.length], [[603], 1])
    const all = play({ mode: 'parallel', timeoutsMs: [null, null], onLost: 'hangUp' }, 'opened', '1 180', '0 603')
    assert.deepEqual([all.finals, all.callees.map(({ state }) => state)], [[603], ['refused', 'cancelled']])
  })

  it('gives the next one their whole time where that of the first is over', () => {
    const stage = play({ mode: 'sequential', timeoutsMs: [5_000, 10_000], onLost: 'hangUp' }, 'opened', '0 180', 'time')
    assert.deepEqual([stage.nowMs, stage.callees.map(({ state }) => state)], [5_000, ['cancelled', 'invited']])
    stage.possible.get('1 180')?.()
    stage.possible.get('time')?.()
    assert.deepEqual([stage.nowMs, stage.finals], [15_000, [480]])
    assert.deepEqual(stage.state, { kind: 'ended', end: { by: 'callee', sip: 480, cause: 'no-answer' } })
  })

  it('rings the caller once a person, whoever rings first', () => {
    const stage = play(
      { mode: 'parallel', timeoutsMs: [null, null], onLost: 'hangUp' },
      'opened',
      '0 180',
      '0 180',
      '1 180',
    )
    assert.equal(stage.done.filter(({ kind }) => kind === 'ring').length, 2)
  })

  it('is held as long as either holds', () => {
    const up = ['opened', '0 200', 'joined', '200 taken', 'ACK']
    const stage = play(
      { mode: 'sequential', timeoutsMs: [null], onLost: 'hangUp' },
      ...[...up, 'caller holds', '0 holds', 'caller retrieves', 'caller BYE'],
    )
    assert.deepEqual(
      stage.done.flatMap((effect) => (effect.kind === 'hold' ? [effect.held] : [])),
      [true],
    )
    assertSettled(stage)
  })

  for (const [how, cause, by] of [
    ['0 BYE', 'normal', 'callee'],
    ['0 lost', 'trunk-fault', 'system'],
    ['caller BYE', 'normal', 'caller'],
    ['caller lost', 'trunk-fault', 'system'],
    ['operator', 'normal', 'operator'],
  ] as const) {
    it(`ends for both with: ${how}`, () => {
      const stage = play(
        { mode: 'sequential', timeoutsMs: [null], onLost: 'hangUp' },
        ...['opened', '0 200', 'joined', '200 taken', 'ACK', how],
      )
      assert.deepEqual(stage.state, { kind: 'ended', end: { by, sip: null, cause } })
      assertSettled(stage)
    })
  }

  it('is refused where who answered leaves before the caller is told, and where no media can be joined', () => {
    for (const [how, status] of [
      ['0 BYE', 480],
      ['0 lost', 500],
      ['not joined', 500],
    ] as const) {
      const stage = play({ mode: 'sequential', timeoutsMs: [null, null], onLost: 'hangUp' }, 'opened', '0 200', how)
      assert.deepEqual(stage.finals, [status])
      assertSettled(stage)
    }
  })
})
