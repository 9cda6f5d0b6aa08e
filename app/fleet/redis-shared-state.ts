import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { packageRoot } from '../package-root.ts'
import { StoreError, wordsOf } from '../store/store-error.ts'
import { endClient, type RedisClient, type RedisServer, readyCheck, redisClients } from './redis-client.ts'
import { RedisDoorbell } from './redis-doorbell.ts'
import type { SharedState, SharedStateChange, Unsubscribe } from './shared-state.ts'
import { checkChannel, checkKey, checkTtl, toMessage, toValue } from './shared-state-input.ts'
import { SharedStateWatch } from './shared-state-watch.ts'

/**
 * The prefix of all that is ours in Redis. As a hash tag it keeps everything on one node of a Cluster, so that value and
 * index change in one step; a fleet's shared state is small.
 */
const PREFIX = '{tandem}'
const VALUES = `${PREFIX}:`
const CHANNELS = `${PREFIX}/`
const INDEX = `${PREFIX}.keys`
const ENDS = `${PREFIX}.ends`
const PULSE = `${PREFIX}.pulse`
const PULSE_TTL_MS = 10_000
/** Ended keys that one put drops from the index: more than one, so that the index shrinks. */
const MAX_DROPPED = 32
/** Values that are read at once. */
const LIST_PAGE = 500
/** Above every byte of UTF-8, so `prefix + this` is above every key with that prefix. */
const ABOVE = Buffer.from([0xff])
const FIRST_ROUND_MS = 2000

/** What an answer of Redis means that is no value: a person must act. Everything else may get better by itself. */
const REFUSED = /^(?:NOAUTH|WRONGPASS|NOPERM|WRONGTYPE|ERR)\b/

/** The texts of `lua/`. */
interface Scripts {
  readonly put: string
  readonly claim: string
  readonly release: string
  readonly publish: string
}

const readScript = (name: keyof Scripts): Promise<string> =>
  readFile(new URL(`app/fleet/lua/${name}.lua`, packageRoot()), 'utf8')

/**
 * Shared state in Redis: one server, Sentinel's master, or a Cluster. Times are those of the server. Rejects with
 * `shared-state-input` for what no carrier takes, `redis-away` or `redis-refused` else; never waits for Redis to return.
 */
export class RedisSharedState implements SharedState {
  readonly #commands: RedisClient
  readonly #bell: RedisClient
  readonly #doorbell: RedisDoorbell
  readonly #watch: SharedStateWatch
  readonly #scripts: Scripts

  /** The ring of ours that we wait to hear. */
  #echo: { readonly ring: string; readonly heard: () => void } | null = null
  readonly #echoChannel = `echo:${randomUUID()}`

