import { randomBytes, scrypt } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { seal, unseal } from './sealing.ts'

/** The file in a node's data folder with the wrapping secret that is made where the config has none. */
export const WRAP_KEY_FILE = 'key-wrap'
const KEY_BYTES = 32

/** What a key that is derived from the secret is for: no two uses share one. */
export type WrapPurpose = 'tandem recordings' | 'tandem srtp' | 'tandem managed'

/**
 * The key of a node for one purpose. `secret`: `store.keyWrap`; null: a secret in the data folder, made where there is none. Rejects where
 * that cannot be read or made.
 */
export async function wrappingKey(dataDir: string, secret: string | null, purpose: WrapPurpose): Promise<Buffer> {
  return derive(secret ?? (await ownSecret(dataDir)), purpose, KEY_BYTES)
}

/** Wraps short secrets, each sealed for what it belongs to: a call, or a place in an entry. */
export class KeyWrap {
  readonly #key: Buffer

  /** @param key 32 bytes */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** As `seal` gives it, in base64url. */
  wrap(subject: string, text: string): string {
    return seal(this.#key, subject, Buffer.from(text)).toString('base64url')
  }

  /** The text; null where it was wrapped with another key, for another subject, or is not what `wrap` has made. */
  unwrap(subject: string, wrapped: string): string | null {
    return unseal(this.#key, subject, Buffer.from(wrapped, 'base64url'))?.toString('utf8') ?? null
  }
}

const derive = promisify<string, string, number, Buffer>(scrypt)

async function ownSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, WRAP_KEY_FILE)
  await mkdir(dataDir, { recursive: true })
  try {
    await writeFile(file, `${randomBytes(KEY_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const text = (await readFile(file, 'utf8')).trim()
  if (text === '') throw new Error(`${file} holds no key; without it what was recorded cannot be read`)
  return text
}
