import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { folderError } from './data-folder.ts'
import { findEmbeddedBinaries, type PostgresBinaries } from './postgres-binaries.ts'
import { makeHome, type PostgresHome, SOCKET_PORT } from './postgres-home.ts'
import { settingsFor } from './postgres-settings.ts'
import { askOnce, findPostmaster, type Postmaster, socketUrl } from './postmaster.ts'
import { isAlive } from './processes.ts'
import { codeOf, StoreError, wordsOf } from './store-error.ts'

const DATABASE = 'tandem'
/** A start after a crash replays the write-ahead log first. */
const START_TIMEOUT_MS = 120_000
const POLL_MS = 20
/** A fast shutdown writes a checkpoint; one that takes longer than this is cut short and recovers at the next start. */
const STOP_TIMEOUT_MS = 5000
/** What a server that was killed left behind: its last processes go within moments, and then a start works. */
const REMAINS = /shared memory block|lock file "postmaster.pid"/
const NO_SPACE = /No space left on device|Check free disk space/
const REMAINS_TIMEOUT_MS = 5000
const RESTART_FIRST_MS = 200
const RESTART_MAX_MS = 10_000
/** How often a server that is not our child is looked after. */
const WATCH_INTERVAL_MS = 1000
const MAX_LOG_BYTES = 4 * 1024 * 1024

export interface EmbeddedOptions {
  readonly dataDir: string
  /** What is going on, in words, for the first start takes a moment. */
  readonly onProgress?: (words: string) => void
  /** The server ended though nobody asked it to, or could not be started again. It is tried on and on. */
  readonly onCrash?: (error: StoreError) => void
  /** Other programs than those from npm. */
  readonly binaries?: PostgresBinaries
}

/**
 * A real PostgreSQL in the data folder: a child process on a unix socket, no TCP, no password, its folder closed to
 * others. One that outlived a killed node is taken over as it runs.
 */
export class EmbeddedPostgres {
  readonly #options: EmbeddedOptions
  readonly #home: PostgresHome
  #pid: number | null = null
  #watch: NodeJS.Timeout | null = null
  readonly #stopping = new AbortController()
  #restarting: Promise<void> = Promise.resolve()
  readonly #onExit = (): void => this.#signal('SIGINT')

  private constructor(options: EmbeddedOptions, home: PostgresHome) {
    this.#options = options
    this.#home = home
  }

  /** Starts the server, making its data first where there are none. Rejects with words for the one who ran us. */
  static async start(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
    try {
      await mkdir(options.dataDir, { recursive: true })
      const binaries = options.binaries ?? (await findEmbeddedBinaries())
      const server = new EmbeddedPostgres(options, await makeHome(options.dataDir, binaries))
      await server.#startUp()
      process.on('exit', server.#onExit)
      return server
    } catch (error) {
      throw folderError(options.dataDir, error)
    }
  }

  /** For `pg`; other nodes on this machine may use it too. */
  get url(): string {
    return socketUrl(this.#home.socket, SOCKET_PORT, DATABASE)
  }

  get pid(): number | null {
    return this.#pid
  }

  /** Stops the server and waits until it is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    process.off('exit', this.#onExit)
    if (this.#watch !== null) clearInterval(this.#watch)
    await this.#restarting
    const pid = this.#pid
    if (pid === null) return
    this.#signal('SIGINT')
    if (await gone(pid, STOP_TIMEOUT_MS)) return
    this.#signal('SIGQUIT')
    if (await gone(pid, STOP_TIMEOUT_MS)) return
    throw new StoreError('embedded-failed', `PostgreSQL (process ${pid}) does not end`)
  }

  async #startUp(): Promise<void> {
    await this.#checkVersion()
    const running = await findPostmaster(this.#home.data)
    if (running !== null && (await this.#adopt(running))) return
    const giveUpAtMs = performance.now() + REMAINS_TIMEOUT_MS
    while (!(await this.#spawnOnce())) {
      const failure = await this.#failure('PostgreSQL did not start')
      if (!REMAINS.test(failure.message) || performance.now() > giveUpAtMs) throw failure
      await delay(RESTART_FIRST_MS)
    }
  }

  /** Takes over a server that outlived its node; false where it ends, or listens elsewhere and has to. */
  async #adopt({ pid, socket }: Postmaster): Promise<boolean> {
    this.#options.onProgress?.('taking over the PostgreSQL that is still running')
    this.#pid = pid
    if (socket === this.#home.socket && (await this.#untilReady(() => !isAlive(pid)))) {
      this.#watchOver(pid)
      return true
    }
    // The folder was moved under it, or it was on its way out.
    this.#signal('SIGINT')
    if (await gone(pid, START_TIMEOUT_MS)) return false
    throw new StoreError('embedded-failed', `the PostgreSQL that was left running (process ${pid}) does not end`)
  }

  /** True when the database answers, false when the server has ended instead. */
  async #spawnOnce(): Promise<boolean> {
    const child = await this.#spawn()
    this.#pid = child.pid ?? null
    // Asked of the child, not heard of: one that ends at once may have done so before anybody listens.
    const ended = (): boolean => child.exitCode !== null || child.signalCode !== null
    const ready = (await this.#untilReady(ended)) && !ended()
    if (ready) child.once('exit', () => this.#onCrashed())
    else if (ended()) this.#pid = null
    return ready
  }

  async #checkVersion(): Promise<void> {
    const { data, binaries } = this.#home
    const version = await readFile(join(data, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    })
    if (version === null) return this.#initialise()
    if (Number(version) === binaries.major) return
    throw new StoreError(
      'embedded-other-version',
      `${data} was made by PostgreSQL ${version.trim()}, this build runs ${binaries.major}: dump it with the old one ` +
        'and restore it here, or move the folder away to begin anew',
    )
  }

  /** Makes the cluster beside its place and moves it there, so that a start that is cut short leaves no half of one. */
  async #initialise(): Promise<void> {
    const { data, account, binaries } = this.#home
    this.#options.onProgress?.('preparing PostgreSQL for its first start')
    const draft = `${data}.new`
    await rm(draft, { recursive: true, force: true })
    await mkdir(draft, { mode: 0o700 })
    if (account !== null) await chown(draft, account.uid, account.gid)
    const flags = ['--auth=trust', '--username=tandem', '--encoding=UTF8', '--no-locale', '--no-instructions']
    try {
      await promisify(execFile)(binaries.initdb, ['-D', draft, ...flags], this.#processOptions())
    } catch (error) {
      throw initError(data, error)
    }
    // An empty folder may stand there; anything else in it is somebody's.
    await rename(draft, data)
  }

  async #spawn(): Promise<ChildProcess> {
    const { data, socket, log, binaries } = this.#home
    this.#options.onProgress?.('starting PostgreSQL')
    const bytes = await stat(log).then(
      ({ size }) => size,
      () => 0,
    )
    const output = await open(log, bytes > MAX_LOG_BYTES ? 'w' : 'a', 0o600)
    try {
      // Detached: a Ctrl-C in the terminal is for the node, which may drain calls for a while yet.
      const child = spawn(binaries.postgres, ['-D', data, ...settingsFor(binaries.major, socket, SOCKET_PORT)], {
        ...this.#processOptions(),
        stdio: ['ignore', output.fd, output.fd],
        detached: true,
      })
      await once(child, 'spawn')
      child.unref()
      return child
    } catch (error) {
      throw new StoreError('embedded-failed', `cannot run ${binaries.postgres}: ${wordsOf(error)}`, error)
    } finally {
      await output.close()
    }
  }

