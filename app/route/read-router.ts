import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { RouterSource } from './messages.ts'

const MAX_BYTES = 1_048_576

/** The file of a router, relative to the working directory. The error says why it cannot be read. */
export async function readRouter(file: string): Promise<Result<RouterSource, string>> {
  const path = resolve(file)
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) return err(`${path}: too large: ${size} bytes, at most ${MAX_BYTES}`)
    return ok({ url: pathToFileURL(path).href, source: await readFile(path, 'utf8') })
  } catch (error) {
    return err(`${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
