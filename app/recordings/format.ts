import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { SEAL_BYTES, seal, unseal } from '../sealing.ts'

/**
 * A recording at rest: a head with the file's own key, sealed for the call (app/sealing.ts), then chunks of a second.
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

export const HEAD_BYTES = MAGIC.length + KEY_BYTES + SEAL_BYTES

/** A new key for one file, and the head that keeps it. */
export function newFileKey(wrapKey: Buffer, call: string): { readonly key: Buffer; readonly head: Buffer } {
  const key = randomBytes(KEY_BYTES)
  return { key, head: Buffer.concat([MAGIC, seal(wrapKey, call, key)]) }
}

/** The key that a head keeps; null where it is none, was made with another wrapping key, or belongs to another call. */
export function openHead(head: Buffer, wrapKey: Buffer, call: string): Buffer | null {
  if (head.length !== HEAD_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) return null
  return unseal(wrapKey, call, head.subarray(MAGIC.length))
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
