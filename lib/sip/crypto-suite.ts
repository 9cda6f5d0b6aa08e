/** What a cryptographic suite of SRTP is made of, in bytes. */
export interface Suite {
  readonly kind: 'counter' | 'gcm'
  readonly cipher: 'aes-128-ctr' | 'aes-256-ctr' | 'aes-128-gcm' | 'aes-256-gcm'
  readonly keyBytes: number
  readonly saltBytes: number
  readonly rtpTagBytes: number
  readonly rtcpTagBytes: number
}

/** By the names of SDP (RFC 4568 §6.2, RFC 6188 §3, RFC 7714 §14.2), the one that we prefer first. */
export const SUITES = {
  AEAD_AES_256_GCM: gcm('aes-256-gcm', 32),
  AEAD_AES_128_GCM: gcm('aes-128-gcm', 16),
  AES_256_CM_HMAC_SHA1_80: counter('aes-256-ctr', 32, 10),
  AES_CM_128_HMAC_SHA1_80: counter('aes-128-ctr', 16, 10),
  AES_CM_128_HMAC_SHA1_32: counter('aes-128-ctr', 16, 4),
} as const satisfies Record<string, Suite>

export type SuiteName = keyof typeof SUITES

export const isSuiteName = (name: string): name is SuiteName => Object.hasOwn(SUITES, name)

/** The short tag is for SRTP alone: SRTCP always has 80 bits (RFC 4568 §6.2.2). */
function counter(cipher: 'aes-128-ctr' | 'aes-256-ctr', keyBytes: number, rtpTagBytes: number): Suite {
  return { kind: 'counter', cipher, keyBytes, saltBytes: 14, rtpTagBytes, rtcpTagBytes: 10 }
}

function gcm(cipher: 'aes-128-gcm' | 'aes-256-gcm', keyBytes: number): Suite {
  return { kind: 'gcm', cipher, keyBytes, saltBytes: 12, rtpTagBytes: 16, rtcpTagBytes: 16 }
}

/** A master key and salt, as SDP carries them: those of one direction of one session (RFC 4568 §6.1). */
export interface MasterKey {
  readonly key: Buffer
  readonly salt: Buffer
}
