import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { RedisChoice } from '../../lib/config/engines.ts'
import type { NodeId } from '../../lib/core/ids.ts'
import { withDeadline } from '../deadline.ts'
import { PostgresDoorbell } from '../fleet/postgres-doorbell.ts'
import { PostgresSharedState } from '../fleet/postgres-shared-state.ts'
import { RedisSharedState } from '../fleet/redis-shared-state.ts'
import type { SharedState } from '../fleet/shared-state.ts'
import { Audit } from './audit.ts'
import { BatchWriter } from './batch-writer.ts'
import { CallOwners, type OpenCall } from './call-owners.ts'
import { PostgresCallStore } from './call-store.ts'
import { Changes, type StoreChange } from './changes.ts'
import { folderError, holdDataFolder } from './data-folder.ts'
import { DeadLetters } from './dead-letters.ts'
import { DiskJournal, type JournalLimits } from './disk-journal.ts'
import { EmbeddedPostgres } from './embedded-postgres.ts'
import { ErrandStore } from './errand-store.ts'
import { Forgetting } from './forgetting.ts'
import { NodeJournal } from './journal.ts'
import { prepareDatabase } from './migrate.ts'
import { Orphans } from './orphans.ts'
import { ensurePartitions } from './partitions.ts'
import type { CallStore, Journal } from './port.ts'
import { createPool } from './postgres.ts'
import { askOnce } from './postmaster.ts'
import { SessionStore } from './session-store.ts'
import { readSqlFiles, sqlOf } from './sql-files.ts'
import { Statements } from './statements.ts'
import { codeOf, StoreError } from './store-error.ts'
import { WriteBehind } from './write-behind.ts'
import { type WrittenEvents, writtenEvents } from './written-events.ts'

export interface StoreOptions {
  /** `embedded`, or the URL of a server. */
  readonly postgres: string
  /** Where the shared state lives; in Postgres unless it is given. */
  readonly redis?: RedisChoice
  readonly dataDir: string
  readonly node: NodeId
  /** What is going on at the start, in words. */
  readonly onProgress?: (words: string) => void
  readonly limits?: Partial<JournalLimits>
}

/** Figures for /readyz and metrics. */
interface StoreState {
  /** Why Postgres takes nothing, or null. */
  readonly postgresAway: string | null
  /** False while the disk refuses the journal. */
  readonly journalHealthy: boolean
  /** Entries that wait for the disk. */
  readonly waiting: number
  /** Entries of this run that Postgres does not have yet. */
  readonly behind: number
  readonly journalBytes: number
  /** Entries that were given up as neither disk nor Postgres took anything. */
  readonly dropped: number
  /** Entries that Postgres will never take, set aside in `journal/dead-letters.jsonl`. */
  readonly deadLetters: number
}

export interface Store {
  readonly journal: Journal
  readonly calls: CallStore
  readonly sessions: SessionStore
  readonly owners: CallOwners
  readonly errands: ErrandStore
  readonly forgetting: Forgetting
  readonly shared: SharedState
  readonly audit: Audit
  /** Connections to Postgres, and who hears what rings there. */
  readonly pool: pg.Pool
  readonly doorbell: PostgresDoorbell
  /** Where Postgres is reached; other nodes on this machine may share an embedded one. */
  readonly postgresUrl: string
  /** Hears of each call that an earlier run of this node left open and that was closed now, also of those before. */
  onOrphan(listener: (call: OpenCall) => void): void
  /** True while what is journaled is safe: on disk, or in Postgres. */
  ready(): boolean
  state(): StoreState
  /** Hears each time that Postgres has taken events of this node; returns the way to stop hearing. */
  onEventsWritten(listener: (written: WrittenEvents) => void): () => void
  /** Hears of every change from now on, and at once of what is degraded; returns the way to stop hearing. */
  onState(listener: (change: StoreChange) => void): () => void
  /** Writes what is left to Postgres as far as it takes it in time, the rest stays in the journal. Ends everything. */
  close(): Promise<void>
}

/** How long a node that goes waits for Postgres to take the rest, and for its connections to end. */
const CLOSE_WRITE_MS = 3000
const CLOSE_CONNECTIONS_MS = 1000
/** How long a node that starts waits for the database; then it takes calls, and its records wait in the journal. */
const PREPARE_WAIT_MS = 8000

