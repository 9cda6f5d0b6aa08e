import type { Logger } from 'pino'
import type { CallId, NodeId } from '../../lib/core/ids.ts'
import type { EventLog } from '../observe/event-log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { CallStore } from '../store/port.ts'

/** viewer reads, operator acts on trunks and calls, admin the rest; each may what those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const

export type Role = (typeof ROLES)[number]

export interface ApiKey {
  /** Who uses it; stands in logs and with actions, never the key itself. */
  readonly name: string
  readonly key: string
  readonly role: Role
}

/** One part of the node and whether it could serve a call now. */
export interface PartReadiness {
  readonly part: string
  readonly ok: boolean
  /** Why it could not. */
  readonly reason?: string
}

/** A node is ready when each of its parts is. */
export interface Readiness {
  readonly parts: readonly PartReadiness[]
}

/** A node of the fleet, as `GET /api/v1/nodes` shows it. */
export interface NodeView {
  readonly id: NodeId
  readonly region: string
  /** Address that is advertised to carriers. */
  readonly address: string
  readonly state: 'starting' | 'ready' | 'draining' | 'lost'
  readonly version: string
  readonly startedAt: Date
  /** Calls that have not ended, and how many it takes. */
  readonly calls: number
  readonly maxCalls: number
}

/** A trunk, as `GET /api/v1/trunks` shows it. */
export interface TrunkView {
  readonly id: string
  readonly carrier: string
  /** Groups it belongs to, in the order of the configuration; the first one is `group`. */
  readonly group: string | null
  readonly state: 'active' | 'standby' | 'failed'
  readonly since: Date
  readonly reason: string | null
}

/** Who asked for an action: the name of the key. */
export type Actor = string

/** What the API can have done; an outcome that is not `done` tells why not. */
export interface CallActions {
  /** Begins to end a call on both legs, with `end.by` operator. `elsewhere`: another node owns the call. */
  hangUp(call: CallId, actor: Actor): Promise<'done' | 'unknown' | 'ended' | 'elsewhere'>
  /** Lets a node finish its calls and take no new ones; done at once, the calls take their time. */
  drain(node: NodeId, actor: Actor): Promise<'done' | 'unknown' | 'elsewhere'>
}

export interface ApiOptions {
  /** `port` 0 takes any free one. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly keys: readonly ApiKey[]
  readonly calls: CallStore
  readonly events: EventLog
  readonly metrics: Metrics
  readonly log: Logger
  readonly version: string
  readonly readiness: () => Readiness
  readonly nodes: () => Promise<readonly NodeView[]>
  readonly trunks: () => readonly TrunkView[]
  readonly actions: CallActions
  /** Time between comments that keep an idle event stream open through proxies; 15 s. */
  readonly heartbeatMs?: number
  /** How long one write to an event stream may wait for its reader; 30 s. */
  readonly stallTimeoutMs?: number
}
