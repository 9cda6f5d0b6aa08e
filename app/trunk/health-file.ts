import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrunkId } from '../../lib/core/ids.ts'

const FILE = 'trunk-health.json'

/**
 * What this node has found out about its trunks, in its data folder: a trunk that was down before a restart is down after it,
 * also while Postgres is away. A file that cannot be read is one that says nothing.
 */
export class HealthFile {
  readonly #path: string
  readonly #onError: (error: unknown) => void
  readonly #stored: ReadonlyMap<string, unknown>
  #next: string | null = null
  #writing: Promise<void> | null = null

  constructor(dataDir: string, onError: (error: unknown) => void) {
    this.#path = join(dataDir, FILE)
    this.#onError = onError
    this.#stored = readStored(this.#path)
  }

  /** What an earlier run stored of a trunk, unchecked. */
  read(id: TrunkId): unknown {
    return this.#stored.get(id)
  }

  /** Replaces the file; of several writes in a row the last one counts. */
  write(states: ReadonlyMap<TrunkId, unknown>): void {
    this.#next = JSON.stringify(Object.fromEntries(states))
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = null
    })
  }

  async close(): Promise<void> {
    await this.#writing
  }

  async #drain(): Promise<void> {
    for (let text = this.#next; text !== null; text = this.#next) {
      this.#next = null
      try {
        // Renamed into place: a crash leaves the old file or the new one, never half of one.
        await writeFile(`${this.#path}.new`, text)
        await rename(`${this.#path}.new`, this.#path)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}

function readStored(path: string): ReadonlyMap<string, unknown> {
  try {
    const stored: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return new Map(typeof stored === 'object' && stored !== null ? Object.entries(stored) : [])
  } catch {
    return new Map()
  }
}
