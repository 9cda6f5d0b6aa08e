import { type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely'
import type pg from 'pg'
import type { CallId, NodeId } from '../../lib/core/ids.ts'
import { later } from '../../lib/core/later.ts'
import type { AttemptRecord, CallRecord, TurnRecord } from '../../lib/observe/call-record.ts'
import type { TandemEvent } from '../../lib/observe/event.ts'
import type { SipTrace } from '../../lib/observe/sip-trace.ts'
import { ulidTime } from '../../lib/store/ulid-range.ts'
import type { CallQuery, CallStore } from './port.ts'
import { type CallsTable, createKysely, type Database, judgeFault } from './postgres.ts'
import { toAttempt, toCallRow, toTurn } from './rows.ts'
import { StoreError, wordsOf } from './store-error.ts'

const MAX_PAGE = 1000
/** Events and messages of one call that are shown. */
const MAX_LADDER = 10_000
/** How long a query waits for what this node has just journaled. */
const READ_YOUR_WRITES_MS = 250
/** How far the time in a call's id may be from `startedAt`: only what a query looks at depends on it. */
const ID_MARGIN_MS = 86_400_000

/** What Postgres holds, and of this node's own calls what it has just journaled too. */
export class PostgresCallStore implements CallStore {
  readonly #pool: pg.Pool
  readonly #database: Kysely<Database>
  readonly #eventsAfter: string
  readonly #caughtUp: (timeoutMs: number) => Promise<void>

  /** `eventsAfter` is the text of `sql/events-after.sql`; `caughtUp` resolves when Postgres has what was journaled so far, or rejects after the time. */
  constructor(pool: pg.Pool, eventsAfter: string, caughtUp: (timeoutMs: number) => Promise<void>) {
    this.#pool = pool
    this.#database = createKysely(pool)
    this.#eventsAfter = eventsAfter
    this.#caughtUp = caughtUp
  }

  calls(query: CallQuery): Promise<{ readonly calls: readonly CallRecord[]; readonly next: string | null }> {
    const limit = Math.min(Math.max(Math.trunc(query.limit), 1), MAX_PAGE)
    const texts = [query.tenant, query.trunk, query.from, query.to, query.session, query.sipSessionId, query.cursor]
    // Postgres refuses U+0000 in a question too; no row has it.
    if (texts.some((text) => text?.includes('\0'))) return Promise.resolve({ calls: [], next: null })
    return this.#ask(async () => {
      const rows = await filterCalls(this.#database.selectFrom('calls').selectAll(), query)
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const page = rows.slice(0, limit)
      return { calls: await this.#withLists(page), next: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
    })
  }

  call(id: CallId): Promise<CallRecord | null> {
    if (id.includes('\0')) return Promise.resolve(null)
    return this.#ask(async () => {
      const rows = await this.#database.selectFrom('calls').selectAll().where('id', '=', id).execute()
      return (await this.#withLists(rows))[0] ?? null
    })
  }

  events(callId: CallId): Promise<readonly TandemEvent[]> {
    if (callId.includes('\0')) return Promise.resolve([])
    return this.#ask(async () => {
      const rows = await this.#database
        .selectFrom('call_events')
        .select('event')
        .where('call_id', '=', callId)
        .orderBy('at')
        .orderBy('node')
        .orderBy('sequence')
        .limit(MAX_LADDER)
        .execute()
      return rows.map(({ event }) => event)
    })
  }

  ladder(callId: CallId): Promise<readonly SipTrace[]> {
    if (callId.includes('\0')) return Promise.resolve([])
    return this.#ask(async () =>
      this.#database
        .selectFrom('sip_messages')
        .select(['at', 'direction', 'protocol', 'local', 'remote', 'message'])
        .where('call_id', '=', callId)
        .orderBy('ordinal')
        .limit(MAX_LADDER)
        .execute(),
    )
  }

  eventsAfter(seen: ReadonlyMap<NodeId, number>, limit: number): Promise<readonly TandemEvent[]> {
    return this.#ask(async () => {
      const parameters = [[...seen.keys()], [...seen.values()], Math.min(Math.max(Math.trunc(limit), 1), MAX_LADDER)]
      const { rows } = await this.#pool.query<{ event: TandemEvent }>(this.#eventsAfter, parameters)
      return rows.map(({ event }) => event)
    })
  }

  eventsOf(node: NodeId, after: number, limit: number): Promise<readonly TandemEvent[]> {
    return this.#askNow(async () => {
      const rows = await this.#database
        .selectFrom('call_events')
        .select('event')
        .where('node', '=', node)
        .where('sequence', '>', after)
        .orderBy('sequence')
        .limit(Math.min(Math.max(Math.trunc(limit), 1), MAX_LADDER))
        .execute()
      return rows.map(({ event }) => event)
    })
  }

  lastEventOf(node: NodeId): Promise<number | null> {
    return this.#askNow(async () => {
      const row = await this.#database
        .selectFrom('call_events')
        .select('sequence')
        .where('node', '=', node)
        .orderBy('sequence', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row?.sequence ?? null
    })
  }

  async #withLists(rows: readonly Selectable<CallsTable>[]): Promise<CallRecord[]> {
    const ids = rows.map(({ id }) => id)
    if (ids.length === 0) return []
    const [attempts, turns] = await Promise.all([this.#attemptsOf(ids), this.#turnsOf(ids)])
    return rows.map((row) => ({
      ...toCallRow(row),
      attempts: attempts.get(row.id) ?? [],
      transcript: turns.get(row.id) ?? [],
    }))
  }

  async #attemptsOf(ids: readonly string[]): Promise<ReadonlyMap<string, AttemptRecord[]>> {
    const rows = await this.#database
      .selectFrom('attempts')
      .selectAll()
      .where('call_id', 'in', ids)
      .orderBy('ordinal')
      .execute()
    return group(rows, toAttempt)
  }

  async #turnsOf(ids: readonly string[]): Promise<ReadonlyMap<string, TurnRecord[]>> {
    const rows = await this.#database
      .selectFrom('turns')
      .selectAll()
      .where('call_id', 'in', ids)
      // By when it was said: what the agent said is known only once it has been heard.
      .orderBy('at')
      .orderBy('ordinal')
      .execute()
    return group(rows, toTurn)
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    await this.#caughtUp(READ_YOUR_WRITES_MS).catch(() => undefined) // Behind: what is there is better than nothing.
    return this.#askNow(question)
  }

  async #askNow<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question()
    } catch (error) {
      const code = judgeFault(error) === 'away' ? 'postgres-away' : 'postgres-refused'
      throw new StoreError(code, `Postgres: ${wordsOf(error)}`, error)
    }
  }
}

