import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedPostgres } from '../../app/store/embedded-postgres.ts'
import type { PostgresBinaries } from '../../app/store/postgres-binaries.ts'

/** Debian's PostgreSQL 15, or null where the package `postgresql` is not installed. */
export function debianBinaries(): PostgresBinaries | null {
  const bin = '/usr/lib/postgresql/15/bin'
  if (!existsSync(join(bin, 'postgres'))) return null
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres'), major: 15, tree: null }
}

export interface TestPostgres {
  readonly url: string
  /** Ends the server and keeps its data, as an outage does. */
  interrupt(): Promise<void>
  /** Brings it back at the same URL. */
  resume(): Promise<void>
  /** Ends the server and removes its data. */
  stop(): Promise<void>
}

/** A PostgreSQL of the test's own with an empty database: the embedded one, unless other programs are given. */
export async function startPostgres(binaries?: PostgresBinaries): Promise<TestPostgres> {
  const folder = await tempFolder()
  const options = binaries === undefined ? { dataDir: folder } : { dataDir: folder, binaries }
  let server: EmbeddedPostgres | null = await EmbeddedPostgres.start(options)
  const interrupt = async (): Promise<void> => {
    await server?.stop()
    server = null
  }
  return {
    url: server.url,
    interrupt,
    resume: async () => {
      server ??= await EmbeddedPostgres.start(options)
    },
    stop: async () => {
      await interrupt()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A fresh folder that every user may pass, as PostgreSQL needs it where tests run as root. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-test-'))
  await chmod(folder, 0o755)
  return folder
}
