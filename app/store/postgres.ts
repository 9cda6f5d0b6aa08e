import { type ColumnType, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { AgentRecord, CallState, EndCause, EndedBy, MediaRecord, Speaker } from '../../lib/observe/call-record.ts'
import type { TandemEvent } from '../../lib/observe/event.ts'

/** Tables as `migrations/` makes them, as far as queries in TypeScript read them. */
export interface Database {
  calls: CallsTable
  attempts: AttemptsTable
  turns: TurnsTable
  sip_messages: SipMessagesTable
  call_events: CallEventsTable
}

/** Written by the statements in `sql/` only. */
type ReadOnly<T> = ColumnType<T, never, never>

export interface CallsTable {
  id: ReadOnly<string>
  revision: ReadOnly<number>
  epoch: ReadOnly<number>
  /** Who may act for the call; null: the row's node. */
  owner: ReadOnly<string | null>
  /** The epoch in which the owner writes rows. */
  owner_term: ReadOnly<number>
  /** Tells one claim from the next. */
  owner_epoch: ReadOnly<number>
  tenant: ReadOnly<string | null>
  direction: ReadOnly<'inbound' | 'outbound'>
  from_number: ReadOnly<string>
  to_number: ReadOnly<string>
  raw: ReadOnly<{ from: string; to: string }>
  node: ReadOnly<string>
  trunk: ReadOnly<string | null>
  state: ReadOnly<CallState>
  started_at: ReadOnly<Date>
  answered_at: ReadOnly<Date | null>
  ended_at: ReadOnly<Date | null>
  ended_by: ReadOnly<EndedBy | null>
  end_sip: ReadOnly<number | null>
  end_cause: ReadOnly<EndCause | null>
  sip_call_id: ReadOnly<string>
  sip_session_id: ReadOnly<string | null>
  attestation: ReadOnly<string | null>
  session_id: ReadOnly<string>
  resumed_from: ReadOnly<string | null>
  agent: ReadOnly<AgentRecord | null>
  media: ReadOnly<MediaRecord | null>
  recording: ReadOnly<string | null>
  errand: ReadOnly<string | null>
}

interface AttemptsTable {
  call_id: ReadOnly<string>
  ordinal: ReadOnly<number>
  trunk: ReadOnly<string | null>
  target: ReadOnly<string>
  started_at: ReadOnly<Date>
  sip: ReadOnly<number | null>
  reason: ReadOnly<string | null>
  pdd_ms: ReadOnly<number | null>
}

interface TurnsTable {
  call_id: ReadOnly<string>
  ordinal: ReadOnly<number>
  at: ReadOnly<Date>
  who: ReadOnly<Speaker>
  text: ReadOnly<string>
}

interface SipMessagesTable {
  call_id: ReadOnly<string>
  ordinal: ReadOnly<number>
  at: ReadOnly<Date>
  direction: ReadOnly<'in' | 'out'>
  protocol: ReadOnly<'udp' | 'tcp' | 'tls'>
  local: ReadOnly<string>
  remote: ReadOnly<string>
  message: ReadOnly<string>
}

interface CallEventsTable {
  node: ReadOnly<string>
  sequence: ReadOnly<number>
  at: ReadOnly<Date>
  call_id: ReadOnly<string | null>
  event: ReadOnly<TandemEvent>
}

/** Of a process of a node; docs/production.md says what Postgres has to allow. */
const MAX_CONNECTIONS = 8
const CONNECT_TIMEOUT_MS = 5000
/** Postgres ends a statement after this. */
const STATEMENT_TIMEOUT_MS = 15_000
/** The client gives a connection up on which nothing was answered for so long. */
export const QUERY_TIMEOUT_MS = 20_000
const KEEP_ALIVE_DELAY_MS = 10_000

/** Sequences, revisions and counts stay below 2^53, so int8 is read as a number. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)),
}

/** How every connection to Postgres is made: `postgres://` over TCP, or `…?host=/folder` over a unix socket. */
export function connectionConfig(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'tandem',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    types,
  }
}

/** A pool of connections; `onLost` hears when Postgres ends an idle one, which must not end the process. */
export function createPool(url: string, onLost: (error: Error) => void): pg.Pool {
  return poolOf(
    {
      ...connectionConfig(url),
      max: MAX_CONNECTIONS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
    },
    onLost,
  )
}

/** A pool of whose connections none can end the process: pg-pool listens to idle ones alone, and Node ends on an `error` unheard. */
export function poolOf(config: pg.PoolConfig, onLost: (error: Error) => void = () => undefined): pg.Pool {
  const pool = new pg.Pool(config)
  pool.on('error', onLost)
  // One in use tells by the rejection of what is asked of it.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  return pool
}

export const createKysely = <Tables>(pool: pg.Pool): Kysely<Tables> =>
  new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })

/** What a failed statement means for the one who sent it. */
export type PostgresFault =
  /** The values cannot be stored, now or ever. */
  | 'poison'
  /** Postgres is away, busy, restarting or full: the same may work later. */
  | 'away'
  /** Wrong password, no such database, missing permission, other schema: a person must act. */
  | 'refused'

/** Classes of SQLSTATE: data exception, integrity constraint, program limit. */
const POISON = /^(?:22|23|54)/
/** Invalid authorization, invalid catalog or schema name, access rule or syntax; all of them ours or the operator's. */
const REFUSED = /^(?:28|3D|3F|42)/

/** Judges an error by its SQLSTATE (PostgreSQL manual, Appendix A); what has none comes from the network. */
export function judgeFault(error: unknown): PostgresFault {
  const sqlState = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
  if (POISON.test(sqlState)) return 'poison'
  return REFUSED.test(sqlState) ? 'refused' : 'away'
}
