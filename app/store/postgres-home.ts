import { createHash } from 'node:crypto'
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { codeOf, StoreError } from './store-error.ts'

/** Who the server runs as, where it cannot run as us: PostgreSQL refuses to be root. */
interface Account {
  readonly uid: number
  readonly gid: number
}

/** Where the parts of an embedded PostgreSQL stand. */
export interface PostgresHome {
  /** The cluster's data directory; it may not exist yet. */
  readonly data: string
  /** The folder of the unix socket, closed to other users: who gets in needs no password. */
  readonly socket: string
  readonly log: string
  readonly account: Account | null
  readonly binaries: PostgresBinaries
}

/** `nobody` on Linux and macOS alike is good enough: it owns nothing else that we made. */
const NOBODY: Account = { uid: 65_534, gid: 65_534 }
/** Where data and programs stand when root's own folders are closed to `nobody`. */
const OPEN_FOLDER = '/var/lib/tandem'
/** `sun_path` holds 108 bytes on Linux and 104 on macOS, the closing zero included. */
const MAX_SOCKET_PATH_BYTES = 103
export const SOCKET_PORT = 5432

/**
 * Finds or makes the folders for a PostgreSQL that belongs to `dataDir`. As root, where `nobody` cannot reach `dataDir`
 * (a home of mode 700), the data stands in /var/lib/tandem instead and `<dataDir>/postgres` is a link to it.
 */
export async function makeHome(dataDir: string, binaries: PostgresBinaries): Promise<PostgresHome> {
  const account = process.getuid?.() === 0 ? NOBODY : null
  const data = await placeData(join(await realpath(dataDir), 'postgres'), account)
  const parent = dirname(data)
  const socket = await makeSocketFolder(data, account)
  return { data, socket, log: join(parent, 'postgres.log'), account, binaries: await reachable(binaries, account) }
}

async function placeData(path: string, account: Account | null): Promise<string> {
  const linked = await linkOf(path)
  if (linked !== null) {
    const target = await realpath(path).catch(() => null)
    if (target !== null) return target
    // Linked and not yet filled, or gone with all it held: the parent tells.
    if (await exists(dirname(linked))) return linked
    throw new StoreError('embedded-failed', `${path} points to ${linked}, which is gone; remove the link to begin anew`)
  }
  if (account === null || (await canReach(dirname(path), account))) return path
  if (await exists(path)) throw unreachable(path)
  const outside = join(await makeOpenFolder(`${basename(dirname(path))}-`, path), 'postgres')
  await symlink(outside, path)
  return outside
}

async function makeOpenFolder(prefix: string, wanted: string): Promise<string> {
  try {
    await mkdir(OPEN_FOLDER, { recursive: true, mode: 0o755 })
    const folder = await mkdtemp(join(OPEN_FOLDER, prefix))
    await chmod(folder, 0o755)
    return folder
  } catch (error) {
    throw unreachable(wanted, error)
  }
}

async function makeSocketFolder(data: string, account: Account | null): Promise<string> {
  const near = join(dirname(data), 'postgres-socket')
  const longest = Buffer.byteLength(join(near, `.s.PGSQL.${SOCKET_PORT}`))
  const digest = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const folder = longest <= MAX_SOCKET_PATH_BYTES ? near : join(tmpdir(), `tandem-${digest}`)
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
  const found = await lstat(folder)
  const owners = [process.getuid?.(), account?.uid]
  // In a folder for everybody somebody else may have made it first, to listen in.
  if (!found.isDirectory() || !owners.includes(found.uid)) {
    throw new StoreError('embedded-failed', `${folder} is not ours: remove it, PostgreSQL's socket has to stand there`)
  }
  await chmod(folder, 0o700)
  if (account !== null) await chown(folder, account.uid, account.gid)
  return folder
}

/** The programs where the account can run them: as they are, or a copy of them. */
async function reachable(binaries: PostgresBinaries, account: Account | null): Promise<PostgresBinaries> {
  if (account === null || binaries.tree === null || (await canReach(binaries.tree, account))) return binaries
  const version = basename(dirname(binaries.tree))
  const copy = join(OPEN_FOLDER, `postgresql-${binaries.major}-${version}`)
  if (!(await exists(copy))) await copyTree(binaries.tree, copy)
  const bin = join(copy, 'bin')
  return { ...binaries, tree: copy, initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
}

async function copyTree(tree: string, copy: string): Promise<void> {
  const draft = await makeOpenFolder('copy-', tree)
  try {
    await cp(tree, draft, { recursive: true, verbatimSymlinks: true })
    await chmod(draft, 0o755)
    await rename(draft, copy)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    // Another node made the same copy meanwhile.
    if (!(await exists(copy))) throw error
  }
}

/** True where the account may pass every folder on the way, this one included. */
async function canReach(folder: string, account: Account): Promise<boolean> {
  const { mode, uid, gid } = await stat(folder)
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  if ((mode & bit) === 0) return false
  return dirname(folder) === folder || canReach(dirname(folder), account)
}

async function linkOf(path: string): Promise<string | null> {
  try {
    return await readlink(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EINVAL') return null
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

const unreachable = (path: string, cause?: unknown): StoreError =>
  new StoreError(
    'embedded-failed',
    `PostgreSQL refuses to run as root, and the user nobody cannot reach ${path}: ` +
      'run Tandem as another user, or set node.dataDir to a folder that every user may pass',
    cause,
  )
