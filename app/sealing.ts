import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** How much longer something is when it is sealed. */
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES

/** Seals something small under a key of 32 bytes, for one context alone: nonce, sealed bytes, tag (AES-256-GCM, the context as additional data). */
export function seal(key: Buffer, context: string, clear: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(context))
  return Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()])
}

/** What was sealed; null where that was done with another key, for another context, or not by `seal`. */
export function unseal(key: Buffer, context: string, sealed: Buffer): Buffer | null {
  if (sealed.length < SEAL_BYTES) return null
  const tagAt = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(tagAt))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagAt)), decipher.final()])
  } catch {
    return null
  }
}
