import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { createLog } from '../../../app/observe/log.ts'
import { Parts } from '../../../app/parts.ts'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { startRetention } from '../../../app/store/start-retention.ts'
import { type Store, startStore } from '../../../app/store/store.ts'
import { nodeId, sessionId, tenantId } from '../../../lib/core/ids.ts'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import type { Removal, Scope } from '../../../lib/store/retention.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { at, attempt, callIdOf, callRow, ended, sessionRow, trace, turn } from '../../helpers/records.ts'
import { emptyCalls } from '../../helpers/store.ts'
import { until } from '../../helpers/until.ts'

const HOUR_MS = 3_600_000
const EVERYBODY: Scope = { tenants: [], isAllBut: true }
const running = new AbortController().signal

/** Everything that a store has of a call, in numbers of rows. */
const TABLES = ['calls', 'attempts', 'turns', 'sip_messages', 'call_events', 'sessions', 'session_items'] as const

describe('what was kept long enough', function () {
  this.timeout(60_000)
  let postgres: TestPostgres
  let store: Store
  let dataDir: string

  before(async () => {
    postgres = await startPostgres()
    await prepareDatabase(postgres.url, at(0))
  })

  after(() => postgres.stop())

  beforeEach(async () => {
    dataDir = await tempFolder()
    store = await startStore({ postgres: postgres.url, dataDir, node: nodeId('east-1') })
  })

  afterEach(async () => {
    await store.close()
    await rm(dataDir, { recursive: true, force: true })
    await emptyCalls(postgres.url)
    await askOnce(postgres.url, (client) => client.query('truncate sessions, session_items'))
  })

  /** A call that began so many hours after the beginning, with one of everything that belongs to one. */
  function tell(n: number, hours: number, fields: Partial<CallRow> = {}, isParked = false): string {
    const startedAt = at(hours * HOUR_MS)
    const id = callIdOf(n, startedAt)
    const { journal } = store
    const row = callRow(n, { startedAt, ...ended(2, startedAt), ...fields })
    journal.call(row)
    journal.attempt(id, 1, attempt())
    journal.turn(id, 1, turn('Good morning.'))
    journal.sip(id, 1, trace('INVITE sip:a@192.0.2.1 SIP/2.0'))
    journal.sip(id, 2, trace('INFO sip:a@192.0.2.1 SIP/2.0\r\n\r\nSignal=5'))
    journal.event({ event: 'call.incoming', call: id })
    journal.event({ event: 'dtmf', call: id, digit: '5' })
    const session = sessionId(id)
    const parked = { state: 'parked', parkedAt: startedAt, resumableUntil: new Date('2100-01-01') } as const
    journal.session(
      sessionRow(n, {
        ...{ id: session, callId: id, beganAt: startedAt, state: 'ended', variables: { name: 'Ada' } },
        ...(isParked && parked),
      }),
    )
    journal.item(session, 1, { callId: id, item: { kind: 'message', at: startedAt, role: 'user', text: 'Hello.' } })
    return id
  }

  const sweep = async (what: Removal['what'], hours: number, scope: Scope = EVERYBODY) => {
    await store.journal.written(10_000)
    return store.forgetting.sweep([{ what, scope, before: at(hours * HOUR_MS) }], running)
  }

  const countOf = async (): Promise<Readonly<Record<string, number>>> => {
    const text = TABLES.map((table) => `(select count(*)::int from ${table}) as ${table}`).join(', ')
    const { rows } = await askOnce(postgres.url, (client) => client.query<Record<string, number>>(`select ${text}`))
    return rows[0] ?? {}
  }

  const callsLeft = async (): Promise<readonly string[]> => {
    const text = 'select id from calls order by id'
    const { rows } = await askOnce(postgres.url, (client) => client.query<{ id: string }>(text))
    return rows.map(({ id }) => id)
  }

  it('goes with all that belongs to it, and what is younger stays whole', async () => {
    tell(1, 0)
    const young = tell(2, 5)
    assert.deepEqual(await sweep('records', 3), { records: 1, transcripts: 0 })
    assert.deepEqual(await callsLeft(), [young])
    const one = { calls: 1, attempts: 1, turns: 1, sip_messages: 2, call_events: 2, sessions: 1, session_items: 1 }
    assert.deepEqual(await countOf(), one)
  })

  it('is what was said, pressed and noted, where the record stays', async () => {
    tell(1, 0)
    assert.deepEqual(await sweep('transcripts', 3), { records: 0, transcripts: 1 })
    const left = { calls: 1, attempts: 1, turns: 0, sip_messages: 1, call_events: 1, sessions: 1, session_items: 0 }
    assert.deepEqual(await countOf(), left)
    const session = await store.sessions.read(sessionId(callIdOf(1, at(0))))
    assert.deepEqual(session?.variables, {})
    assert.deepEqual(await sweep('transcripts', 3), { records: 0, transcripts: 0 })
  })

  it('is not a call on the line, nor one whose session may be resumed', async () => {
    const live = tell(1, 0, { state: 'active', endedAt: null, end: null })
    const parked = tell(2, 1, {}, true)
    assert.deepEqual(await sweep('records', 3), { records: 0, transcripts: 0 })
    assert.deepEqual(await sweep('transcripts', 3), { records: 0, transcripts: 0 })
    assert.deepEqual(await callsLeft(), [live, parked])
  })

  it('is that of the tenants that are meant, or of all but them', async () => {
    const clinic = tell(1, 0)
    const bank = tell(2, 0, { tenant: tenantId('bank') })
    const nobody = tell(3, 0, { tenant: null })
    await sweep('records', 3, { tenants: ['bank'], isAllBut: false })
    assert.deepEqual(await callsLeft(), [clinic, nobody])
    await sweep('records', 3, { tenants: ['clinic'], isAllBut: true })
    assert.deepEqual(await callsLeft(), [clinic])
    assert.notEqual(clinic, bank)
  })

  it('is found also where it is more than a statement removes, and where a journal brought it late', async () => {
    for (let n = 1; n <= 1_201; n++) store.journal.call(callRow(n, { ...ended(2, at(n)) }))
    assert.equal((await sweep('records', 3)).records, 1_201)
    tell(2_000, 0)
    assert.equal((await sweep('records', 4)).records, 1)
  })

  it('is removed once by two nodes that look for it at a time', async () => {
    for (let n = 1; n <= 1_100; n++) store.journal.call(callRow(n, { ...ended(2, at(n)) }))
    const [one, other] = await Promise.all([sweep('records', 3), sweep('records', 3)])
    assert.equal((one?.records ?? 0) + (other?.records ?? 0), 1_100)
    assert.deepEqual(await callsLeft(), [])
  })

  it('goes when a node starts, and the audit has how many', async () => {
    tell(1, 0)
    await store.journal.written(10_000)
    const failures: unknown[] = []
    const parts = new Parts((_part, error) => failures.push(error))
    const retention = { recordsMs: HOUR_MS, transcriptsMs: null }
    const config = { store: { retention }, tenants: [] }
    startRetention({ config: () => config, store, log: createLog({ level: 'silent' }) }, parts)
    const deeds = async () =>
      (await store.audit.page(10, null)).entries.filter(({ action }) => action === 'records.expire')
    await until(async () => (await deeds()).length > 0, 'the audit to have it')
    await parts.close()
    assert.deepEqual(failures, [])
    assert.deepEqual(
      (await deeds()).map(({ details }) => details),
      [{ records: 1, transcripts: 0 }],
    )
    assert.deepEqual(await callsLeft(), [])
  })

  it('takes events of no call along with records', async () => {
    store.journal.event({ event: 'trunk.state' })
    await store.journal.written(10_000)
    // The journal gives events the time of now.
    await sweep('records', 3)
    assert.equal((await countOf()).call_events, 1)
    await store.forgetting.sweep(
      [{ what: 'records', scope: EVERYBODY, before: new Date(Date.now() + HOUR_MS) }],
      running,
    )
    assert.equal((await countOf()).call_events, 0)
  })
})