  private constructor(commands: RedisClient, bell: RedisClient, scripts: Scripts) {
    this.#commands = commands
    this.#bell = bell
    this.#scripts = scripts
    this.#doorbell = new RedisDoorbell(bell, CHANNELS)
    const clients = [commands, bell]
    const checks = clients.map((client) => readyCheck(client))
    this.#watch = new SharedStateWatch({
      connected: () => checks.map((isReady) => isReady()).every(Boolean),
      round: () => this.#round(),
      // One that is on its way already is left alone: see `readyCheck`.
      reconnect: () => {
        for (const client of clients) if (client.status === 'ready') client.disconnect(true)
      },
    })
    // Heard as soon as there is a connection: `resubscribe` sees to it.
    void this.#doorbell.subscribe(this.#echoChannel, (ring) => {
      if (this.#echo !== null && ring === this.#echo.ring) this.#echo.heard()
    })
    for (const client of clients) {
      client.on('ready', () => this.#watch.look())
      client.on('close', () => this.#watch.lost('the connection is closed'))
      client.on('error', (error: Error) => this.#watch.lost(wordsOf(error)))
    }
  }

  /**
   * Resolves when Redis answers, or when it cannot be reached now: then it is used as soon as it can be. `onState` hears of
   * every state, the first one included.
   */
  static async connect(
    server: RedisServer,
    onState: (change: SharedStateChange) => void = () => undefined,
  ): Promise<RedisSharedState> {
    const make = await redisClients(server)
    const scripts: Scripts = {
      put: await readScript('put'),
      claim: await readScript('claim'),
      release: await readScript('release'),
      publish: await readScript('publish'),
    }
    const shared = new RedisSharedState(make(), make(), scripts)
    shared.onState(onState)
    await shared.#watch.settled(FIRST_ROUND_MS)
    return shared
  }

  async put(key: string, value: unknown, ttlMs: number): Promise<void> {
    const [name, json, ttl] = [checkKey(key), toValue(value), checkTtl(ttlMs)]
    await this.#ask(() =>
      this.#commands.eval(this.#scripts.put, 3, VALUES + name, INDEX, ENDS, name, json, ttl, MAX_DROPPED),
    )
  }

  async get(key: string): Promise<unknown> {
    const name = VALUES + checkKey(key)
    return parseValue(await this.#ask(() => this.#commands.get(name)))
  }

  async delete(key: string): Promise<void> {
    const name = checkKey(key)
    await this.#ask(() =>
      this.#commands
        .multi()
        .del(VALUES + name)
        .zrem(INDEX, name)
        .zrem(ENDS, name)
        .exec(),
    )
  }

  async list(prefix: string): Promise<ReadonlyMap<string, unknown>> {
    const [from, to] =
      prefix === '' ? ['-', '+'] : [`[${checkKey(prefix)}`, Buffer.concat([Buffer.from(`(${prefix}`), ABOVE])]
    const keys = await this.#ask(() => this.#commands.zrangebylex(INDEX, from, to))
    const entries = new Map<string, unknown>()
    for (let at = 0; at < keys.length; at += LIST_PAGE) {
      const page = keys.slice(at, at + LIST_PAGE)
      const values = await this.#ask(() => this.#commands.mget(page.map((key) => VALUES + key)))
      for (const [i, key] of page.entries()) {
        const value = parseValue(values[i] ?? null)
        if (value !== undefined) entries.set(key, value)
      }
    }
    return entries
  }

  async claim(key: string, holder: string, ttlMs: number): Promise<boolean> {
    const [name, json, ttl] = [checkKey(key), toValue(holder), checkTtl(ttlMs)]
    const { claim } = this.#scripts
    return (await this.#ask(() => this.#commands.eval(claim, 3, VALUES + name, INDEX, ENDS, name, json, ttl))) === 1
  }

  async release(key: string, holder: string): Promise<boolean> {
    const [name, json] = [checkKey(key), toValue(holder)]
    const { release } = this.#scripts
    return (await this.#ask(() => this.#commands.eval(release, 3, VALUES + name, INDEX, ENDS, name, json))) === 1
  }

  async publish(channel: string, message: unknown): Promise<void> {
    const [name, json] = [CHANNELS + checkChannel(channel), toMessage(message)]
    await this.#ask(() => this.#ring(name, json))
  }

  async subscribe(channel: string, listener: (message: unknown) => void): Promise<Unsubscribe> {
    return this.#doorbell.subscribe(checkChannel(channel), listener)
  }

  onState(listener: (change: SharedStateChange) => void): () => void {
    return this.#watch.onState(listener)
  }

  async close(): Promise<void> {
    this.#watch.close()
    await Promise.all([endClient(this.#commands), endClient(this.#bell)])
  }

  /** All channels are listened to, Redis takes a write, and a ring of ours comes back to us. */
  async #round(): Promise<void> {
    await this.#doorbell.resubscribe()
    const ring = randomUUID()
    const heard = new Promise<void>((resolve) => {
      this.#echo = { ring, heard: resolve }
    })
    await this.#commands.set(PULSE, ring, 'PX', PULSE_TTL_MS)
    await this.#ring(CHANNELS + this.#echoChannel, JSON.stringify(ring))
    await heard // The watch gives it up in time.
  }

  #ring(channel: string, json: string): Promise<unknown> {
    return this.#commands.eval(this.#scripts.publish, 1, PULSE, channel, json)
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question()
    } catch (error) {
      const words = wordsOf(error)
      throw new StoreError(REFUSED.test(words) ? 'redis-refused' : 'redis-away', `shared state: ${words}`, error)
    }
  }
}

/** Undefined for what is not there, and for what nobody of ours wrote. */
function parseValue(json: string | null): unknown {
  try {
    return json === null ? undefined : JSON.parse(json)
  } catch {
    return undefined
  }
}
