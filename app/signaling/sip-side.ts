import type { DrachtioChoice } from '../../lib/config/engines.ts'
import type { Config } from '../../lib/config/resolve.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { Log } from '../observe/log.ts'
import type { GuestVerdict, SipTraceMessage } from '../sip/server.ts'
import type { CertificateEnd } from './certificate-ends.ts'
import type { SipAccess, Trusted } from './sip-access.ts'
import type { SipLink } from './sip-link.ts'
import type { Strangers } from './strangers.ts'

export interface SipOptions {
  readonly config: Config
  readonly log: Log
  readonly trusted: Trusted
  readonly emit: EmitEvent
  /** The drachtio-server is a node's embedded one, which keeps strangers out itself: it hears what came of their credentials. */
  readonly judgeGuest?: ((address: string, verdict: GuestVerdict) => void) | null | undefined
  /** Ends the wait for a SIP server that is not there yet. */
  readonly signal?: AbortSignal | undefined
}

/** The SIP side of a running node, whichever server carries it. */
export interface Sip {
  readonly link: SipLink
  readonly access: SipAccess
  readonly strangers: Strangers
  /** Where further applications reach the embedded server; null where another has the sockets. */
  readonly embedded: {
    readonly place: DrachtioChoice
    readonly judgeGuest: (address: string, verdict: GuestVerdict) => void
  } | null
  /** What the server counted; empty where it tells nothing. */
  readonly counters: () => Readonly<Record<string, number>>
  /** The certificates of our own tls sockets; none where another server has the sockets. */
  readonly certificates: () => readonly CertificateEnd[]
  /** Who hears SIP messages as they pass the wire; before somebody does they are told to nobody. */
  readonly onTrace: (listener: (batch: readonly SipTraceMessage[]) => void) => void
}
