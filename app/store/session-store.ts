import type { PastItem } from '../../lib/agent/past.ts'
import type { CallId, NodeId, SessionId, TenantId, TrunkId } from '../../lib/core/ids.ts'
import { callId, nodeId, sessionId, tenantId, trunkId } from '../../lib/core/ids.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import type { SessionRow, SessionState } from '../../lib/session/record.ts'
import type { Statements } from './statements.ts'

/** A session that a call has taken up, and what it was before. */
export interface TakenUp {
  readonly row: SessionRow
  /** The call before. */
  readonly from: CallId
  /** What the session goes back to where the call never comes to it. */
  readonly parked: { readonly at: Date; readonly until: Date; readonly cause: EndCause | null }
}

/** The session of a call whose owner is gone. */
export interface DeadCall {
  readonly session: SessionId
  readonly call: CallId
  /** The term in which the call is closed or taken over, drawn from the sequence `epochs`. */
  readonly epoch: number
}

/** More of a conversation than its agent would be told (MAX_HISTORY_ITEMS in lib/agent/history.ts); the newest of it. */
const MAX_ITEMS = 1_000
/** Sessions that one statement ends, and statements of one upkeep. */
const MAX_EXPIRED = 1_000
const MAX_ROUNDS = 100

/**
 * Sessions in PostgreSQL, which alone says whose a session is: each change of owner is one statement that compares and sets. All
 * reject with a StoreError where Postgres is away.
 */
export class SessionStore {
  readonly #statements: Statements
  #expired = 0

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Gives a call the session that its caller was cut off from; null where there is none that is surely theirs. */
  async takeUp(call: {
    readonly tenant: TenantId
    readonly caller: string
    readonly call: CallId
    readonly node: NodeId
    readonly trunk: TrunkId | null
  }): Promise<TakenUp | null> {
    const { tenant, caller, node, trunk } = call
    const [row] = await this.#statements.query<TakenUpColumns>('take-up-session', [
      tenant,
      caller,
      call.call,
      node,
      trunk,
    ])
    if (row === undefined) return null
    const parked = { at: row.previous_parked_at, until: row.previous_until, cause: row.previous_cause }
    return { row: toSessionRow(row), from: callId(row.previous_call_id), parked }
  }

  /** Parks a session again that a call took up and never came to. */
  async putBack({ row, from, parked }: TakenUp): Promise<void> {
    await this.#statements.query('put-back-session', [row.id, row.epoch, from, parked.at, parked.until, parked.cause])
  }

  /** Makes a node the owner of the session of a live call that it took over; null: it is on another call, or a later owner's. */
  async takeOver({ session, call, epoch }: DeadCall, node: NodeId): Promise<SessionRow | null> {
    const [row] = await this.#statements.query<SessionColumns>('take-over-session', [session, call, epoch, node])
    return row === undefined ? null : toSessionRow(row)
  }

  /** Parks (`until` is a time) or ends (null) the session of a call whose owner is gone; null: it was not that call's any more. */
  async park(
    { session, call, epoch }: DeadCall,
    cause: EndCause,
    at: Date,
    until: Date | null,
  ): Promise<SessionRow | null> {
    const state: SessionState = until === null ? 'ended' : 'parked'
    const [row] = await this.#statements.query<SessionColumns>('park-session', [
      session,
      call,
      epoch,
      state,
      at,
      until,
      cause,
    ])
    return row === undefined ? null : toSessionRow(row)
  }

  async read(id: SessionId): Promise<SessionRow | null> {
    if (id.includes('\0')) return null
    const [row] = await this.#statements.query<SessionColumns>('read-session', [id])
    return row === undefined ? null : toSessionRow(row)
  }

  /** The newest of what was said in a session, in the order in which it was told. */
  async items(id: SessionId): Promise<readonly PastItem[]> {
    const rows = await this.#statements.query<ItemColumns>('session-items', [id, MAX_ITEMS])
    return rows.map(toPastItem)
  }

  /** Parked sessions that this node has ended as nobody came back. */
  get expired(): number {
    return this.#expired
  }

  /** Ends parked sessions whose window is over, so many at a time, and live ones that no call has. */
  async expire(): Promise<void> {
    await this.#statements.query('end-stray-sessions', [MAX_EXPIRED])
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { length } = await this.#statements.query('expire-sessions', [MAX_EXPIRED])
      this.#expired += length
      if (length < MAX_EXPIRED) return
    }
  }
}

interface SessionColumns {
  readonly id: string
  readonly revision: number
  readonly epoch: number
  readonly tenant: string
  readonly caller: string
  readonly agent: string
  readonly state: SessionState
  readonly call_id: string
  readonly node: string
  readonly trunk: string | null
  readonly began_at: Date
  readonly parked_at: Date | null
  readonly resumable_until: Date | null
  readonly cause: EndCause | null
  readonly variables: Readonly<Record<string, string>>
}

interface TakenUpColumns extends SessionColumns {
  readonly previous_call_id: string
  readonly previous_parked_at: Date
  readonly previous_until: Date
  readonly previous_cause: EndCause | null
}

const toPastItem = (row: ItemColumns): PastItem => {
  const { at } = row
  switch (row.kind) {
    case 'message':
      return { kind: row.kind, at, ...row.item }
    case 'toolCall':
      return { kind: row.kind, at, ...row.item }
    case 'toolOutput':
      return { kind: row.kind, at, ...row.item }
  }
}

type Content<Kind> = Extract<PastItem, { kind: Kind }>

/** As `write-item.sql` has written it: what an `item` event told, without kind and time. */
type ItemColumns = { readonly at: Date } & (
  | { readonly kind: 'message'; readonly item: Omit<Content<'message'>, 'kind' | 'at'> }
  | { readonly kind: 'toolCall'; readonly item: Omit<Content<'toolCall'>, 'kind' | 'at'> }
  | { readonly kind: 'toolOutput'; readonly item: Omit<Content<'toolOutput'>, 'kind' | 'at'> }
)

const toSessionRow = (row: SessionColumns): SessionRow => ({
  id: sessionId(row.id),
  revision: row.revision,
  epoch: row.epoch,
  tenant: tenantId(row.tenant),
  caller: row.caller,
  agent: row.agent,
  state: row.state,
  callId: callId(row.call_id),
  node: nodeId(row.node),
  trunk: row.trunk === null ? null : trunkId(row.trunk),
  beganAt: row.began_at,
  parkedAt: row.parked_at,
  resumableUntil: row.resumable_until,
  cause: row.cause,
  variables: row.variables,
})
