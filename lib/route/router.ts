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

/** A person at a SIP address, rung there and over no trunk. */
export interface RouterUri {
  /** `sip:` or `sips:`. */
  readonly uri: string
  /** As `RouterDial.timeoutMs`, for this one. */
  readonly timeoutMs?: number | undefined
  /** As `RouterDial.headers`, for this one: beside those, and before them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A person at a telephone number, rung over the trunks of a group, one after the other (docs/behaviour.md). */
export interface RouterNumber {
  /** E.164, or as it is dialled in the tenant's country. */
  readonly number: string
  /** A group of the config; by default the tenant's own. */
  readonly group?: string | undefined
  readonly timeoutMs?: number | undefined
  /** As `RouterDial.from`, for this one. */
  readonly from?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Whom to ring; a text is the URI alone. */
export type RouterTarget = string | RouterUri | RouterNumber

/** The caller is put through to whoever of these answers first. */
export interface RouterDial {
  /** 8 at most. */
  readonly dial: readonly RouterTarget[]
  /** Each after the one before has failed, as by default, or all at once. */
  readonly mode?: 'sequential' | 'parallel' | undefined
  /** For how long each may be rung, from its first INVITE on: 1,000 to 180,000. By default as long as its trunks have it. */
  readonly timeoutMs?: number | undefined
  /** The number that is shown to who is rung; by default the caller's. */
  readonly from?: string | undefined
  /** Go along with each INVITE: `X-…`, or one of DIAL_HEADERS; 16 at most. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Where who answered is lost (their trunk says so, or nothing is heard of them): the caller is hung up, as by default, or gets an agent. */
  readonly onLost?: 'hangup' | { readonly agent: string } | undefined
}

/** The INVITE is sent on as it came, and we are in neither dialog nor audio of what comes of it (RFC 3261 §16). */
export interface RouterProxy {
  /** `sip:` or `sips:`, 8 at most. */
  readonly proxy: readonly string[]
  /** Each after the one before has failed, as by default, or all at once. */
  readonly mode?: 'sequential' | 'parallel' | undefined
  /** How long each may take to its final answer: 1,000 to 180,000. By default as long as the caller waits. */
  readonly timeoutMs?: number | undefined
}

export type RouterDecision = RouterBridge | RouterDial | RouterProxy | RouterRedirect | RouterReject

/** Headers that a router may give to who is rung, besides those that begin with `X-`. */
export const DIAL_HEADERS = [
  'Accept-Language',
  'Alert-Info',
  'Call-Info',
  'Organization',
  'Priority',
  'Subject',
  'User-to-User',
] as const

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
