import type pg from 'pg'
import type { ManagedEntry, ManagedKey } from '../../lib/config/managed.ts'
import { asSealed, changeSealed, changeSecrets, hasSecrets } from '../../lib/config/managed-secrets.ts'
import type { ConfigProblem } from '../../lib/config/problem.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { KeyWrap } from '../key-wrap.ts'
import type { Audit } from '../store/audit.ts'
import { inTransaction } from '../store/transaction.ts'
import { readSnapshot, type StoredEntry, writeSnapshot } from './managed-snapshot.ts'
import { RungReader, type RungReaderOptions } from './rung-reader.ts'

export interface ManagedEntriesOptions extends Omit<RungReaderOptions, 'channel' | 'read'> {
  readonly pool: pg.Pool
  readonly audit: Audit
  /** Seals secrets; null: the config has no key that all nodes share, and secrets by value are refused. */
  readonly keyWrap: KeyWrap | null
  /** Where this node keeps what it knew last, for a start without Postgres. */
  readonly file: string
  readonly emit: EmitEvent
}

/** A change that somebody wants. */
export interface ManagedChange {
  readonly key: ManagedKey
  /** The version that it is a change of; null: none was given. */
  readonly version: number | null
  readonly actor: string
  /** What would be wrong with all entries as they would be. `before`: as they are. */
  readonly judge: (after: readonly ManagedEntry[], before: readonly ManagedEntry[]) => readonly ConfigProblem[]
}

/** Why a change was not made. `unversioned`: there is such an entry, and no version was given. */
export type ManagedRefusal =
  | { readonly kind: 'absent' | 'stale' | 'unversioned' | 'full' | 'no-key' }
  | { readonly kind: 'problems'; readonly problems: readonly ConfigProblem[] }

export type ManagedOutcome =
  | { readonly kind: 'done'; readonly entry: StoredEntry; readonly change: 'created' | 'changed' | 'removed' }
  | ManagedRefusal

const CHANNEL = 'managed'
/** More of them take longer to check than calls on the same thread should wait. */
const MAX_ENTRIES = 2000
/** Key of the advisory lock under which one change at a time is checked against all entries. */
const LOCK = [0x7a0de3, 2] as const
const COLUMNS = 'kind, name, entry as body, version::float8 as version, updated_at, updated_by'

type Row = Omit<StoredEntry, 'updatedAt' | 'updatedBy'> & { readonly updated_at: Date; readonly updated_by: string }

/**
 * What is managed beside the config file (docs/management.md). Postgres is its truth; rings say only that it has changed. It is read anew at
 * the start, at each ring, when a doorbell is back, and every few seconds.
 */
export class ManagedEntries {
  readonly #options: ManagedEntriesOptions
  readonly #listeners = new Set<() => void>()
  readonly #reader: RungReader
  #known: readonly StoredEntry[] = []
  #fingerprint = fingerprint([])
  #isRead = false

  private constructor(options: ManagedEntriesOptions) {
    this.#options = options
    this.#reader = new RungReader({ ...options, channel: CHANNEL, read: () => this.#read() })
  }

  /** Resolves when they are read from Postgres or, where it says nothing in time, from the file. */
  static async start(options: ManagedEntriesOptions): Promise<ManagedEntries> {
    const entries = new ManagedEntries(options)
    const kept = await readSnapshot(options.file).catch((error: unknown) => {
      options.onError(error)
      return null
    })
    if (kept !== null) entries.#know(kept)
    await entries.#reader.start()
    return entries
  }

  /** Those known last, their secrets sealed. */
  current(): readonly StoredEntry[] {
    return this.#known
  }

  /** The same as the config takes them. A secret that cannot be opened with the key of this node stays sealed, which the config refuses. */
  opened(): readonly ManagedEntry[] {
    return this.#known.map((entry) => this.#open(entry))
  }

