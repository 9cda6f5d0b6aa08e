import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis } from 'ioredis'
import type { RedisChoice } from '../../lib/config/engines.ts'
import { tlsConnector } from './redis-tls.ts'

/** One connection to Redis, or to each node of a Cluster. */
export type RedisClient = Redis | Cluster

/** Where Redis is, as the config names it. */
export type RedisServer = Exclude<RedisChoice, { readonly kind: 'embedded' }>

const DEFAULT_PORT = 6379
const CONNECT_TIMEOUT_MS = 2000
/** Longer than this no caller waits for Redis; it is asked again by whoever needs it. */
const COMMAND_TIMEOUT_MS = 1500
const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 2000
const DISCONNECT_TIMEOUT_MS = 500
/** Hops of one command between nodes of a Cluster; each costs a round trip. */
const MAX_REDIRECTIONS = 4
const CLUSTER_RETRY_MS = 100

const backoffMs = (attempt: number): number =>
  Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(attempt - 1, 10), BACKOFF_MAX_MS)

/**
 * Makes clients that reconnect by themselves, for ever, and refuse commands at once while they are not connected. A
 * `rediss://` URL may name a file with the certificates to trust: `?ca=FILE`. Rejects where that cannot be read.
 */
export async function redisClients(server: RedisServer): Promise<() => RedisClient> {
  switch (server.kind) {
    case 'server': {
      const options = await serverOptions(new URL(server.url))
      return () => new Redis({ ...SINGLE, ...options })
    }
    case 'sentinel':
      return () =>
        new Redis({
          ...SINGLE,
          sentinels: server.hosts.map(({ host, port }) => ({ host, port })),
          name: server.name,
          sentinelRetryStrategy: backoffMs,
          // Told by Sentinel of a failover, rather than left on a server that was demoted.
          failoverDetector: true,
          sentinelReconnectStrategy: backoffMs,
          ...(server.password !== null && { password: server.password }),
        })
    case 'cluster':
      return () => new Cluster([...server.hosts], clusterOptions(server.password))
  }
}

const COMMON = {
  connectionName: 'tandem',
  connectTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
}
/** Of a client that is one connection; a Cluster has its own words for these. */
const SINGLE = { ...COMMON, retryStrategy: backoffMs, enableOfflineQueue: false }

async function serverOptions(url: URL) {
  const db = Number(url.pathname.slice(1))
  const place = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
  }
  return {
    ...place,
    db: Number.isInteger(db) ? db : 0,
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' && (await tlsOptions(place, url.searchParams.get('ca')))),
  }
}

async function tlsOptions(place: { readonly host: string; readonly port: number }, caFile: string | null) {
  const tls: ConnectionOptions = caFile === null ? {} : { ca: await readFile(caFile, 'utf8') }
  return { tls, Connector: tlsConnector({ ...place, ...tls }, DISCONNECT_TIMEOUT_MS) }
}

function clusterOptions(password: string | null) {
  return {
    redisOptions: { ...COMMON, ...(password !== null && { password }) },
    clusterRetryStrategy: backoffMs,
    enableOfflineQueue: false,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    maxRedirections: MAX_REDIRECTIONS,
    retryDelayOnFailover: CLUSTER_RETRY_MS,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
  }
}

/** Longer than this no client needs to end its connections: DISCONNECT_TIMEOUT_MS, and room for a busy machine. */
const MAX_DISCONNECTING_MS = 5_000

/** States of a client that it leaves by itself, or never. */
const PASSING: ReadonlySet<string> = new Set<RedisClient['status']>(['disconnecting', 'close'])

/**
 * Tells at each call whether a client is connected. One that has given up begins anew; so does one that ioredis has left behind, a Cluster in both cases:
 * `disconnecting`, where it was told to reconnect while it had no connection to any node, and waits for ever for the last of them to end; and
 * `close`, where the last connection of the time before ended while names were looked up for the next, which then stops without a word.
 */
export function readyCheck(client: RedisClient, maxPassingMs: number = MAX_DISCONNECTING_MS): () => boolean {
  let passingSinceMs: number | null = null
  return () => {
    const { status } = client
    const nowMs = performance.now()
    passingSinceMs = PASSING.has(status) ? (passingSinceMs ?? nowMs) : null
    const isStuck = passingSinceMs !== null && nowMs - passingSinceMs > maxPassingMs
    if (isStuck) passingSinceMs = null
    if (status === 'end' || isStuck) void client.connect().catch(() => undefined)
    return status === 'ready'
  }
}

/** Ends a client for good, whatever it is doing. */
export async function endClient(client: RedisClient): Promise<void> {
  if (client.status === 'end') return
  const ended = once(client, 'end', { signal: AbortSignal.timeout(2 * DISCONNECT_TIMEOUT_MS) })
  client.disconnect()
  await ended.catch(() => undefined) // A connection that hangs is destroyed by its own timeout.
}
