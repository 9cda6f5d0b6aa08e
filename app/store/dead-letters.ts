import { appendFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Frame } from '../../lib/store/frame.ts'
import { codeOf } from './store-error.ts'

/** The file grows no further than this; what comes then is only counted. */
const MAX_FILE_BYTES = 16 * 1024 * 1024

/** Entries that Postgres will never take, kept in a file for a person to look at: one JSON object a line. */
export class DeadLetters {
  readonly #path: string
  #count = 0
  #lastReason = ''

  constructor(folder: string) {
    this.#path = join(folder, 'dead-letters.jsonl')
  }

  /** Entries set aside since the start. */
  get count(): number {
    return this.#count
  }

  /** What to tell a person. */
  get words(): string {
    return `${this.#count} entries set aside in ${this.#path}, the last one because: ${this.#lastReason}`
  }

  /** Sets one entry aside with the reason. Rejects where the disk refuses, so that the entry stays in the queue. */
  async add(frame: Frame, reason: string): Promise<void> {
    const line = `${JSON.stringify({ at: new Date(), kind: frame.kind, reason, entry: frame.json.toString() })}\n`
    if ((await this.#bytes()) + line.length <= MAX_FILE_BYTES) await appendFile(this.#path, line, { mode: 0o600 })
    this.#count += 1
    this.#lastReason = reason
  }

  async #bytes(): Promise<number> {
    try {
      return (await stat(this.#path)).size
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return 0
      throw error
    }
  }
}
