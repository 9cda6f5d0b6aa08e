import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallId, TenantId } from '../../lib/core/ids.ts'
import { formatWavHeader } from '../../lib/media/wav.ts'
import { wrappingKey } from '../key-wrap.ts'
import { audioBytes, chunkBytes, HEAD_BYTES, newFileKey, openChunk, openHead } from './format.ts'
import type { RecordingSpec } from './writer.ts'

const FOLDER = 'recordings'
const SUFFIX = '.trec'
/** What a recording's name may look like: made by `begin`, and never a way out of the folder. */
const NAME = /^recordings\/[A-Za-z0-9][A-Za-z0-9._-]{0,62}\/[0-9A-Z]{26}\.trec$/

/** A recording to be made. */
export interface NewRecording {
  /** As the record of the call has it: its place in the data folder. */
  readonly name: string
  readonly spec: RecordingSpec
}

/** The audio of a recording as a WAV file: how many bytes, and the bytes. */
export interface WavBytes {
  readonly length: number
  readonly chunks: AsyncIterable<Buffer>
}

/** The recordings of a node: encrypted files in its data folder, one a call, a folder for each tenant. */
export class Recordings {
  readonly #dataDir: string
  readonly #wrapKey: Buffer

  private constructor(dataDir: string, wrapKey: Buffer) {
    this.#dataDir = dataDir
    this.#wrapKey = wrapKey
  }

  /** `secret`: `store.keyWrap`; null: a key in the data folder, made where there is none. Rejects where it cannot be read or made. */
  static async open(dataDir: string, secret: string | null): Promise<Recordings> {
    return new Recordings(dataDir, await wrappingKey(dataDir, secret, 'tandem recordings'))
  }

  /** The place and the key for a recording; folder and file come with the first audio. */
  begin(call: CallId, tenant: TenantId): NewRecording {
    const name = `${FOLDER}/${tenant}/${call}${SUFFIX}`
    return { name, spec: { file: join(this.#dataDir, name), ...newFileKey(this.#wrapKey, call) } }
  }

  /** A recording as WAV, as far as it is whole; null where there is none here, or it cannot be opened with our key. */
  async read(name: string, call: CallId): Promise<WavBytes | null> {
    if (!NAME.test(name)) return null
    const path = join(this.#dataDir, name)
    const index = await indexOf(path).catch(() => null)
    if (index === null) return null
    const key = openHead(index.head, this.#wrapKey, call)
    if (key === null) return null
    const bytes = index.chunks.reduce((sum, { length }) => sum + audioBytes(length), 0)
    const header = formatWavHeader(bytes, undefined, 2)
    return { length: header.length + bytes, chunks: audioOf(path, header, index.chunks, key) }
  }

  /** Removes recordings that are older than their tenant keeps them; a tenant that is unknown keeps them for ever. */
  async sweep(keptForMs: (tenant: string) => number | null, now: number): Promise<number> {
    let removed = 0
    for (const tenant of await readdir(join(this.#dataDir, FOLDER)).catch(() => [])) {
      const keptMs = keptForMs(tenant)
      if (keptMs === null) continue
      const folder = join(this.#dataDir, FOLDER, tenant)
      for (const file of await readdir(folder).catch(() => [])) {
        if (!file.endsWith(SUFFIX)) continue
        const { mtimeMs } = await stat(join(folder, file)).catch(() => ({ mtimeMs: now }))
        if (now - mtimeMs <= keptMs) continue
        await rm(join(folder, file), { force: true })
        removed++
      }
    }
    return removed
  }
}

interface ChunkPlace {
  readonly at: number
  readonly length: number
}

/** Where the chunks of a file are; one that was not written to its end is not among them. */
async function indexOf(path: string): Promise<{ readonly head: Buffer; readonly chunks: readonly ChunkPlace[] }> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const head = Buffer.alloc(HEAD_BYTES)
    await file.read(head, 0, HEAD_BYTES, 0)
    const chunks: ChunkPlace[] = []
    const start = Buffer.alloc(4)
    for (let at = HEAD_BYTES; at < size; ) {
      const { bytesRead } = await file.read(start, 0, start.length, at)
      const length = chunkBytes(start.subarray(0, bytesRead))
      if (length === null || at + length > size) break
      chunks.push({ at, length })
      at += length
    }
    return { head, chunks }
  } finally {
    await file.close()
  }
}

async function* audioOf(
  path: string,
  header: Buffer,
  places: readonly ChunkPlace[],
  key: Buffer,
): AsyncGenerator<Buffer> {
  yield header
  const file = await open(path)
  try {
    for (const [number, { at, length }] of places.entries()) {
      const chunk = Buffer.alloc(length)
      await file.read(chunk, 0, length, at)
      const audio = openChunk(key, number, chunk)
      if (audio === null) throw new Error(`chunk ${number} of ${path} is not as it was written`)
      yield audio
    }
  } finally {
    await file.close()
  }
}
