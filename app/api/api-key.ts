import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const KEY_BYTES = 32

/** The file in a node's data folder that holds the key which `start` makes where the configuration has none. */
export const API_KEY_FILE = 'api-key'

/**
 * The admin key of a node without configured keys: read from its data folder, or made there, readable by this user
 * alone. Rejects where the folder cannot be written, or the file holds no key.
 */
export async function writeApiKey(dataDir: string): Promise<string> {
  const file = join(dataDir, API_KEY_FILE)
  await mkdir(dataDir, { recursive: true })
  const made = randomBytes(KEY_BYTES).toString('base64url')
  try {
    // `wx`: of two nodes that start at once on one folder, one makes the key and both use it.
    await writeFile(file, `${made}\n`, { mode: 0o600, flag: 'wx' })
    return made
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const key = await readApiKey(dataDir)
  if (key === undefined) throw new Error(`${file} holds no key; remove it, and a new one is made`)
  return key
}

/** The key in a data folder; undefined where there is none that this user may read. */
export async function readApiKey(dataDir: string): Promise<string | undefined> {
  try {
    const key = (await readFile(join(dataDir, API_KEY_FILE), 'utf8')).trim()
    return key === '' ? undefined : key
  } catch {
    return undefined
  }
}
