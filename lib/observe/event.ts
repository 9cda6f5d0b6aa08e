import type { CallId, NodeId, TenantId, TrunkId } from '../core/ids.ts'

/** The names of events: one object a line in the log, in `tail` and in the server-sent events. */
export const EVENT_NAMES = [
  'node.ready',
  'node.draining',
  'node.fenced',
  'node.lost',
  'trunk.state',
  'trunk.override',
  'call.incoming',
  'call.redirected',
  'call.rejected',
  'call.attempt',
  'call.answered',
  'call.answeredBy',
  'call.moved',
  'call.moveRefused',
  'call.transfer',
  'call.ended',
  'agent.connected',
  'agent.lost',
  'agent.reconnected',
  'agent.bargeIn',
  'agent.tool',
  'agent.state',
  'agent.override',
  'errand.waiting',
  'errand.ended',
  'session.parked',
  'session.resumed',
  'dtmf',
  'recording.saved',
  'store.degraded',
  'store.recovered',
  'sip.degraded',
  'sip.recovered',
  'media.degraded',
  'media.recovered',
  'config.reloaded',
  'config.rejected',
  'config.managed',
  'router.loaded',
  'router.rejected',
  'router.failed',
  'security.refused',
] as const

export type EventName = (typeof EVENT_NAMES)[number]

export type EventLevel = 'debug' | 'info' | 'warn' | 'error'

/** What a part of the node says happened. Further fields stand beside these, JSON values only. */
export interface EventDraft {
  readonly event: EventName
  readonly level?: EventLevel
  readonly call?: CallId
  readonly trunk?: TrunkId
  readonly tenant?: TenantId
  readonly [field: string]: unknown
}

/** An event as it is stored and streamed. `id` is `<node>-<sequence>`: fleet-wide, and ordered per node. */
export interface TandemEvent extends EventDraft {
  readonly id: string
  readonly at: string
  readonly node: NodeId
  readonly level: EventLevel
}

/** How every part of the node tells what happened. Never throws, never blocks. */
export type EmitEvent = (draft: EventDraft) => void
