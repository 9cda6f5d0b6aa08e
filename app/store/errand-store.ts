import { type CallId, callId, type ErrandId, errandId, type NodeId, nodeId } from '../../lib/core/ids.ts'
import type { CallRow, EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import { type AttemptOutcome, attemptOutcome } from '../../lib/outbound/attempt-outcome.ts'
import type { Errand, ErrandAttempt, ErrandState } from '../../lib/outbound/errand.ts'
import type { RetryPolicy } from '../../lib/outbound/retry-policy.ts'
import type { Statements } from './statements.ts'

/** An errand as it stood in PostgreSQL. */
export interface StoredErrand {
  readonly errand: Errand
  /** Tells one writing from the next. */
  readonly version: number
  readonly tenant: string
  readonly key: string | null
  /** As `canonicalJson` has written it. */
  readonly request: string
  readonly actor: string
  /** When it was read, by the clock of PostgreSQL, which every time of an errand is by. */
  readonly now: Date
}

/** An errand whose call is over, and what that came to. */
export interface SettledErrand {
  readonly stored: StoredErrand
  readonly call: CallId
  readonly outcome: AttemptOutcome
}

export interface NewErrand extends Pick<StoredErrand, 'tenant' | 'key' | 'request' | 'actor'> {
  readonly id: ErrandId
  readonly policy: RetryPolicy
}

export interface ErrandQuery {
  readonly tenant?: string | undefined
  readonly state?: ErrandState['kind'] | undefined
  readonly limit: number
  /** From a page before. */
  readonly cursor?: string | undefined
}

/** How long the record of a call that was begun may take to come: longer than PostgreSQL may be away from one node alone. */
const RECORD_MS = 300_000
/** How long an errand that is over is kept, and its key with it. */
export const KEPT_MS = 30 * 86_400_000
const MAX_FORGOTTEN = 1_000

/**
 * Errands in PostgreSQL, which alone says whose one is: each change is one statement that compares and sets its version. All reject with a
 * StoreError where Postgres is away.
 */
export class ErrandStore {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Puts an errand down, for this node to begin within `leaseMs`; null: the tenant has one with that key. */
  async insert({ id, tenant, key, request, actor, policy }: NewErrand, leaseMs: number): Promise<StoredErrand | null> {
    const values = [id, tenant, key, request, actor, JSON.stringify(policy), policy.withinMs, leaseMs]
    return this.#one('insert-errand', values)
  }

  /** Writes what a step made of an errand; null: somebody was faster, and nothing is written. */
  write({ version }: Pick<StoredErrand, 'version'>, after: Errand): Promise<StoredErrand | null> {
    const { id, state, history, reason } = after
    const call = 'call' in state ? state.call : null
    const node = 'node' in state ? state.node : null
    const dueAt = 'dueAt' in state ? state.dueAt : null
    const endedAt = 'endedAt' in state ? state.endedAt : null
    const values = [id, version, state.kind, call, node, dueAt, JSON.stringify(history), reason, endedAt]
    return this.#one('write-errand', values)
  }

  /** Errands that are due, leased to this node. */
  async claim(limit: number, leaseMs: number): Promise<readonly StoredErrand[]> {
    return (await this.#statements.query<ErrandColumns>('claim-errands', [limit, leaseMs])).map(toStored)
  }

  /** Errands whose call is over. */
  async settled(limit: number): Promise<readonly SettledErrand[]> {
    const rows = await this.#statements.query<SettledColumns>('settled-errands', [limit, RECORD_MS])
    return rows.flatMap((row) => {
      if (row.call_id === null) return []
      return [{ stored: toStored(row), call: callId(row.call_id), outcome: outcomeOf(row) }]
    })
  }

  /** Calls of a node whose errands were cancelled. */
  async cancelling(node: NodeId): Promise<readonly CallId[]> {
    const rows = await this.#statements.query<{ call_id: string }>('cancelling-errands', [node])
    return rows.map((row) => callId(row.call_id))
  }

  read(id: ErrandId): Promise<StoredErrand | null> {
    return this.#one('read-errand', [id])
  }

  ofKey(tenant: string, key: string): Promise<StoredErrand | null> {
    return this.#one('errand-of-key', [tenant, key])
  }

  /** Newest first. */
  async list({ tenant, state, limit, cursor }: ErrandQuery): Promise<{
    readonly errands: readonly StoredErrand[]
    readonly next: ErrandId | null
  }> {
    const values = [tenant ?? null, state ?? null, cursor ?? null, limit + 1]
    const errands = (await this.#statements.query<ErrandColumns>('list-errands', values)).map(toStored)
    const page = errands.slice(0, limit)
    return { errands: page, next: errands.length > limit ? (page.at(-1)?.errand.id ?? null) : null }
  }

  /** Takes an errand back of which nothing has been done; its key is free again. */
  async withdraw({ errand, version }: StoredErrand): Promise<void> {
    await this.#statements.query('withdraw-errand', [errand.id, version])
  }

  /** Removes what ended long ago, so many at a time. */
  async forget(): Promise<void> {
    await this.#statements.query('forget-errands', [MAX_FORGOTTEN, KEPT_MS])
  }

  async #one(statement: string, values: readonly unknown[]): Promise<StoredErrand | null> {
    const [row] = await this.#statements.query<ErrandColumns>(statement, values)
    return row === undefined ? null : toStored(row)
  }
}

interface ErrandColumns {
  readonly id: string
  readonly version: number
  readonly tenant: string
  readonly key: string | null
  readonly request: string
  readonly actor: string
  readonly policy: RetryPolicy
  readonly state: ErrandState['kind']
  readonly call_id: string | null
  readonly node: string | null
  readonly due_at: Date | null
  readonly history: readonly (Omit<ErrandAttempt, 'at'> & { readonly at: string })[]
  readonly reason: string | null
  readonly created_at: Date
  readonly expires_at: Date
  readonly ended_at: Date | null
  readonly now: Date
}

interface SettledColumns extends ErrandColumns {
  readonly call_ended: boolean
  readonly answered_at: Date | null
  readonly ended_by: EndedBy | null
  readonly end_cause: EndCause | null
  readonly answered_by_machine: boolean
}

function outcomeOf({
  call_ended,
  answered_at,
  ended_by: by,
  end_cause: cause,
  answered_by_machine,
}: SettledColumns): AttemptOutcome {
  if (!call_ended) return 'lost'
  const end: CallRow['end'] = by === null || cause === null ? null : { by, sip: null, cause }
  return attemptOutcome({ answeredAt: answered_at, end }, answered_by_machine)
}

const toStored = (row: ErrandColumns): StoredErrand => ({
  errand: {
    id: errandId(row.id),
    policy: row.policy,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    history: row.history.map((attempt) => ({ ...attempt, at: new Date(attempt.at) })),
    state: toState(row),
    reason: row.reason,
  },
  version: row.version,
  tenant: row.tenant,
  key: row.key,
  request: row.request,
  actor: row.actor,
  now: row.now,
})

function toState({ state, call_id, node, due_at, ended_at, now }: ErrandColumns): ErrandState {
  switch (state) {
    case 'waiting':
      return { kind: state, call: callId(call_id ?? ''), dueAt: due_at ?? now }
    case 'calling':
    case 'cancelling':
      return { kind: state, call: callId(call_id ?? ''), node: nodeId(node ?? '') }
    default:
      return { kind: state, endedAt: ended_at ?? now }
  }
}
