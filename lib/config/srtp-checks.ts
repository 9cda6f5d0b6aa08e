import { type Complaint, conflict } from './problem.ts'
import type { ParsedConfig } from './schema.ts'

type EncryptedConfig = Pick<ParsedConfig, 'media' | 'sip' | 'trunks'>

/** Where a config wants all audio encrypted. */
function requiring({ media, trunks }: EncryptedConfig): readonly (readonly PropertyKey[])[] {
  const own = trunks.flatMap(({ srtp }, i) => (srtp === 'required' ? [['trunks', i, 'srtp'] as const] : []))
  return media.srtp === 'required' ? [['media', 'srtp'], ...own] : own
}

/** What would send in clear what has to be encrypted. */
export function checkSrtp(config: EncryptedConfig): Complaint[] {
  if (config.media.engine.kind === 'embedded') return []
  return requiring(config).map((keys) =>
    conflict(
      keys,
      'FreeSWITCH carries audio in clear only in this version: set media.engine to embedded, or this to optional',
    ),
  )
}

/** Keys that travel where they can be read (RFC 4568 §8.3): said, and taken, as the way to the carrier may be safe by itself. */
export function readableKeys(config: EncryptedConfig): Complaint[] {
  const { engine, listen } = config.sip
  if (engine.kind !== 'embedded' || listen.some(({ protocol }) => protocol === 'tls')) return []
  return requiring(config).map((keys) => ({
    code: 'insecure',
    keys,
    message: 'the keys of SRTP travel in SIP, which no socket of sip.listen encrypts: add "tls:HOST:PORT"',
    suggestion: null,
  }))
}
