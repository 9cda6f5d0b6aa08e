import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/**
 * A recording at rest: a head with the file's own key, wrapped (AES-256-GCM, the call's id as additional data), then chunks of a second.
 *
 *     head:  "TREC" 01 00 00 00 | nonce (12) | key (32) | tag (16)
 *     chunk: length of the audio, uint32 LE | audio | tag (16)
 *
 * Each chunk is AES-256-GCM under the file's key with its number as nonce: what was written before a crash can be read, and nothing can
 * be changed or moved. The audio is 16-bit stereo PCM at 8000 Hz, the caller left, the agent right.
 */
const MAGIC = Buffer.from('TREC\u0001\0\0\0', 'latin1')
const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const KEY_BYTES = 32
const TAG_BYTES = 16
const LENGTH_BYTES = 4
/** More than a chunk ever has. */
const MAX_CHUNK_BYTES = 64 * 1024

export const HEAD_BYTES = MAGIC.length + NONCE_BYTES + KEY_BYTES + TAG_BYTES

/** A new key for one file, and the head that keeps it. */
export function newFileKey(wrapKey: Buffer, call: string): { readonly key: Buffer; readonly head: Buffer } {
  const [key, nonce] = [randomBytes(KEY_BYTES), randomBytes(NONCE_BYTES)]
  const cipher = createCipheriv(CIPHER, wrapKey, nonce).setAAD(Buffer.from(call))
  const wrapped = Buffer.concat([cipher.update(key), cipher.final()])
  return { key, head: Buffer.concat([MAGIC, nonce, wrapped, cipher.getAuthTag()]) }
}

/** The key that a head keeps; null where it is none, was made with another wrapping key, or belongs to another call. */
export function openHead(head: Buffer, wrapKey: Buffer, call: string): Buffer | null {
  if (head.length !== HEAD_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) return null
  const nonce = head.subarray(MAGIC.length, MAGIC.length + NONCE_BYTES)
  const wrapped = head.subarray(MAGIC.length + NONCE_BYTES, HEAD_BYTES - TAG_BYTES)
  const decipher = createDecipheriv(CIPHER, wrapKey, nonce).setAAD(Buffer.from(call))
  return opened(decipher.setAuthTag(head.subarray(HEAD_BYTES - TAG_BYTES)), wrapped)
}

/** Chunk `number`, from 0, as it is written. */
export function sealChunk(key: Uint8Array, number: number, audio: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonceOf(number))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(audio.length)
  return Buffer.concat([length, cipher.update(audio), cipher.final(), cipher.getAuthTag()])
}

/** How long the chunk is that these bytes begin, its own head included; null where they begin none. */
export function chunkBytes(start: Buffer): number | null {
  if (start.length < LENGTH_BYTES) return null
  const audio = start.readUInt32LE()
  return audio === 0 || audio > MAX_CHUNK_BYTES ? null : LENGTH_BYTES + audio + TAG_BYTES
}

/** Bytes of audio in a chunk of that length. */
export const audioBytes = (chunk: number): number => chunk - LENGTH_BYTES - TAG_BYTES

/** The audio of chunk `number`; null where it was not written with this key, or not as that chunk. */
export function openChunk(key: Uint8Array, number: number, chunk: Buffer): Buffer | null {
  const decipher = createDecipheriv(CIPHER, key, nonceOf(number))
  const tagAt = chunk.length - TAG_BYTES
  return opened(decipher.setAuthTag(chunk.subarray(tagAt)), chunk.subarray(LENGTH_BYTES, tagAt))
}

function opened(decipher: ReturnType<typeof createDecipheriv>, sealed: Buffer): Buffer | null {
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()])
  } catch {
    return null
  }
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32BE(number, NONCE_BYTES - 4)
  return nonce
}