  /** Hears that they have changed, whichever node did it; returns the way to stop hearing. */
  onChange(listener: () => void): () => void {
    const own = (): void => listener()
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** Makes an entry, or puts another body in its place. Known here when it resolves. Rejects where Postgres does not take it. */
  async put(change: ManagedChange, body: unknown): Promise<ManagedOutcome> {
    const { key, version, actor, judge } = change
    return this.#change(key, actor, async (client, all) => {
      const old = find(all, key)
      if (version !== (old?.version ?? null)) return { kind: version === null ? 'unversioned' : 'stale' }
      if (old === undefined && all.length >= MAX_ENTRIES) return { kind: 'full' }
      const rest = all.filter((one) => one !== old).map((one) => this.#open(one))
      const problems = judge(
        [...rest, { ...key, body }],
        all.map((one) => this.#open(one)),
      )
      if (problems.length > 0) return { kind: 'problems', problems }
      const sealed = this.#seal(key, body)
      if (sealed === null) return { kind: 'no-key' }
      const { rows } = await client.query<Row>(
        `insert into managed (kind, name, entry, updated_by) values ($1, $2, $3, $4)
         on conflict (kind, name) do update set entry = excluded.entry, version = excluded.version,
           updated_at = excluded.updated_at, updated_by = excluded.updated_by
         returning ${COLUMNS}`,
        [key.kind, key.name, JSON.stringify(sealed.body), actor],
      )
      const [entry] = rows.map(toEntry)
      return entry === undefined
        ? { kind: 'stale' }
        : { kind: 'done', entry, change: old === undefined ? 'created' : 'changed' }
    })
  }

  /** Removes an entry. */
  async remove({ key, version, actor, judge }: ManagedChange): Promise<ManagedOutcome> {
    return this.#change(key, actor, async (client, all) => {
      const old = find(all, key)
      if (old === undefined) return { kind: 'absent' }
      if (version !== old.version) return { kind: version === null ? 'unversioned' : 'stale' }
      const before = all.map((one) => this.#open(one))
      const problems = judge(
        before.filter(({ kind, name }) => kind !== key.kind || name !== key.name),
        before,
      )
      if (problems.length > 0) return { kind: 'problems', problems }
      await client.query('delete from managed where kind = $1 and name = $2', [key.kind, key.name])
      return { kind: 'done', entry: old, change: 'removed' }
    })
  }

  /** Reads them anew; once more where that is under way already. Never rejects. */
  refresh(): Promise<void> {
    return this.#reader.refresh()
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    await this.#reader.close()
  }

  async #change(
    { kind, name }: ManagedKey,
    actor: string,
    work: (client: pg.PoolClient, all: readonly StoredEntry[]) => Promise<ManagedOutcome>,
  ): Promise<ManagedOutcome> {
    const { pool, audit, emit } = this.#options
    const outcome = await inTransaction(pool, async (client) => {
      await client.query('select pg_advisory_xact_lock($1, $2)', [...LOCK])
      const done = await work(client, await readAll(client))
      if (done.kind !== 'done') return done
      const { version, body } = done.entry
      // The names of the keys and no values: the audit is for ever, and more people read it.
      const keys = typeof body === 'object' && body !== null ? Object.keys(body).sort() : []
      const details = { version, keys }
      await audit.append(client, { actor, action: `managed.${done.change}`, subject: `${kind}/${name}`, details })
      await this.#reader.ringWith(client)
      return done
    })
    if (outcome.kind !== 'done') return outcome
    const { change, entry } = outcome
    emit({ event: 'config.managed', kind, name, change, actor, version: entry.version })
    await this.#reader.changed()
    return outcome
  }

  async #read(): Promise<void> {
    const entries = await readAll(this.#options.pool)
    const isFirst = !this.#isRead
    this.#isRead = true
    if (this.#know(entries) || isFirst) await this.#keep(entries)
  }

  /** A disk that takes nothing costs the start without Postgres alone. */
  async #keep(entries: readonly StoredEntry[]): Promise<void> {
    await writeSnapshot(this.#options.file, entries).catch((error: unknown) => this.#options.onError(error))
  }

  /** Whether they are others than before. */
  #know(entries: readonly StoredEntry[]): boolean {
    const print = fingerprint(entries)
    if (print === this.#fingerprint) return false
    this.#known = entries
    this.#fingerprint = print
    for (const listener of this.#listeners) listener()
    return true
  }

  #open({ kind, name, body }: StoredEntry): ManagedEntry {
    const { keyWrap } = this.#options
    const open = (sealed: string, path: string): string | null =>
      keyWrap?.unwrap(subjectOf({ kind, name }, path), sealed) ?? null
    return { kind, name, body: changeSealed(body, open) }
  }

  /** Null: it has secrets by value, and there is no key. */
  #seal(key: ManagedKey, body: unknown): { readonly body: unknown } | null {
    const { keyWrap } = this.#options
    if (keyWrap === null) return hasSecrets(body) ? null : { body }
    return { body: changeSecrets(body, (secret, path) => asSealed(keyWrap.wrap(subjectOf(key, path), secret))) }
  }
}

/** What a secret is sealed for: it opens nowhere else. */
const subjectOf = ({ kind, name }: ManagedKey, path: string): string => `managed/${kind}/${name}/${path}`

const find = (entries: readonly StoredEntry[], key: ManagedKey): StoredEntry | undefined =>
  entries.find(({ kind, name }) => kind === key.kind && name === key.name)

async function readAll(client: pg.Pool | pg.PoolClient): Promise<readonly StoredEntry[]> {
  const { rows } = await client.query<Row>(`select ${COLUMNS} from managed order by kind, name`)
  return rows.map(toEntry)
}

const toEntry = ({ kind, name, body, version, updated_at, updated_by }: Row): StoredEntry => ({
  kind,
  name,
  body,
  version,
  updatedAt: updated_at.toISOString(),
  updatedBy: updated_by,
})

/** No two changes have a version in common. */
const fingerprint = (entries: readonly StoredEntry[]): string =>
  entries.map(({ kind, name, version }) => JSON.stringify([kind, name, version])).join('\n')
