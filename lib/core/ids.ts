/** Branded ids: a `CallId` is never taken for a `TrunkId`. At run time each is a plain string. */
declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** A call's ULID, made by the node that first meets the call. Not a SIP Call-ID. */
export type CallId = Branded<'CallId'>
/** A session's ULID: one conversation, which may outlive a call. */
export type SessionId = Branded<'SessionId'>
/** One SIP dialog of a call. */
export type LegId = Branded<'LegId'>
export type TrunkId = Branded<'TrunkId'>
export type TenantId = Branded<'TenantId'>
export type NodeId = Branded<'NodeId'>
/** A wish to reach somebody (lib/outbound/errand.ts): the ULID of its first call. */
export type ErrandId = Branded<'ErrandId'>

export const callId = (text: string): CallId => text as CallId
export const sessionId = (text: string): SessionId => text as SessionId
export const legId = (text: string): LegId => text as LegId
export const trunkId = (text: string): TrunkId => text as TrunkId
export const tenantId = (text: string): TenantId => text as TenantId
export const nodeId = (text: string): NodeId => text as NodeId
export const errandId = (text: string): ErrandId => text as ErrandId
