import type pg from 'pg'
import type { TrunkId } from '../../lib/core/ids.ts'
import { describeSubject, type OverrideSubject, parseSubject, subjectKey } from '../../lib/fleet/override-subject.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { HealthEvent } from '../../lib/trunk/health.ts'
import type { OverrideOrder } from '../../lib/trunk/operator.ts'
import type { TrunkState } from '../../lib/trunk/state.ts'
import type { Audit } from '../store/audit.ts'
import { inTransaction } from '../store/transaction.ts'
import { RungReader, type RungReaderOptions } from './rung-reader.ts'

/** An operator's word on a trunk or on backends of an agent, as every node of the fleet knows it. */
export interface OperatorOverride {
  readonly state: TrunkState
  readonly actor: string
  readonly reason: string
  /** By the clock of Postgres, for people. */
  readonly since: Date
  /** By the same clock, for people; null: until it is taken back. */
  readonly expiresAt: Date | null
  /** When it ends for this node, in milliseconds of `performance.now`; null: until it is taken back. */
  readonly endsAtMs: number | null
}

export interface OverridesOptions extends Omit<RungReaderOptions, 'channel' | 'read'> {
  readonly pool: pg.Pool
  readonly audit: Audit
  readonly emit: EmitEvent
}

interface Row {
  /** What it is about (`subjectKey`). */
  readonly trunk: string
  readonly state: TrunkState
  readonly actor: string
  readonly reason: string
  readonly since: Date
  readonly expires_at: Date | null
  readonly left_ms: number | null
}

const CHANNEL = 'overrides'
/** What a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1
const COLUMNS = `trunk, state, actor, reason, since, expires_at,
  (extract(epoch from expires_at - clock_timestamp()) * 1000)::float8 as left_ms`

/**
 * Operators' overrides (docs/behaviour.md, Health of trunks and of backends). Postgres is their truth; a ring over Redis and one over Postgres say only
 * that it has changed. They are read anew at the start, at each ring, when a doorbell is back, and every few seconds. Ends
 * are reckoned by the clock of Postgres and kept as time left, so that no node's clock matters.
 */
export class Overrides {
  readonly #options: OverridesOptions
  readonly #listeners = new Set<() => void>()
  readonly #reader: RungReader
  /** Null: never read. */
  #known: ReadonlyMap<string, OperatorOverride> | null = null
  #end: NodeJS.Timeout | undefined

  private constructor(options: OverridesOptions) {
    this.#options = options
    this.#reader = new RungReader({ ...options, channel: CHANNEL, read: () => this.#read() })
  }

  /** Resolves when they are read, or cannot be read now or in time. */
  static async start(options: OverridesOptions): Promise<Overrides> {
    const overrides = new Overrides(options)
    await overrides.#reader.start()
    return overrides
  }

  /** Whether they have been read at all; until then `current` has none. */
  get known(): boolean {
    return this.#known !== null
  }

  /** Those on trunks that are in force now. */
  current(): ReadonlyMap<TrunkId, OperatorOverride> {
    const found = new Map<TrunkId, OperatorOverride>()
    for (const [key, override] of this.#inForce()) {
      const subject = parseSubject(key)
      if (typeof subject === 'string') found.set(subject, override)
    }
    return found
  }

  /** Those on agents (`intake`) and single backends (`intake/0`) that are in force now. */
  agents(): ReadonlyMap<string, OperatorOverride> {
    const found = new Map<string, OperatorOverride>()
    for (const [key, override] of this.#inForce()) {
      const subject = parseSubject(key)
      if (typeof subject !== 'string') found.set(subject.agent, override)
    }
    return found
  }

