import type { BanPolicy } from '../../lib/sip/ban-list.ts'
import type { RequestHandler } from '../../lib/sip/request-handler.ts'
import type { TlsMaterial } from './transport/tls.ts'
import type { AdminTls } from './wire/wire-server.ts'

/** What a request of an unknown source gets: silence, or 403. */
export type UnknownPolicy = 'drop' | 'reject'

/** Who may send requests outside of dialogs. */
export interface AccessSnapshot {
  readonly allowAll: boolean
  /** Addresses or CIDR ranges, IPv4 and IPv6. */
  readonly sources: readonly string[]
  readonly unknown: UnknownPolicy
  /**
   * Hosts, in lower case, that somebody has credentials for: INVITEs and OPTIONS to them are passed on whoever sends them, so
   * many of an address, and the application challenges them.
   */
  readonly hosts?: readonly string[] | undefined
  /** When a source that is refused again and again is not heard any more; by default as `DEFAULT_BAN_POLICY` has it. */
  readonly ban?: BanPolicy | undefined
}

/** What an application found out about a source that was let in for the host it named. */
export type GuestVerdict = 'proven' | 'wrong'

export interface SipServerOptions {
  /** `udp:127.0.0.1:5060`, `tcp:[::1]:5060`, `tls:…`; port 0 takes a free one. */
  readonly listen: readonly string[]
  /** For `tls` addresses. */
  readonly tls?: TlsMaterial | undefined
  /** Host or address for Via and Contact in place of the bound one. */
  readonly advertise?: string | undefined
  /** What applications authenticate with. */
  readonly secret: string
  /** Where applications connect; 127.0.0.1 and a free port by default. */
  readonly adminHost?: string | undefined
  readonly adminPort?: number | undefined
  /** A second port at `adminHost`, where applications connect over TLS (`srf.connect({ tls })`). */
  readonly adminTls?: AdminTls | undefined
  /** The policy until the first `setAccess`, which lets nobody in but `allowAll` below. */
  readonly unknown?: UnknownPolicy | undefined
  /** Lets every source in until the first `setAccess`; false by default. */
  readonly allowAll?: boolean | undefined
  /**
   * New requests of these methods are not spread over the applications that have connected: a web service is asked for each, or an
   * application is connected to that listens (`srf.listen`). drachtio-server's `<request-handlers>`.
   */
  readonly requestHandlers?: readonly RequestHandler[] | undefined
  /** Who signs the certificates of those web services and applications; by default whom Node.js knows. They have to hold. */
  readonly outboundCa?: string | undefined
  /** For User-Agent and Server where the application gives none. */
  readonly userAgent?: string | undefined
  /** The least session interval in seconds that peers may ask for; RFC 4028's 90 by default, less to make tests fast. */
  readonly minSessionS?: number | undefined
  /** T1, T2 and T4 in ms, to make tests fast. */
  readonly timers?: { readonly t1Ms?: number; readonly t2Ms?: number; readonly t4Ms?: number } | undefined
  /** Reports every SIP message in and out. */
  readonly trace?: boolean | undefined
}

/** One SIP message, for ladders and captures. Addresses are `host:port`. */
export interface SipTraceMessage {
  /** Wall time in ms. */
  readonly atMs: number
  readonly direction: 'in' | 'out'
  readonly protocol: 'udp' | 'tcp' | 'tls'
  readonly local: string
  readonly remote: string
  readonly callId: string
  readonly message: string
}

/** Sizes of the server's tables now, and what it has counted since its start. */
export interface SipCounters {
  readonly serverTransactions: number
  readonly clientTransactions: number
  readonly dialogs: number
  readonly pendingRequests: number
  readonly outgoingRequests: number
  /** Requests that are being proxied. */
  readonly proxiedRequests: number
  readonly timers: number
  readonly clients: number
  readonly requestsIn: number
  readonly responsesIn: number
  readonly messagesOut: number
  /** Messages that could not be parsed. */
  readonly malformed: number
  /** Responses that belong to no transaction. */
  readonly stray: number
  /** Requests of unknown sources, refused or met with silence. */
  readonly refused: number
  /** INVITEs refused with 503 because too many waited for an application already. */
  readonly overloaded: number
  /** Packets of banned addresses. */
  readonly dropped: number
  /** Sources of the access snapshot that are neither address nor CIDR range. */
  readonly malformedSources: number
  /** Sends that failed, and errors of sockets. */
  readonly transportErrors: number
  /** Trace messages that were dropped because nobody took them in time. */
  readonly traceDropped: number
}