type CallsQuery = SelectQueryBuilder<Database, 'calls', Selectable<CallsTable>>

function filterCalls(calls: CallsQuery, query: CallQuery): CallsQuery {
  const { active, tenant, trunk, from, to, cause, state, session, sipSessionId, since, until, cursor } = query
  if (active !== undefined) calls = calls.where('state', active ? '<>' : '=', 'ended')
  if (tenant !== undefined) calls = calls.where('tenant', '=', tenant)
  if (trunk !== undefined) calls = calls.where('trunk', '=', trunk)
  if (from !== undefined) calls = calls.where('from_number', '=', from)
  if (to !== undefined) calls = calls.where('to_number', '=', to)
  if (cause !== undefined) calls = calls.where('end_cause', '=', cause)
  if (state !== undefined) calls = calls.where('state', '=', state)
  if (session !== undefined) calls = calls.where('session_id', '=', session)
  if (sipSessionId !== undefined) {
    const isAt = (end: 'left' | 'right') => sql<boolean>`${sql.raw(end)}(sip_session_id, 32) = ${sipSessionId}`
    calls = calls.where((where) => where.or([isAt('left'), isAt('right')]))
  }
  if (cursor !== undefined) calls = calls.where('id', '<', cursor)
  // The bounds on the id spare Postgres the partitions of other months.
  if (since !== undefined) {
    calls = calls.where('started_at', '>=', since).where('id', '>=', ulidTime(later(since, -ID_MARGIN_MS)))
  }
  if (until !== undefined) {
    calls = calls.where('started_at', '<', until).where('id', '<', ulidTime(later(until, ID_MARGIN_MS)))
  }
  return calls
}

function group<Row extends { readonly call_id: string }, T>(
  rows: readonly Row[],
  map: (row: Row) => T,
): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const own = groups.get(row.call_id)
    if (own === undefined) groups.set(row.call_id, [map(row)])
    else own.push(map(row))
  }
  return groups
}
