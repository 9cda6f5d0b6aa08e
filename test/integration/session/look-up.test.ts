import assert from 'node:assert/strict'
import type { CallerEntry } from '../../../app/session/caller-index.ts'
import { type LookUpParts, lookUp } from '../../../app/session/look-up.ts'
import type { TakenUp } from '../../../app/store/session-store.ts'
import { nodeId, tenantId } from '../../../lib/core/ids.ts'
import type { SessionRow } from '../../../lib/session/record.ts'
import { at, callIdOf, sessionRow } from '../../helpers/records.ts'

const TAKEN: TakenUp = {
  row: sessionRow(1, { callId: callIdOf(2), epoch: 7 }),
  from: callIdOf(1),
  parked: { at: at(1), until: at(2), cause: 'trunk-fault' },
}
const PARKED: CallerEntry = { session: TAKEN.row.id, state: 'parked', node: nodeId('east-1'), call: callIdOf(1) }
const CALL = {
  tenant: tenantId('clinic'),
  caller: '+12025550101',
  call: callIdOf(2),
  node: nodeId('west-1'),
  trunk: null,
}
const never = (): Promise<never> => new Promise(() => undefined)

describe('the look-up of a session that a caller was cut off from', () => {
  let asked: string[]
  let errors: number
  let shown: SessionRow[]

  beforeEach(() => {
    asked = []
    errors = 0
    shown = []
  })

  function parts(fields: {
    readonly entry?: () => Promise<CallerEntry | undefined>
    readonly takeUp?: () => Promise<TakenUp | null>
    readonly isAway?: boolean
    readonly asked?: number
  }): LookUpParts {
    return {
      sessions: {
        takeUp: () => {
          asked.push('takeUp')
          return fields.takeUp?.() ?? Promise.resolve(TAKEN)
        },
        putBack: async ({ row }) => void asked.push(`putBack ${row.epoch}`),
        items: async () => [{ kind: 'message', role: 'user', text: 'Hello', at: at(0) }],
      },
      index: {
        get: () => {
          asked.push('index')
          return fields.entry?.() ?? Promise.resolve(PARKED)
        },
        set: (row) => void shown.push(row),
      },
      asked: { count: fields.asked ?? 0 },
      isAway: () => fields.isAway === true,
      supersede: async ({ node }) => void asked.push(`supersede ${node}`),
      onError: () => {
        errors += 1
      },
    }
  }

  it('finds it, with what was said, and shows that it is live', async () => {
    const found = await lookUp(parts({}), CALL)
    assert.equal(found?.from, callIdOf(1))
    assert.equal(found.items.length, 1)
    assert.deepEqual(asked, ['index', 'takeUp'])
    assert.deepEqual(shown, [TAKEN.row])
  })

  it('asks PostgreSQL nothing where the shared state knows of none', async () => {
    assert.equal(await lookUp(parts({ entry: async () => undefined }), CALL), null)
    assert.deepEqual(asked, ['index'])
  })

  it('asks nobody for who is not known, nor while PostgreSQL is away, nor where too many wait for it', async () => {
    assert.equal(await lookUp(parts({}), { ...CALL, caller: '' }), null)
    assert.equal(await lookUp(parts({ isAway: true }), CALL), null)
    assert.equal(await lookUp(parts({ asked: 500 }), CALL), null)
    assert.deepEqual(asked, [])
  })

  it('asks PostgreSQL itself where the shared state is away, or slow', async () => {
    for (const entry of [() => Promise.reject(new Error('away')), never]) {
      asked = []
      assert.equal((await lookUp(parts({ entry }), CALL))?.row, TAKEN.row)
      assert.deepEqual(asked, ['index', 'takeUp'])
    }
    assert.equal(errors, 2)
  })

  it('asks the node of a live one to let go of it first', async () => {
    await lookUp(parts({ entry: async () => ({ ...PARKED, state: 'live' }) }), CALL)
    assert.deepEqual(asked, ['index', 'supersede east-1', 'takeUp'])
  })

  it('begins anew within a quarter of a second where the stores are slow, and gives back what comes too late', async () => {
    let answer: (taken: TakenUp) => void = () => undefined
    const late = new Promise<TakenUp>((resolve) => {
      answer = resolve
    })
    const startedAtMs = performance.now()
    assert.equal(await lookUp(parts({ entry: never, takeUp: () => late }), CALL), null)
    assert.ok(performance.now() - startedAtMs < 400)
    answer(TAKEN)
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.deepEqual(asked, ['index', 'takeUp', 'putBack 7'])
    assert.deepEqual(
      shown.map(({ state, callId }) => [state, callId]),
      [
        ['live', callIdOf(2)],
        ['parked', callIdOf(1)],
      ],
    )
  })

  it('begins anew where PostgreSQL fails', async () => {
    assert.equal(await lookUp(parts({ takeUp: () => Promise.reject(new Error('away')) }), CALL), null)
    assert.equal(errors, 1)
  })
})
