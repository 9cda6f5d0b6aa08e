import type { Logger } from 'pino'
import type { CallOrder, OrderOutcome } from '../../lib/call/call-order.ts'
import type { ManagedKey } from '../../lib/config/managed.ts'
import type { CallId, NodeId, SessionId, TrunkId } from '../../lib/core/ids.ts'
import type { Result } from '../../lib/core/result.ts'
import type { CallRecord, CallRow } from '../../lib/observe/call-record.ts'
import type { PlaceRefusal, PlaceRequest } from '../../lib/route/place.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import type { OverrideOrder } from '../../lib/trunk/operator.ts'
import type { TrunkState } from '../../lib/trunk/state.ts'
import type { EventLog } from '../observe/event-log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { ErrandRefusal, Errands, ErrandWish } from '../outbound/errands.ts'
import type { WavBytes } from '../recordings/recordings.ts'
import type { AuditPage } from '../store/audit.ts'
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
  /** It is the node that was asked. */
  readonly self: boolean
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

/** An operator's word, while it holds. */
export interface OverrideView {
  readonly state: TrunkState
  readonly reason: string
  readonly actor: string
  readonly since: Date
  /** Null: until it is taken back. */
  readonly expiresAt: Date | null
}

/** A backend of an agent: a server that its calls may talk to. */
export interface BackendView {
  /** The agent's name and the place among its backends, such as `intake/0`. */
  readonly id: string
  readonly place: number
  readonly backend: 'local' | 'openai' | 'azure' | 'custom'
  readonly host: string
  readonly model: string
  /** What calls of this node go by: the operator's word, else the evidence. */
  readonly state: TrunkState
  readonly since: Date
  readonly reason: string | null
  /** Who decided; null: nothing has happened yet. */
  readonly channel: 'operator' | 'probe' | 'calls' | 'account' | null
  readonly override: OverrideView | null
  /** `sessionMs`: how long the last session that was opened to probe took. */
  readonly probe: {
    readonly lastOkAt: Date | null
    readonly rttMs: number | null
    readonly sessionMs: number | null
    readonly misses: number
  }
  /** Sessions of calls, in the window of the calls channel. */
  readonly calls: { readonly attempts: number; readonly faults: number }
  /** It has failed, and is tried with one call at a time. */
  readonly canary: boolean
}

/** An agent, as `GET /api/v1/agents` shows it. */
export interface AgentView {
  readonly name: string
  /** Its calls would come to nothing now. */
  readonly away: boolean
  readonly backends: readonly BackendView[]
}

/** A trunk, as `GET /api/v1/trunks` shows it. */
export interface TrunkView {
  readonly id: TrunkId
  readonly carrier: string
  /** The first group of the configuration that it belongs to. */
  readonly group: string | null
  /** The state by which this node places calls: the operator's, else that of the evidence. */
  readonly state: TrunkState
  readonly since: Date
  readonly reason: string | null
  /** An operator's word, while it holds; null: the evidence decides. */
  readonly override: OverrideView | null
  /** What the nodes of the fleet say together, and what each of them does. */
  readonly fleet: TrunkState
  readonly votes: Readonly<Record<string, TrunkState>>
  readonly probe: { readonly lastOkAt: Date | null; readonly rttMs: number | null; readonly misses: number }
  /** In the window of the calls channel. */
  readonly calls: { readonly attempts: number; readonly faults: number }
  readonly mos: number | null
}

/** Who asked for an action: the name of the key. */
export type Actor = string

