import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { withDeadline } from '../deadline.ts'
import { connectionConfig, QUERY_TIMEOUT_MS } from './postgres.ts'
import { isAlive, runsProgram } from './processes.ts'
import { codeOf } from './store-error.ts'

/** What a PostgreSQL server writes about itself into `postmaster.pid` (PostgreSQL source: `miscadmin.h`). */
export interface Postmaster {
  readonly pid: number
  /** The folder of its unix socket. */
  readonly socket: string
}

const LINE_SOCKET = 4
const END_TIMEOUT_MS = 1000

/**
 * The server that runs on this data directory, or null where none does: also where a dead one left the file, and where
 * its number was given to another program since.
 */
export async function findPostmaster(data: string): Promise<Postmaster | null> {
  try {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')
    const pid = Number(lines[0])
    const socket = lines[LINE_SOCKET]
    if (!Number.isSafeInteger(pid) || pid <= 0 || socket === undefined || socket === '') return null
    return isAlive(pid) && (await runsProgram(pid, 'postgres', data)) ? { pid, socket } : null
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** How a client reaches the database `database` over the socket in `folder`. */
export const socketUrl = (folder: string, port: number, database: string): string =>
  `postgres:///${database}?host=${encodeURIComponent(folder)}&port=${port}&user=tandem&sslmode=disable`

/** Runs the questions on one connection of its own. Rejects where the server cannot be reached, or does not answer in time. */
export async function askOnce<T>(url: string, ask: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connectionConfig(url), query_timeout: QUERY_TIMEOUT_MS })
  // An end by the server while we ask is told by the question's rejection.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await ask(client)
  } finally {
    // A server that has stopped in the middle never says goodbye.
    await withDeadline(client.end(), END_TIMEOUT_MS).catch(() => undefined)
  }
}