  #processOptions(): {
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    readonly uid?: number
    readonly gid?: number
  } {
    const { account } = this.#home
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }
    return { cwd: '/', env, ...(account === null ? {} : account) }
  }

  /** True when the database answers, false when the server has ended instead. */
  async #untilReady(ended: () => boolean): Promise<boolean> {
    const giveUpAtMs = performance.now() + START_TIMEOUT_MS
    while (!ended() && !this.#stopping.signal.aborted) {
      try {
        await askOnce(socketUrl(this.#home.socket, SOCKET_PORT, 'postgres'), async (client) => {
          const { rows } = await client.query('select 1 from pg_database where datname = $1', [DATABASE])
          if (rows.length === 0) await client.query(`create database ${DATABASE}`)
        })
        return true
      } catch (error) {
        if (performance.now() > giveUpAtMs) throw await this.#failure(wordsOf(error))
        await delay(POLL_MS)
      }
    }
    return false
  }

  /** What went wrong, with the end of what the server wrote. */
  async #failure(words: string): Promise<StoreError> {
    const written = await readFile(this.#home.log, 'utf8').catch(() => '')
    const tail = written.trimEnd().split('\n').slice(-3).join(' | ')
    if (NO_SPACE.test(tail)) {
      return new StoreError('disk-full', `no space left for PostgreSQL in ${this.#home.data}`)
    }
    return new StoreError('embedded-failed', `${words}; see ${this.#home.log}: ${tail}`)
  }

  #watchOver(pid: number): void {
    this.#watch = setInterval(() => {
      if (isAlive(pid) || this.#watch === null) return
      clearInterval(this.#watch)
      this.#watch = null
      this.#onCrashed()
    }, WATCH_INTERVAL_MS).unref()
  }

  #onCrashed(): void {
    this.#pid = null
    if (this.#stopping.signal.aborted) return
    this.#options.onCrash?.(new StoreError('embedded-failed', 'PostgreSQL ended by itself and is started again'))
    this.#restarting = this.#restart()
  }

  async #restart(): Promise<void> {
    const { signal } = this.#stopping
    for (let waitMs = RESTART_FIRST_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RESTART_MAX_MS)) {
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => null)
      if (signal.aborted) return
      try {
        await this.#startUp()
        return
      } catch (error) {
        if (!signal.aborted) this.#options.onCrash?.(folderError(this.#home.data, error))
      }
    }
  }

  #signal(signal: 'SIGINT' | 'SIGQUIT'): void {
    if (this.#pid === null) return
    try {
      process.kill(this.#pid, signal)
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error
    }
  }
}

async function gone(pid: number, timeoutMs: number): Promise<boolean> {
  const giveUpAtMs = performance.now() + timeoutMs
  while (isAlive(pid)) {
    if (performance.now() > giveUpAtMs) return false
    await delay(POLL_MS)
  }
  return true
}

function initError(data: string, error: unknown): StoreError {
  const said = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr).trim() : ''
  if (NO_SPACE.test(said)) return new StoreError('disk-full', `no space left for ${data}`, error)
  return new StoreError(
    'embedded-failed',
    `initdb could not make ${data}: ${said === '' ? wordsOf(error) : said.replaceAll(/\s*\n\s*/g, ' | ')}`,
    error,
  )
}
