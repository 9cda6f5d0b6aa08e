import { err, ok, type Result } from '../core/result.ts'
import { isSuiteName, type MasterKey, SUITES, type SuiteName } from './crypto-suite.ts'

/** One `a=crypto` of an audio section: a key that its sender protects what it sends with. */
export interface CryptoAttribute {
  readonly tag: number
  readonly suite: SuiteName
  readonly master: MasterKey
}

/** Digits of a tag, and attributes of one section that are read (RFC 4568 §9.1 allows more than anybody offers). */
const MAX_TAG_DIGITS = 9
export const MAX_CRYPTO_ATTRIBUTES = 16

/** `tag suite inline:key||…` (RFC 4568 §9.1); base64 may come without its padding. */
const CRYPTO = /^(\d+) ([A-Za-z0-9_]+) (\S+)((?: \S+)*)$/
const INLINE = /^inline:([A-Za-z0-9+/]+)={0,2}(?:\|([^|]*))?(?:\|([^|]*))?$/i
/** A lifetime is a number of packets, in digits or as a power of two. What we send stays far below any that is allowed. */
const LIFETIME = /^(?:\d{1,20}|2\^\d{1,2})$/

/**
 * Reads the value of an `a=crypto`. An attribute that asks for what we do not do is refused with the reason, and another one of
 * its section may be taken instead: several keys, a key identifier (MKI), session parameters (no encryption, another derivation rate, FEC).
 */
export function parseCrypto(value: string): Result<CryptoAttribute, string> {
  const [, tag = '', name = '', keys = '', parameters = ''] = CRYPTO.exec(value.trim()) ?? []
  if (tag === '' || tag.length > MAX_TAG_DIGITS) return err('it is no a=crypto of RFC 4568')
  if (!isSuiteName(name)) return err(`the suite ${name.slice(0, 64)} is not supported`)
  if (parameters.trim() !== '') return err('session parameters are not supported')
  if (keys.includes(';')) return err('more than one key is not supported')
  const [whole, text = '', second = '', third = ''] = INLINE.exec(keys) ?? []
  if (whole === undefined) return err('its key is no inline: of base64')
  const lifetime = LIFETIME.test(second) ? second : ''
  if ((lifetime === '' && second !== '') || third !== '') return err('a key identifier (MKI) is not supported')
  const { keyBytes, saltBytes } = SUITES[name]
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== keyBytes + saltBytes) {
    return err(`its key has ${bytes.length} bytes, ${name} takes ${keyBytes + saltBytes}`)
  }
  return ok({
    tag: Number(tag),
    suite: name,
    master: { key: bytes.subarray(0, keyBytes), salt: bytes.subarray(keyBytes) },
  })
}

/** The line of an `a=crypto`, without its end. */
export function formatCrypto({ tag, suite, master }: CryptoAttribute): string {
  return `a=crypto:${tag} ${suite} inline:${Buffer.concat([master.key, master.salt]).toString('base64')}`
}

export type MasterKeys = Readonly<Record<SuiteName, MasterKey>>

/** Random bytes that the keys of one leg take. */
export const MASTER_KEYS_BYTES = Object.values(SUITES).reduce(
  (sum, { keyBytes, saltBytes }) => sum + keyBytes + saltBytes,
  0,
)

/**
 * A key for each suite out of random bytes, which no other leg may be given. Throws where there are fewer than
 * `MASTER_KEYS_BYTES`: a short key would be one that can be guessed.
 */
export function masterKeysOf(random: Buffer): MasterKeys {
  if (random.length < MASTER_KEYS_BYTES) throw new RangeError(`${random.length} random bytes, not ${MASTER_KEYS_BYTES}`)
  let at = 0
  const next = (name: SuiteName): MasterKey => {
    const { keyBytes, saltBytes } = SUITES[name]
    const saltAt = at + keyBytes
    const master = { key: random.subarray(at, saltAt), salt: random.subarray(saltAt, saltAt + saltBytes) }
    at = saltAt + saltBytes
    return master
  }
  return {
    AEAD_AES_256_GCM: next('AEAD_AES_256_GCM'),
    AEAD_AES_128_GCM: next('AEAD_AES_128_GCM'),
    AES_256_CM_HMAC_SHA1_80: next('AES_256_CM_HMAC_SHA1_80'),
    AES_CM_128_HMAC_SHA1_80: next('AES_CM_128_HMAC_SHA1_80'),
    AES_CM_128_HMAC_SHA1_32: next('AES_CM_128_HMAC_SHA1_32'),
  }
}

const KEY_LINES = /^a=crypto:.*(?:\r\n|\r|\n|$)/gim

/** A description without its keys: what may be kept or shown. */
export const withoutKeys = (sdp: string): string => sdp.replaceAll(KEY_LINES, '')

/** The `a=crypto` lines of a description, in their order; empty: its audio is in clear. */
export const keyLines = (sdp: string): string => (sdp.match(KEY_LINES) ?? []).join('')

/** What master keys such lines hold, by suite in their order; the first of each counts, and what cannot be read is left out. */
export function keysInLines(lines: string): Partial<MasterKeys> {
  const keys: { [name in SuiteName]?: MasterKey } = {}
  for (const line of lines.split(/\r\n|\r|\n/)) {
    const parsed = parseCrypto(line.replace(/^a=crypto:/i, ''))
    if (parsed.ok) keys[parsed.value.suite] ??= parsed.value.master
  }
  return keys
}
