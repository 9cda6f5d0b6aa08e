import assert from 'node:assert/strict'
import { CallerIndex } from '../../../app/session/caller-index.ts'
import { parkDead } from '../../../app/session/park.ts'
import { SessionBook } from '../../../app/session/session-book.ts'
import type { PastItem } from '../../../lib/agent/past.ts'
import { type SessionId, tenantId } from '../../../lib/core/ids.ts'
import type { SessionItem, SessionRow } from '../../../lib/session/record.ts'
import type { ResumePolicy } from '../../../lib/session/session.ts'
import { at, callIdOf, sessionRow } from '../../helpers/records.ts'

const clinic = tenantId('clinic')
const CALLER = '+12025550101'
const WINDOW_MS = 900_000
const policy: ResumePolicy = { windowMs: WINDOW_MS, resumeOn: 'fault' }
const said = (text: string): PastItem => ({ kind: 'message', role: 'user', text, at: at(0) })

/** A shared state in memory that can be away, and comes back when it is told to. */
function sharedState() {
  const entries = new Map<string, { value: unknown; ttlMs: number }>()
  const listeners = new Set<(change: { state: 'up' }) => void>()
  const ask = async <T>(answer: () => T): Promise<T> => {
    if (shared.away) throw new Error('away')
    return answer()
  }
  const shared = {
    away: false,
    entries,
    put: (key: string, value: unknown, ttlMs: number) => ask(() => void entries.set(key, { value, ttlMs })),
    get: (key: string) => ask(() => entries.get(key)?.value),
    delete: (key: string) => ask(() => void entries.delete(key)),
    onState: (listener: (change: { state: 'up' }) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    comeBack: () => {
      shared.away = false
      for (const listener of listeners) listener({ state: 'up' })
    },
  }
  return shared
}

/** What the microtasks of a shared state in memory take. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the session of a call', () => {
  let rows: SessionRow[]
  let items: [SessionId, number, SessionItem][]
  let shared: ReturnType<typeof sharedState>
  let index: CallerIndex

  beforeEach(() => {
    rows = []
    items = []
    shared = sharedState()
    index = new CallerIndex(shared)
  })

  afterEach(() => index.close())

  const book = (first: SessionRow = sessionRow(1)): SessionBook =>
    new SessionBook(
      {
        journal: { session: (row) => void rows.push(row), item: (...item) => void items.push(item) },
        index,
        policy: () => policy,
      },
      first,
    )

  it('is on record from the answer on, and parked when the leg is lost', async () => {
    const session = book()
    assert.deepEqual(rows, [])
    session.began(sessionRow(1).trunk)
    const left = session.leave('trunk-fault', new Date())
    assert.deepEqual(
      rows.map(({ state, revision }) => [state, revision]),
      [
        ['live', 2],
        ['parked', 3],
      ],
    )
    assert.equal(left, rows[1])
    await settled()
    const { id: session1, node, callId: call } = left
    assert.deepEqual(await index.get(clinic, CALLER), { session: session1, state: 'parked', node, call })
    const ttlMs = shared.entries.get(`caller:clinic:${CALLER}`)?.ttlMs ?? 0
    assert.ok(ttlMs > WINDOW_MS - 5_000 && ttlMs <= WINDOW_MS, `${ttlMs}`)
  })

  it('leaves nothing behind when somebody hung up', async () => {
    const session = book()
    session.began(sessionRow(1).trunk)
    await settled()
    assert.equal((await index.get(clinic, CALLER))?.state, 'live')
    session.leave('normal', at(1))
    await settled()
    assert.equal(await index.get(clinic, CALLER), undefined)
    assert.equal(rows.at(-1)?.state, 'ended')
  })

  it('is not on record where the call was never answered', () => {
    const session = book()
    session.leave('cancelled', at(1))
    assert.deepEqual(rows, [])
  })

  it('gives what is said ordinals of its owner’s own', () => {
    for (const [revision, want] of [
      [0, [0, 1]],
      [2_000_000, [2_000_000, 2_000_001]],
    ] as const) {
      items = []
      const session = book(sessionRow(1, { revision }))
      for (const text of ['Hello', 'there']) session.item(said(text))
      assert.deepEqual(
        items.map(([, ordinal]) => ordinal),
        want,
      )
    }
    assert.deepEqual(items[0]?.[2], { callId: callIdOf(1), item: said('Hello') })
  })

  it('keeps what the agent notes, at once and for whoever goes on with it', () => {
    const session = book(sessionRow(1, { variables: { caller: CALLER } }))
    session.variable('early', '1')
    assert.equal(rows.length, 0)
    session.began(sessionRow(1).trunk)
    session.variable('order', 'A7')
    session.leave('trunk-fault', at(1))
    session.variable('late', '2')
    const want = { caller: CALLER, early: '1', order: 'A7' }
    assert.deepEqual(
      rows.map(({ revision, variables }) => [revision, variables]),
      [
        [2, { caller: CALLER, early: '1' }],
        [3, want],
        [4, want],
      ],
    )
  })

  it('writes nothing any more when it is another owner’s', () => {
    const session = book()
    session.began(sessionRow(1).trunk)
    session.lost()
    session.item(said('Hello'))
    session.leave('trunk-fault', at(1))
    assert.equal(rows.length, 1)
    assert.deepEqual(items, [])
  })

  it('never shows who is nobody', async () => {
    const session = book(sessionRow(1, { caller: '' }))
    session.began(sessionRow(1).trunk)
    session.leave('trunk-fault', at(1))
    await settled()
    assert.equal(shared.entries.size, 0)
    assert.equal(rows.at(-1)?.state, 'ended')
  })

  it('is shown anew when the shared state is back', async () => {
    shared.away = true
    book().began(sessionRow(1).trunk)
    await settled()
    assert.equal(shared.entries.size, 0)
    shared.comeBack()
    await settled()
    assert.equal((await index.get(clinic, CALLER))?.state, 'live')
  })

  it('is shown as it stands at last, however slow the shared state is, and still when the node stops', async () => {
    const slow = sharedState()
    const { put } = slow
    let delayMs = 60
    slow.put = async (...args) => {
      delayMs -= 30
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      return put(...args)
    }
    const other = new CallerIndex(slow)
    other.set(sessionRow(1))
    other.set(sessionRow(1, { state: 'parked', resumableUntil: new Date(Date.now() + 60_000) }))
    await other.close()
    assert.equal((await other.get(clinic, CALLER))?.state, 'parked')
  })

  it('is shown as parked again when the shared state has forgotten all', async () => {
    const session = book()
    session.began(sessionRow(1).trunk)
    session.leave('trunk-fault', new Date())
    await settled()
    shared.entries.clear()
    shared.comeBack()
    await settled()
    assert.equal((await index.get(clinic, CALLER))?.state, 'parked')
  })

  it('leaves the entry of another call of that number alone', async () => {
    const first = book()
    first.began(sessionRow(1).trunk)
    book(sessionRow(2)).began(sessionRow(1).trunk)
    first.leave('normal', at(1))
    await settled()
    assert.equal((await index.get(clinic, CALLER))?.call, callIdOf(2))
  })

  it('goes on with another call and another person, and nobody is shown by the number of the one before', async () => {
    const session = book()
    session.began(sessionRow(1).trunk)
    session.item(said('Hello'))
    await settled()
    session.passOn({ callId: callIdOf(2), caller: '+12025550150', trunk: null, variables: { called: 'ward' } })
    session.item(said('again'))
    await settled()
    await settled()
    assert.equal(await index.get(clinic, CALLER), undefined)
    assert.equal((await index.get(clinic, '+12025550150'))?.call, callIdOf(2))
    assert.deepEqual(
      items.map(([, ordinal, { callId }]) => [ordinal, callId]),
      [
        [0, callIdOf(1)],
        [1, callIdOf(2)],
      ],
    )
    session.passOn({ callId: callIdOf(3), caller: '', trunk: null, variables: {} })
    await settled()
    await settled()
    assert.equal(shared.entries.size, 0)
    session.end('busy')
    session.end('normal')
    assert.deepEqual(
      rows.map(({ revision, state, caller, cause }) => [revision, state, caller, cause]),
      [
        [2, 'live', CALLER, null],
        [3, 'live', '+12025550150', null],
        [4, 'live', '', null],
        [5, 'ended', '', 'busy'],
      ],
    )
  })

  it('takes what is no entry for none', async () => {
    for (const value of [null, 'x', {}, { session: 1 }, { session: 's', node: 'n', call: 'c', state: 'odd' }]) {
      shared.entries.set(`caller:clinic:${CALLER}`, { value, ttlMs: 1 })
      assert.equal(await index.get(clinic, CALLER), undefined)
    }
  })
})

describe('the session of a call whose owner is gone', () => {
  const dead = { session: sessionRow(1).id, call: callIdOf(1), epoch: 7 }

  const parkWith = async (found: SessionRow | null, wanted = policy) => {
    const shown: SessionRow[] = []
    const untils: (Date | null)[] = []
    const sessions = {
      read: async () => found,
      park: async (_dead: typeof dead, _cause: string, _at: Date, until: Date | null) => {
        untils.push(until)
        return found
      },
    }
    const row = await parkDead(
      { sessions, index: { set: (set) => void shown.push(set) }, policyOf: () => wanted },
      dead,
      'node-lost',
      at(0),
    )
    return { row, shown, untils }
  }

  it('can be resumed for the tenant’s window, and the shared state says so', async () => {
    const { shown, untils } = await parkWith(sessionRow(1))
    assert.deepEqual(untils, [at(WINDOW_MS)])
    assert.equal(shown.length, 1)
  })

  it('is over where nobody could be told apart, or the tenant resumes nothing', async () => {
    assert.deepEqual((await parkWith(sessionRow(1, { caller: '' }))).untils, [null])
    assert.deepEqual((await parkWith(sessionRow(1), { ...policy, windowMs: 0 })).untils, [null])
  })

  it('is none where it was never on record', async () => {
    assert.deepEqual(await parkWith(null), { row: null, shown: [], untils: [] })
  })
})
