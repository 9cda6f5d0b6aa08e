import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { prepareDatabase } from '../../app/store/migrate.ts'
import { askOnce } from '../../app/store/postmaster.ts'
import { type Store, startStore } from '../../app/store/store.ts'
import type { PastItem } from '../../lib/agent/past.ts'
import { nodeId, tenantId, trunkId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { at, callIdOf, callRow, ended, sessionRow } from '../helpers/records.ts'

const MINUTE_MS = 60_000

/** What every PostgreSQL keeps of sessions, and whom it gives one to. `url` names a database that is the suite's alone. */
export function describeDurableSessions(name: string, url: () => string): void {
  describe(`sessions in ${name}`, function () {
    this.timeout(60_000)
    let dataDir: string
    let store: Store

    before(() => prepareDatabase(url(), at(0)))

    beforeEach(async () => {
      dataDir = await tempFolder()
      store = await startStore({ postgres: url(), dataDir, node: nodeId('east-1') })
    })

    afterEach(async () => {
      await store.close()
      await rm(dataDir, { recursive: true, force: true })
      await askOnce(url(), (client) => client.query('truncate sessions, session_items'))
    })

    const ago = (ms: number): Date => new Date(Date.now() - ms)

    /** The n-th session, parked so long ago and resumable for a quarter of an hour, as Postgres then has it. */
    async function park(n: number, agoMs: number, fields: Partial<SessionRow> = {}): Promise<SessionRow> {
      const parkedAt = ago(agoMs)
      const row = sessionRow(n, {
        revision: 5,
        state: 'parked',
        cause: 'trunk-fault',
        beganAt: ago(agoMs + 1000),
        parkedAt,
        resumableUntil: new Date(parkedAt.getTime() + 15 * MINUTE_MS),
        ...fields,
      })
      await write(row)
      return row
    }

    async function write(...rows: readonly SessionRow[]): Promise<void> {
      for (const row of rows) store.journal.session(row)
      await store.journal.written(5000)
    }

    const redial = (n: number) =>
      store.sessions.takeUp({
        tenant: tenantId('clinic'),
        caller: '+12025550101',
        call: callIdOf(n),
        node: nodeId('west-1'),
        trunk: trunkId('beta'),
      })

    it('stand as they were journaled', async () => {
      const row = await park(1, 1000)
      assert.deepEqual(await store.sessions.read(row.id), row)
      assert.equal(await store.sessions.read(sessionRow(2).id), null)
    })

    it('are those of the latest term, and within one of the newest revision', async () => {
      const rows = [
        sessionRow(1, { epoch: 2, revision: 3, agent: 'want' }),
        sessionRow(1, { epoch: 2, revision: 2 }),
        sessionRow(1, { epoch: 1, revision: 9 }),
      ]
      for (const order of [rows, rows.toReversed()]) {
        await write(...order) // In one batch,
        for (const row of order) await write(row) // and one by one.
        assert.equal((await store.sessions.read(sessionRow(1).id))?.agent, 'want')
        await askOnce(url(), (client) => client.query('truncate sessions'))
      }
    })

    it('give their items back in the order in which they were told, each once', async () => {
      const { id, callId } = sessionRow(1)
      const items: PastItem[] = [
        { kind: 'message', role: 'user', text: 'Find Ann.\0', at: at(1) },
        { kind: 'toolCall', callId: 'c1', name: 'lookup', arguments: '{"name":"Ann"}', at: at(2) },
        { kind: 'toolOutput', callId: 'c1', output: 'Room 7', at: at(3) },
        { kind: 'message', role: 'assistant', text: 'She is in', at: at(4) },
      ]
      for (const [ordinal, item] of items.entries()) store.journal.item(id, ordinal, { callId, item })
      store.journal.item(id, 3, { callId, item: { kind: 'message', role: 'assistant', text: 'Late', at: at(5) } })
      store.journal.item(id, 1_000_000, { callId, item: { kind: 'message', role: 'user', text: 'Hello?', at: at(0) } })
      await store.journal.written(5000)
      const told = await store.sessions.items(id)
      assert.deepEqual(told.slice(1, 4), items.slice(1))
      assert.deepEqual(told[0], { ...items[0], text: 'Find Ann.\ufffd' })
      assert.equal(told[4]?.at.getTime(), at(0).getTime())
      assert.equal(told.length, 5)
    })

    it('are taken up by the caller who was cut off, in a term of their own', async () => {
      const parked = await park(1, 1000)
      const taken = await redial(2)
      assert.deepEqual(taken?.from, parked.callId)
      assert.deepEqual(taken.parked, { at: parked.parkedAt, until: parked.resumableUntil, cause: 'trunk-fault' })
      const { epoch, revision, ...row } = taken.row
      assert.ok(epoch > 0)
      assert.equal(revision, 1_000_000)
      const {
        epoch: _epoch,
        revision: _revision,
        ...live
      } = sessionRow(1, {
        callId: callIdOf(2),
        node: nodeId('west-1'),
        trunk: trunkId('beta'),
        beganAt: parked.beganAt,
      })
      assert.deepEqual(row, live)
      await write({ ...parked, revision: 6, state: 'ended' })
      assert.deepEqual(await store.sessions.read(parked.id), taken.row, 'what the owner before writes comes too late')
    })

    it('are taken up by one of twenty calls at once', async () => {
      await park(1, 1000)
      const taken = await Promise.all(Array.from({ length: 20 }, (_, n) => redial(n + 2)))
      assert.equal(taken.filter((each) => each !== null).length, 1)
    })

    it('are not taken up by calls at once even where an older one of that caller is parked', async () => {
      await park(1, 5 * MINUTE_MS)
      await park(2, 1000)
      const taken = await Promise.all(Array.from({ length: 20 }, (_, n) => redial(n + 3)))
      const ids = taken.flatMap((each) => (each === null ? [] : [each.row.id]))
      assert.equal(new Set(ids).size, ids.length, 'none twice')
      assert.ok(ids.includes(sessionRow(2).id), 'the newest first')
    })

    it('are nobody’s where two conversations of a number were cut off at once', async () => {
      await park(1, 1000, { beganAt: ago(MINUTE_MS) })
      await park(2, 2000, { beganAt: ago(MINUTE_MS) })
      assert.equal(await redial(3), null)
    })

    const strangers: [why: string, fields: Partial<SessionRow>][] = [
      ['another number', { caller: '+12025550102' }],
      ['no number', { caller: '' }],
      ['another tenant', { tenant: tenantId('bank') }],
      ['a window that is over', { resumableUntil: ago(1) }],
      ['a live one', { state: 'live', parkedAt: null, resumableUntil: null }],
      ['one that ended', { state: 'ended', parkedAt: null, resumableUntil: null }],
    ]
    for (const [why, fields] of strangers) {
      it(`are not taken up: ${why}`, async () => {
        await park(1, 1000, fields)
        assert.equal(await redial(2), null)
      })
    }

    it('go back to where they were when the call that took them up never came to them', async () => {
      const parked = await park(1, 1000)
      const taken = await redial(2)
      assert.ok(taken)
      await store.sessions.putBack(taken)
      const back = await store.sessions.read(parked.id)
      assert.ok(back)
      for (const field of ['state', 'callId', 'parkedAt', 'resumableUntil', 'cause'] as const) {
        assert.deepEqual(back[field], parked[field], field)
      }
      assert.equal((await redial(3))?.from, parked.callId)
      await store.sessions.putBack(taken)
      assert.equal((await store.sessions.read(parked.id))?.state, 'live', 'a later owner keeps it')
    })

    it('are parked for a call whose owner is gone, unless they are on another call by then', async () => {
      const row = sessionRow(1)
      await write(row)
      const dead = { session: row.id, call: row.callId, epoch: 7 }
      const until = new Date(Date.now() + MINUTE_MS)
      assert.equal(await store.sessions.park({ ...dead, call: callIdOf(9) }, 'node-lost', at(9), until), null)
      const parked = await store.sessions.park(dead, 'node-lost', at(9), until)
      assert.deepEqual([parked?.state, parked?.parkedAt, parked?.resumableUntil], ['parked', at(9), until])
      assert.equal(await store.sessions.park(dead, 'node-lost', at(9), until), null, 'once')
      await write({ ...row, revision: 99 })
      assert.equal((await store.sessions.read(row.id))?.state, 'parked', 'the dead owner’s writes come too late')
    })

    it('end for a call whose owner is gone, where nobody is to resume them', async () => {
      const row = sessionRow(1)
      await write(row)
      const ended = await store.sessions.park({ session: row.id, call: row.callId, epoch: 7 }, 'node-lost', at(9), null)
      assert.deepEqual([ended?.state, ended?.parkedAt, ended?.resumableUntil], ['ended', null, null])
    })

    it('go with a live call that is taken over', async () => {
      const row = sessionRow(1)
      await write(row)
      const call = { session: row.id, call: row.callId, epoch: 7 }
      const taken = await store.sessions.takeOver(call, nodeId('west-1'))
      assert.deepEqual(taken, { ...row, epoch: 7, revision: 1_000_000, node: 'west-1' })
      assert.equal(await store.sessions.takeOver({ ...call, epoch: 6 }, nodeId('north-1')), null)
    })

    it('end when nobody has taken them up in time', async () => {
      const over = await park(1, 1000, { resumableUntil: ago(1) })
      const waiting = await park(2, 1000)
      for (let again = 0; again < 2; again++) await store.sessions.expire()
      assert.equal(store.sessions.expired, 1)
      assert.equal((await store.sessions.read(over.id))?.state, 'ended')
      assert.equal((await store.sessions.read(waiting.id))?.state, 'parked')
    })

    it('ends those that are live on a call that is over, or is in another session, and no others', async () => {
      const row = (n: number) => sessionRow(n, { beganAt: ago(5 * MINUTE_MS) })
      const call = (n: number, fields: Partial<CallRow>) => callRow(n, { answeredAt: ago(4 * MINUTE_MS), ...fields })
      store.journal.call(call(1, ended(2, ago(2 * MINUTE_MS))))
      store.journal.call(call(2, { session: { id: row(1).id, resumedFrom: null } }))
      store.journal.call(call(3, ended(2, ago(1000))))
      store.journal.call(call(4, {}))
      await write(row(1), row(2), row(3), row(4), row(5))
      await store.sessions.expire()
      const states = [1, 2, 3, 4, 5].map(async (n) => (await store.sessions.read(row(n).id))?.state)
      assert.deepEqual(await Promise.all(states), ['ended', 'ended', 'live', 'live', 'live'])
      await askOnce(url(), (client) => client.query('truncate calls'))
    })
  })
}
