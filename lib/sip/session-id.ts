import { createHash } from 'node:crypto'
import { parseParams } from './params.ts'

/** Who is at one end of a session: 32 lower-case hexadecimal digits (RFC 7989 §5). */
export type SessionUuid = string & { readonly __brand: 'SessionUuid' }

/** What a Session-ID says. */
export interface SessionId {
  /** Of who sends the message. */
  readonly local: SessionUuid
  /** Of whom it is sent to, as far as the sender knows; null: no such parameter, as those write it who know RFC 7329 alone. */
  readonly remote: SessionUuid | null
}

const sessionUuidOf = (digits: string): SessionUuid => digits as SessionUuid

/** An end that nobody knows, or not yet. */
export const NIL_UUID = sessionUuidOf('0'.repeat(32))

const UUID = /^[0-9a-f]{32}$/

/** Undefined where the value is not as RFC 7989 §5 has it: it says nothing then. */
export function parseSessionId(text: string): SessionId | undefined {
  const end = text.includes(';') ? text.indexOf(';') : text.length
  const local = text.slice(0, end).trim()
  const params = parseParams(text, end)
  if (params === undefined || !UUID.test(local)) return undefined
  if (!params.has('remote')) return { local: sessionUuidOf(local), remote: null }
  const remote = params.get('remote') ?? ''
  return UUID.test(remote) ? { local: sessionUuidOf(local), remote: sessionUuidOf(remote) } : undefined
}

/** The value of a Session-ID of ours, which always says whom it is sent to. */
export const formatSessionId = (local: SessionUuid, remote: SessionUuid): string => `${local};remote=${remote}`

/** Of Tandem's names; drawn once, and never to change: calls that live would change with it. */
const NAMESPACE = Buffer.from('6f0d1a52c7e84b3b9d3e5a0f41b7c286', 'hex')

/**
 * The UUID of an end of ours, by its name: the same on every node that has the call, without anybody storing it. Version 5 (RFC 7989 §4.1,
 * RFC 9562 §5.5): who sees it learns nothing of the name.
 */
export function namedUuid(name: string): SessionUuid {
  const hash = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16)
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  return sessionUuidOf(hash.toString('hex'))
}

/** A UUID as node:crypto writes it, without its dashes. */
export const drawnUuid = (uuid: string): SessionUuid => sessionUuidOf(uuid.replaceAll('-', '').toLowerCase())

/**
 * Both ends of one dialog, as its messages name them (RFC 7989 §6, §7). Who is at our end may change while the dialog lives, as does the far end:
 * either may be a B2BUA that puts somebody else on.
 */
export class SessionIds {
  #ours: () => SessionUuid = () => NIL_UUID
  #far: SessionUuid | null = null

  /** @param ours who is at our end, asked for each message; nobody knows, where it is left out */
  constructor(ours?: () => SessionUuid) {
    if (ours !== undefined) this.#ours = ours
  }

  /** From the next message on somebody else is at our end. */
  speakFor(ours: () => SessionUuid): void {
    this.#ours = ours
  }

  /** Who is at the far end; null: it has not said so. */
  get far(): SessionUuid | null {
    return this.#far
  }

  /** The Session-ID of the next message of ours. */
  get header(): string {
    return formatSessionId(this.#ours(), this.#far ?? NIL_UUID)
  }

  /**
   * The Session-ID of a message of the far end. One that is missing, malformed or nil says nothing, and what was known stays. What it takes us for
   * is of no concern: it may be what somebody was called before. A UUID of ours without `remote` is an echo (RFC 7329), and nobody's.
   */
  hear(header: string | undefined): void {
    const said = header === undefined ? undefined : parseSessionId(header)
    if (said === undefined || said.local === NIL_UUID) return
    if (said.remote === null && said.local === this.#ours()) return
    this.#far = said.local
  }
}
