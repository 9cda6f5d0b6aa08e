import type { AddressSet } from '../core/cidr.ts'
import type { NodeId, TenantId, TrunkId } from '../core/ids.ts'
import type { SbcVerdict } from '../guard/sbc-access.ts'
import type { CallingHours } from '../outbound/calling-hours.ts'
import type { RetryPolicy } from '../outbound/retry-policy.ts'
import type { ResumePolicy } from '../session/session.ts'
import type { TrunkState } from '../trunk/state.ts'

/** What is known of a request outside of dialogs, whatever it asks for. */
export interface RequestFacts {
  readonly method: string
  readonly source: {
    readonly address: string
    readonly port: number
    readonly protocol: 'udp' | 'tcp' | 'tls' | 'ws' | 'wss'
  }
  /** The request-URI as it came. */
  readonly uri: string
  /** Host of the request-URI, lower case. */
  readonly uriHost: string
  /** The Authorization header; null where there is none. */
  readonly authorization: string | null
}

/** What is known of an INVITE when it is decided upon. */
export interface InviteFacts extends RequestFacts {
  /** User part of the request-URI: the dialled number, as it came. */
  readonly dialled: string
  /** User part of From, as it came. */
  readonly caller: string
  /** User part of P-Asserted-Identity (RFC 3325 §9.1), as it came; null where there is none. */
  readonly asserted: string | null
  /** One of us has redirected this call already. */
  readonly redirected: boolean
}

/** Where a trunk's INVITEs come from; what is null tells nothing apart. */
export interface SourceRule {
  readonly addresses: AddressSet
  readonly port: number | null
  readonly protocol: string | null
  /** Host of the request-URI, lower case. */
  readonly host: string | null
}

export interface TrunkRoute {
  readonly id: TrunkId
  readonly sources: readonly SourceRule[]
  /** Calls at a time; null: no limit. */
  readonly channels: number | null
  /** What its calls get while it is not active and a better leg exists. */
  readonly onDegraded: 'redirect' | 'refuse' | 'accept'
  /** Whether its carrier follows a 302 of ours. */
  readonly follows3xx: boolean
  /** Whether P-Asserted-Identity of its calls is believed. */
  readonly trustsIdentity: boolean
  /** Where callers of this trunk reach us. */
  readonly ingress: SipPlace
  /** The standby leg that its callers are told, where it has one of its own. */
  readonly redirectTo: SipPlace | null
}

export interface TenantRoute {
  readonly id: TenantId
  /** ISO 3166 country in which numbers without `+` are dialled. */
  readonly country: string
  readonly agent: string
  /** The trunks of its group, in the order of priority. */
  readonly group: readonly TrunkId[]
  readonly channels: number | null
  /** Whether its calls are recorded. */
  readonly recorded: boolean
  /** Which of its sessions wait for a further call, and for how long. */
  readonly resume: ResumePolicy
  /** Whom a person may hand a caller to by REFER, beside those that the agent may; each as in a transfer. */
  readonly referTo: readonly string[]
  /** Whether a caller whose leg a trunk dropped is called back. */
  readonly callback: boolean
  /** When its calls may be placed; null: at any time. */
  readonly callingHours: CallingHours | null
  /** How often those are called who were not reached; null: once. */
  readonly retry: RetryPolicy | null
}

/** Where requests of a tenant's own SBC come from, where it is known by its addresses. */
export interface SbcSource {
  readonly tenant: TenantId
  readonly rule: SourceRule
}

export interface NumberRoute {
  readonly tenant: TenantId
  /** The trunks that a number lives on; null: it lives on all of them. */
  readonly trunks: ReadonlySet<TrunkId> | null
}

/** Why the node can serve no new call now; empty: it can. */
export type Impediment = 'draining' | 'full' | 'agent' | 'media' | 'sip' | 'store' | 'starting'

/** Where a SIP request can be sent: host, port and transport as they stand in a URI. */
export interface SipPlace {
  /** `HOST` or `HOST:PORT`. */
  readonly hostPort: string
  readonly transport: 'udp' | 'tcp' | 'tls' | null
}

/** Another node that heartbeats, answers SIP, and says that it would serve a call. */
export interface Peer extends SipPlace {
  readonly id: NodeId
  readonly region: string
  /** Calls of those that it takes, from 0 to 1. */
  readonly load: number
}

/** Everything that the decision looks at, besides the INVITE itself. */
export interface RouteSnapshot {
  readonly trunks: readonly TrunkRoute[]
  readonly tenants: ReadonlyMap<TenantId, TenantRoute>
  readonly sbcSources: readonly SbcSource[]
  /** Every country that a tenant dials in. */
  readonly countries: readonly string[]
  /** By E.164 number. */
  readonly numbers: ReadonlyMap<string, NumberRoute>
  /** Of our own 503s, in whole seconds: short, as carriers take it for the whole peer and not for one call. */
  readonly retryAfterS: { readonly min: number; readonly max: number }
  readonly impediments: ReadonlySet<Impediment>
  /** Agents, by name, that no call would get through to. */
  readonly agentsAway: ReadonlySet<string>
  /** The effective state of each trunk, on this node; absent: active. */
  readonly trunkStates: ReadonlyMap<TrunkId, TrunkState>
  /** The region of this node. */
  readonly region: string
  /** Other nodes that would serve a call. */
  readonly peers: readonly Peer[]
  /** Calls up or being set up, now. */
  readonly trunkCalls: ReadonlyMap<TrunkId, number>
  readonly tenantCalls: ReadonlyMap<TenantId, number>
  /** What a source that is no trunk's has proven; null where nobody has credentials for the host in the request-URI. */
  readonly authenticate: (request: RequestFacts) => SbcVerdict | null
  /** Asked once, for the trunk or tenant that the call turned out to belong to; counts the call when it admits it. */
  readonly admitTrunk: (trunk: TrunkId) => boolean
  readonly admitTenant: (tenant: TenantId) => boolean
}
