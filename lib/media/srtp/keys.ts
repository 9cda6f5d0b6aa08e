import { createCipheriv } from 'node:crypto'
import type { MasterKey, Suite } from '../../sip/crypto-suite.ts'

/** What packets of one kind are protected with. */
export interface SessionKeys {
  readonly cipher: Buffer
  /** Empty where the cipher authenticates by itself. */
  readonly auth: Buffer
  readonly salt: Buffer
}

const AUTH_KEY_BYTES = 20
/** The salt's place in the block that is encrypted: 14 bytes, and two of counter (RFC 3711 §4.3.3). */
const SALT_BLOCK_BYTES = 14
/** Where the label stands in it: above a key derivation index of 48 bits, which is 0 at a rate of 0. */
const LABEL_AT = 7

/** RFC 3711 §4.3.1: the labels of SRTP begin at 0, those of SRTCP at 3. */
const FIRST_LABEL = { rtp: 0, rtcp: 3 } as const

/** The session keys of a master key at a key derivation rate of 0 (RFC 3711 §4.3, RFC 7714 §11). */
export function deriveKeys(suite: Suite, master: MasterKey, kind: 'rtp' | 'rtcp'): SessionKeys {
  const first = FIRST_LABEL[kind]
  return {
    cipher: derive(master, first, suite.keyBytes),
    auth: suite.kind === 'gcm' ? Buffer.alloc(0) : derive(master, first + 1, AUTH_KEY_BYTES),
    salt: derive(master, first + 2, suite.saltBytes),
  }
}

function derive({ key, salt }: MasterKey, label: number, bytes: number): Buffer {
  const block = Buffer.alloc(16)
  // A salt of 12 bytes is padded behind (RFC 7714 §11).
  salt.copy(block, 0, 0, SALT_BLOCK_BYTES)
  block.writeUInt8(block.readUInt8(LABEL_AT) ^ label, LABEL_AT)
  const stream = createCipheriv(key.length === 32 ? 'aes-256-ctr' : 'aes-128-ctr', key, block)
  return stream.update(Buffer.alloc(bytes))
}