/**
 * Starts the store of a node: Postgres where it is embedded, the journal, and the way from one to the other. Resolves when
 * the records of an earlier run are in Postgres and its calls are closed, or, where Postgres is away, as soon as that is
 * known: then all of it happens later. Rejects with a StoreError where a person must act.
 */
export async function startStore(options: StoreOptions): Promise<Store> {
  const folder = await holdDataFolder(options.dataDir)
  const endings = new Endings()
  endings.add(() => folder.release())
  try {
    return await assemble({ ...options, dataDir: folder.path }, endings)
  } catch (error) {
    await endings.run()
    throw folderError(folder.path, error)
  }
}

async function assemble(options: StoreOptions, endings: Endings): Promise<Store> {
  const { dataDir, node } = options
  const changes = new Changes()
  let onCrash: (error: StoreError) => void = () => undefined
  const postgresUrl = await reachPostgres(options, (error) => onCrash(error), endings)
  const prepare = once(() => prepareDatabase(postgresUrl, new Date()))
  const away = options.postgres === 'embedded' ? await prepare().then(() => null) : await awayAfter(prepare())

  const folder = join(dataDir, 'journal')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const disk = await DiskJournal.open({
    folder,
    firstSequence: away === null ? await firstSequence(postgresUrl, node) : Date.now(),
    onAppended: () => writeBehind.notify(),
    onTrouble: (trouble) => {
      if (trouble === null) changes.recovered('journal', 'the disk takes records again')
      else changes.degraded('journal', `${trouble.reason}; ${trouble.dropped} entries dropped`)
    },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
  endings.add(() => disk.close())
  const journal = new NodeJournal(disk, node)

  const pool = createPool(postgresUrl, () => writeBehind.suspect())
  endings.add(() => withDeadline(pool.end(), CLOSE_CONNECTIONS_MS))
  const texts = await readSqlFiles('sql')
  const statements = new Statements(pool, texts)
  const sessions = new SessionStore(statements)
  const owners = new CallOwners(statements)
  const orphans = new Orphans(owners, journal, node)
  const deadLetters = new DeadLetters(folder)
  const writer = new BatchWriter(pool, texts, (frame, reason) => deadLetters.add(frame, reason))
  const writtenListeners = new Set<(written: WrittenEvents) => void>()
  const writeBehind: WriteBehind = new WriteBehind({
    disk,
    prepare,
    onReplayed: () => orphans.close(),
    write: async (batch) => {
      const before = deadLetters.count
      await writer.write(batch.frames)
      const written = writtenEvents(batch.frames)
      if (written !== null) for (const listener of writtenListeners) listener(written)
      if (batch.damaged > 0) changes.degraded('record', `${batch.damaged} bytes of the journal cannot be read`)
      if (deadLetters.count > before) changes.degraded('record', deadLetters.words)
    },
    // Over a new connection: an old one may outlive the server for a moment.
    probe: () => askOnce(postgresUrl, async (client) => void (await client.query('select 1'))),
    upkeep: async () => {
      await ensurePartitions(pool, new Date())
      await sessions.expire()
    },
    onChange: (away) => {
      if (away === null) changes.recovered('postgres', 'Postgres takes records again')
      else changes.degraded('postgres', away.message)
    },
  })
  onCrash = (error) => writeBehind.suspect(error)
  const doorbell = new PostgresDoorbell(postgresUrl)
  endings.add(() => withDeadline(doorbell.close(), CLOSE_CONNECTIONS_MS))
  const shared = await openSharedState(options.redis ?? { kind: 'embedded' }, pool, doorbell, changes)
  endings.add(() => withDeadline(shared.close(), CLOSE_CONNECTIONS_MS))
  endings.add(() => withDeadline(writeBehind.stop(), CLOSE_CONNECTIONS_MS))
  endings.add(() => (writeBehind.away === null ? journal.written(CLOSE_WRITE_MS) : Promise.resolve()))
  await writeBehind.start(away)

  const caughtUp = (timeoutMs: number): Promise<void> =>
    writeBehind.away === null ? journal.written(timeoutMs) : Promise.resolve()
  return {
    journal,
    calls: new PostgresCallStore(pool, sqlOf(texts, 'events-after'), caughtUp),
    sessions,
    owners,
    errands: new ErrandStore(statements),
    forgetting: new Forgetting(statements),
    shared,
    audit: new Audit(pool),
    pool,
    doorbell,
    postgresUrl,
    onOrphan: (listener) => orphans.onClosed(listener),
    ready: () => disk.healthy || writeBehind.away === null,
    state: () => ({
      postgresAway: writeBehind.away?.message ?? null,
      journalHealthy: disk.healthy,
      waiting: disk.figures.waiting,
      behind: disk.figures.behind,
      journalBytes: disk.figures.diskBytes,
      dropped: disk.figures.dropped,
      deadLetters: deadLetters.count,
    }),
    onEventsWritten: (listener) => {
      writtenListeners.add(listener)
      return () => writtenListeners.delete(listener)
    },
    onState: (listener) => changes.listen(listener),
    close: () => endings.run(),
  }
}

async function openSharedState(
  choice: RedisChoice,
  pool: pg.Pool,
  doorbell: PostgresDoorbell,
  changes: Changes,
): Promise<SharedState> {
  if (choice.kind === 'embedded') return new PostgresSharedState(pool, doorbell)
  return RedisSharedState.connect(choice, (change) => {
    if (change.state === 'up') changes.recovered('redis', 'Redis carries the shared state again')
    else changes.degraded('redis', change.reason)
  })
}

async function reachPostgres(
  options: StoreOptions,
  onCrash: (error: StoreError) => void,
  endings: Endings,
): Promise<string> {
  const { postgres, dataDir, onProgress } = options
  if (postgres !== 'embedded') return postgres
  const server = await EmbeddedPostgres.start({
    dataDir,
    onCrash,
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  endings.add(() => server.stop())
  return server.url
}

/**
 * Where the numbering of a journal begins that has none: above what Postgres has of this node, and, as a lost journal may
 * have held numbers that Postgres never saw, not below the milliseconds since 1970, which no counting reaches.
 */
async function firstSequence(url: string, node: NodeId): Promise<number> {
  const statement = 'select max(sequence) as last from call_events where node = $1'
  try {
    const { rows } = await askOnce(url, (client) => client.query<{ last: number | null }>(statement, [node]))
    const last = rows[0]?.last ?? null
    return last === null ? 1 : Math.max(last + 1, Date.now())
  } catch {
    return Date.now() // Postgres is away: the journal may have been lost, or never been.
  }
}

/** What has to be ended, last first; everything is tried, whatever fails. */
class Endings {
  readonly #endings: (() => Promise<void>)[] = []
  #running: Promise<void> | null = null

  add(end: () => Promise<void>): void {
    this.#endings.push(end)
  }

  /** A second call waits for the first. Rejects with the first failure that leaves something behind. */
  run(): Promise<void> {
    this.#running ??= this.#runAll()
    return this.#running
  }

  async #runAll(): Promise<void> {
    const failures: unknown[] = []
    for (const end of this.#endings.toReversed()) await end().catch((error: unknown) => failures.push(error))
    const serious = failures.filter((failure) => codeOf(failure) !== 'journal-timeout')
    if (serious.length > 0) throw serious[0]
  }
}

/** Runs the work until it has succeeded, and never after; who asks while it runs waits for the same. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null
  return () => {
    done ??= work().catch((error: unknown) => {
      done = null
      throw error
    })
    return done
  }
}

/**
 * Null when the database is ready, or why Postgres takes nothing yet: it is away, or late, which a migration that waits for another node
 * is too. That is what the journal is for; anything else would never get better by itself, and is rejected with.
 */
async function awayAfter(prepared: Promise<void>): Promise<StoreError | null> {
  const late = `Postgres: the database is not ready after ${PREPARE_WAIT_MS} ms`
  const timer = new AbortController()
  const waited = delay(PREPARE_WAIT_MS, undefined, { signal: timer.signal }).then(() => {
    throw new StoreError('postgres-away', late)
  })
  try {
    await Promise.race([prepared, waited])
    return null
  } catch (error) {
    if (error instanceof StoreError && error.code === 'postgres-away') return error
    throw error
  } finally {
    timer.abort()
    waited.catch(() => undefined)
  }
}
