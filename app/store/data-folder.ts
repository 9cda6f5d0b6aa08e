import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isAlive, startOf } from './processes.ts'
import { codeOf, StoreError, wordsOf } from './store-error.ts'

/** A node's data folder, held by this process until it lets go. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string
  release(): Promise<void>
}

/** Two processes that find a stale lock at the same moment try again this often. */
const ATTEMPTS = 5

/**
 * Makes the folder where it is missing and holds it, so that no second node writes into it. A lock that a killed process
 * left behind is recognised and replaced. Rejects with `data-folder-held`, `data-folder-unusable` or `disk-full`.
 */
export async function holdDataFolder(folder: string): Promise<DataFolder> {
  const path = resolve(folder)
  const lock = join(path, 'node.lock')
  try {
    await makeFolder(path)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await writeLock(lock)) return { path, release: () => rm(lock, { force: true }) }
      const holder = await readHolder(lock)
      if (holder !== null && isRunning(holder)) {
        throw new StoreError('data-folder-held', `${path} is in use by another node: process ${holder.pid}`)
      }
      await rm(lock, { force: true })
    }
  } catch (error) {
    throw folderError(path, error)
  }
  throw new StoreError('data-folder-held', `${path} is being taken by another node`)
}

/**
 * Makes a folder and those above it. Node's own `recursive` tries for ever where a file system says ENOENT to a folder in one
 * that is there, as /proc does (seen with Node 20 and 22).
 */
async function makeFolder(path: string): Promise<void> {
  const first = await tryToMake(path)
  if (first === 'made') return
  if (dirname(path) !== path) await makeFolder(dirname(path))
  const second = await tryToMake(path)
  if (second !== 'made') throw second
}

/** `made` where the folder is there now; an error where the one above it is missing. Rejects where nothing helps. */
async function tryToMake(path: string): Promise<'made' | Error> {
  try {
    await mkdir(path)
    return 'made'
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && error instanceof Error) return error
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return 'made'
    throw error
  }
}

/** What a file system's refusal means for the one who chose the folder. */
export function folderError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new StoreError('disk-full', `no space left for ${path}`, error)
  const hint =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? ' (set node.dataDir to a folder you may write)' : ''
  return new StoreError('data-folder-unusable', `cannot use the data folder ${path}: ${wordsOf(error)}${hint}`, error)
}

interface Holder {
  readonly pid: number
  /** When the process was started, in the system's own words: tells it from a later one with the same number. */
  readonly started: string | null
}

async function writeLock(lock: string): Promise<boolean> {
  // Written first and named afterwards, so that nobody ever reads half a lock.
  const draft = `${lock}.${process.pid}`
  await writeFile(draft, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }))
  try {
    await link(draft, lock)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function readHolder(lock: string): Promise<Holder | null> {
  try {
    const holder: unknown = JSON.parse(await readFile(lock, 'utf8'))
    if (typeof holder !== 'object' || holder === null || !('pid' in holder) || typeof holder.pid !== 'number')
      return null
    return {
      pid: holder.pid,
      started: 'started' in holder && typeof holder.started === 'string' ? holder.started : null,
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return null
    throw error
  }
}

const isRunning = (holder: Holder): boolean =>
  isAlive(holder.pid) && (holder.started === null || holder.started === startOf(holder.pid))