/** What the API can have done; an outcome that is not `done` tells why not. */
export interface CallActions {
  /** Begins to call a number for an agent; the record of the call says what becomes of it. */
  place(request: PlaceRequest, actor: Actor): Promise<Result<CallRow, PlaceRefusal>>
  /** Begins to hang a call of this node up, with `end.by` operator, or to hand it to a person; what comes of that is in its record. */
  order(call: CallId, order: CallOrder, actor: Actor): Promise<OrderOutcome>
  /**
   * Lets a node finish its calls and take no new ones; done as soon as that node drains, its calls take their time.
   * `elsewhere`: it is another node, which does not answer.
   */
  drain(node: NodeId, actor: Actor): Promise<'done' | 'unknown' | 'elsewhere'>
  /** An operator's word on a trunk of the configuration, for the whole fleet; in force here when it resolves. */
  override(trunk: TrunkId, order: OverrideOrder): Promise<void>
  /** Gives a trunk back to the evidence; nothing where it is with it already. */
  clearOverride(trunk: TrunkId, actor: Actor): Promise<void>
  /** The same on an agent with all its backends (`intake`), or on one of them (`intake/0`). */
  overrideAgent(subject: string, order: OverrideOrder): Promise<void>
  clearAgentOverride(subject: string, actor: Actor): Promise<void>
}

/** What the API can have done about errands (docs/outbound.md). All reject with a StoreError where Postgres does not take it. */
export interface ErrandActions extends Pick<Errands, 'read' | 'list' | 'cancel'> {
  /** The first call of an errand, which may be an earlier request's. */
  place(
    wish: ErrandWish,
    actor: Actor,
  ): Promise<Result<{ readonly call: CallRecord; readonly isNew: boolean }, ErrandRefusal>>
  /** Whether a call without key and policy is an errand all the same, as its tenant has it so, and PostgreSQL takes it. */
  isErrand(request: PlaceRequest): boolean
}

/** Something of the config that may be managed: of the file, or an entry beside it. */
export interface ManagedView extends ManagedKey {
  readonly source: 'file' | 'managed'
  /** It is without effect, as the file has the same name. */
  readonly shadowed: boolean
  /** Null: it is of the file. */
  readonly version: number | null
  readonly updatedAt: string | null
  readonly updatedBy: string | null
  /** As it was written, but for secrets. Null: it is of the file, which this API does not show. */
  readonly body: unknown
}

/** What came of a change. */
export type ManagedDone =
  | { readonly kind: 'done'; readonly entry: ManagedView; readonly change: 'created' | 'changed' | 'removed' }
  | { readonly kind: 'problems'; readonly problems: readonly string[] }
  | { readonly kind: 'absent' | 'stale' | 'unversioned' | 'full' | 'no-key' | 'in-file' }

/** What is managed beside the config file. */
export interface ManagedActions {
  all(): readonly ManagedView[]
  one(key: ManagedKey): ManagedView | null
  /** Why the entries, as they are, are not in force on this node. */
  problems(): readonly string[]
  /** `version`: the one that it is a change of. Rejects where Postgres does not take it. */
  put(key: ManagedKey, body: unknown, version: number | null, actor: Actor): Promise<ManagedDone>
  remove(key: ManagedKey, version: number | null, actor: Actor): Promise<ManagedDone>
}

export interface ApiOptions {
  /** `port` 0 takes any free one. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly keys: readonly ApiKey[]
  readonly calls: CallStore
  /** A conversation by its id. */
  readonly session: (id: SessionId) => Promise<SessionRow | null>
  readonly events: EventLog
  readonly metrics: Metrics
  readonly log: Logger
  readonly version: string
  readonly readiness: () => Readiness
  readonly nodes: () => Promise<readonly NodeView[]>
  readonly trunks: () => readonly TrunkView[]
  readonly agents: () => readonly AgentView[]
  /** A recording of this node by its name and call, as WAV; null where it is not here, or cannot be read. */
  readonly recording: (name: string, call: CallId, actor: Actor) => Promise<WavBytes | null>
  /** Who did what: entries before that one, or the newest. */
  readonly audit: (limit: number, before: number | null) => Promise<AuditPage>
  readonly actions: CallActions
  /** Null: a part of another node, which has them. */
  readonly errands: ErrandActions | null
  /** Null: a node without a config of its own, such as a part of another one. */
  readonly managed: ManagedActions | null
  /** Time between comments that keep an idle event stream open through proxies; 15 s. */
  readonly heartbeatMs?: number
  /** How long one write to an event stream may wait for its reader; 30 s. */
  readonly stallTimeoutMs?: number
}
