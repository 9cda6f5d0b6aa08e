/**
 * What a router sees and says: the module `tandem` that a router imports (docs/programming.md). Everything is plain data, as it
 * passes from the node to the thread that the router runs in.
 */

/** An incoming call that the node would serve, as its INVITE tells of it. */
export interface RouterCall {
  /** ULID; the call's id in the API, the events and the log. */
  readonly id: string
  /** E.164 where the number can be read as such, else as it came. */
  readonly from: string
  readonly to: string
  /** The From header and the request-URI, as they came. */
  readonly raw: { readonly from: string; readonly to: string }
  /** The trunk that it came on; null: it came from the tenant's own SBC. */
  readonly trunk: string | null
  readonly tenant: string
  /** The agent that it goes to where the router leaves it alone. */
  readonly agent: string
  /** STIR attestation, `A`, `B` or `C` (RFC 8588), once verified. This version verifies none: always null. */
  readonly attestation: string | null
  /** By lower-case name: those of ROUTER_HEADERS that the INVITE has, 2,048 characters of each. Nothing of them is verified. */
  readonly headers: Readonly<Record<string, string>>
  /** ISO 8601, UTC. */
  readonly receivedAt: string
  /** Where the INVITE came from, as the SIP server saw it. */
  readonly source: { readonly address: string; readonly port: number; readonly protocol: string }
  /** This node's id and region. */
  readonly node: string
  readonly region: string
}

/** A trunk as this node judges it. */
export interface RouterTrunk {
  readonly id: string
  readonly state: 'active' | 'standby' | 'failed'
}

/** Another node that would serve a call now. */
export interface RouterNode {
  readonly id: string
  readonly region: string
  /** Calls of those that it takes, from 0 to 1. */
  readonly load: number
}

export interface RouterTools {
  readonly trunks: readonly RouterTrunk[]
  readonly nodes: readonly RouterNode[]
  /** As in every browser, but that it is aborted when the router's time for this call is over. */
  readonly fetch: typeof globalThis.fetch
}

/** The call goes to an agent of the config, which is told the variables with its instructions. */
export interface RouterBridge {
  readonly bridge: string
  readonly variables?: Readonly<Record<string, string>>
}

/** 302 with these URIs, the best first; `sip:`, `sips:` or `tel:`, 8 at most. */
export interface RouterRedirect {
  readonly redirect: readonly string[]
}

/** A final status from 400 to 699, but 401 and 407, with the reason phrase of RFC 3261 or one of your own. */
export interface RouterReject {
  readonly reject: number
  readonly reason?: string
}

export type RouterDecision = RouterBridge | RouterRedirect | RouterReject

/** What a router has for one call, in milliseconds. */
export const ROUTER_BUDGET_MS = 500

/** What a router may say; null or undefined: the call gets what it would without a router. */
export type RouterAnswer = RouterDecision | null | undefined

export type Router = (call: RouterCall, tools: RouterTools) => RouterAnswer | Promise<RouterAnswer>

/** Headers of an INVITE that a router sees. */
export const ROUTER_HEADERS = [
  'from',
  'to',
  'p-asserted-identity',
  'p-attestation-indicator',
  'privacy',
  'identity',
  'diversion',
  'history-info',
  'user-agent',
  'subject',
  'call-info',
  'alert-info',
  'priority',
  'accept-language',
] as const

/** Types a router; it returns what it is given. Its file exports it as the default. */
export const defineRouter = (router: Router): Router => router