  /** Hears that they have changed, whichever node did it; returns the way to stop hearing. */
  onChange(listener: () => void): () => void {
    const own = (): void => listener()
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** In force on this node when it resolves, and on every other at the ring. Rejects where Postgres does not take it. */
  async set(subject: OverrideSubject, { state, actor, reason, forMs }: OverrideOrder): Promise<void> {
    const { id, kind, fields } = describeSubject(subject)
    await this.#change(async (client) => {
      await this.#options.audit.append(client, {
        actor,
        action: `${kind}.override`,
        subject: id,
        details: { state, reason, forMs },
      })
      await client.query(
        `insert into overrides (trunk, state, actor, reason, since, expires_at)
         values ($1, $2, $3, $4, clock_timestamp(), clock_timestamp() + $5::float8 * interval '1 ms')
         on conflict (trunk) do update set state = excluded.state, actor = excluded.actor, reason = excluded.reason,
           since = excluded.since, expires_at = excluded.expires_at`,
        [subjectKey(subject), state, actor, reason, forMs],
      )
    })
    this.#options.emit({ event: `${kind}.override`, ...fields, state, actor, reason, forMs })
  }

  /** Gives it back to the evidence; false where there was no override. */
  async clear(subject: OverrideSubject, actor: string): Promise<boolean> {
    const { id, kind, fields } = describeSubject(subject)
    const cleared = await this.#change(async (client) => {
      const { rowCount } = await client.query('delete from overrides where trunk = $1', [subjectKey(subject)])
      if (rowCount === 0) return false
      await this.#options.audit.append(client, { actor, action: `${kind}.auto`, subject: id, details: {} })
      return true
    })
    const event = { event: `${kind}.override`, ...fields, state: 'auto', actor, reason: 'taken back' } as const
    if (cleared) this.#options.emit(event)
    return cleared
  }

  /** Reads them anew; once more where that is under way already. Never rejects. */
  refresh(): Promise<void> {
    return this.#reader.refresh()
  }

  async close(): Promise<void> {
    clearTimeout(this.#end)
    this.#listeners.clear()
    await this.#reader.close()
  }

  async #change<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const result = await inTransaction(this.#options.pool, async (client) => {
      const done = await work(client)
      await this.#reader.ringWith(client)
      return done
    })
    await this.#reader.changed()
    return result
  }

  async #read(): Promise<void> {
    const { rows } = await this.#options.pool.query<Row>(`select ${COLUMNS} from overrides order by trunk`)
    const isOver = ({ left_ms: leftMs }: Row): boolean => leftMs !== null && leftMs <= 0
    const inForce = rows.filter((row) => !isOver(row))
    const answeredAtMs = performance.now()
    this.#know(new Map(inForce.map((row) => [row.trunk, toOverride(row, answeredAtMs)])))
    if (rows.some(isOver)) await this.#removeEnded()
  }

  #inForce(): readonly (readonly [string, OperatorOverride])[] {
    const nowMs = performance.now()
    return [...(this.#known ?? [])].filter(([, { endsAtMs }]) => endsAtMs === null || endsAtMs > nowMs)
  }

  #know(overrides: ReadonlyMap<string, OperatorOverride>): void {
    const before = this.#known === null ? null : fingerprint(this.#known)
    this.#known = overrides
    this.#wakeAtEnd()
    if (fingerprint(overrides) !== before) for (const listener of this.#listeners) listener()
  }

  #wakeAtEnd(): void {
    clearTimeout(this.#end)
    const ends = [...(this.#known?.values() ?? [])].flatMap(({ endsAtMs }) => (endsAtMs === null ? [] : [endsAtMs]))
    if (ends.length === 0 || this.#reader.isClosed) return
    const inMs = Math.max(Math.ceil(Math.min(...ends) - performance.now()), 1)
    this.#end = setTimeout(() => this.#onEnd(), Math.min(inMs, MAX_TIMER_MS)).unref()
  }

  /** What has ended is over here at once, also while Postgres is away. */
  #onEnd(): void {
    this.#know(new Map(this.#inForce()))
    void this.refresh()
  }

  /** The node whose deletion finds the row is the one that tells of it. */
  async #removeEnded(): Promise<void> {
    const ended = await inTransaction(this.#options.pool, async (client) => {
      const { rows } = await client.query<{ trunk: string; state: TrunkState }>(
        'delete from overrides where expires_at <= clock_timestamp() returning trunk, state',
      )
      for (const { trunk, state } of rows) {
        const { id, kind } = describeSubject(parseSubject(trunk))
        await this.#options.audit.append(client, {
          actor: 'system',
          action: `${kind}.auto`,
          subject: id,
          details: { state, reason: 'expired' },
        })
      }
      return rows
    })
    for (const { trunk } of ended) {
      const { kind, fields } = describeSubject(parseSubject(trunk))
      const reason = 'expired'
      this.#options.emit({ event: `${kind}.override`, ...fields, state: 'auto', actor: 'system', reason })
    }
  }
}

/** What the health of a trunk is told of it. */
export function operatorEvent(override: OperatorOverride | undefined): HealthEvent {
  if (override === undefined) return { kind: 'auto' }
  const { state, actor, reason, endsAtMs } = override
  const forMs = endsAtMs === null ? null : endsAtMs - performance.now()
  return { kind: 'override', order: { state, actor, reason, forMs } }
}

/**
 * What was left is counted from the answer on, so that nothing ends here before it has ended in Postgres: read anew in between, it would be in
 * force once more for a moment.
 */
const toOverride = (row: Row, answeredAtMs: number): OperatorOverride => ({
  state: row.state,
  actor: row.actor,
  reason: row.reason,
  since: row.since,
  expiresAt: row.expires_at,
  endsAtMs: row.left_ms === null ? null : answeredAtMs + row.left_ms,
})

/** What is the same at every reading as long as nobody changes anything. */
const fingerprint = (overrides: ReadonlyMap<string, OperatorOverride>): string =>
  [...overrides].map(([key, { endsAtMs: _left, ...told }]) => JSON.stringify({ key, ...told })).join('\n')
