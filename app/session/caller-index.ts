import {
  type CallId,
  callId,
  type NodeId,
  nodeId,
  type SessionId,
  sessionId,
  type TenantId,
} from '../../lib/core/ids.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import { withDeadline } from '../deadline.ts'
import type { SharedState } from '../fleet/shared-state.ts'

/** What the shared state knows of a caller: whether PostgreSQL need be asked for a session of theirs, and who has it now. */
export interface CallerEntry {
  readonly session: SessionId
  readonly state: 'live' | 'parked'
  readonly node: NodeId
  readonly call: CallId
}

/** An entry of a live session is put again so often, and ends by itself so long after its node has gone. */
const RENEW_MS = 20_000
const LIVE_TTL_MS = 60_000
/** Parked sessions whose entries this node puts again after an outage of the shared state; of more, the oldest are forgotten. */
const MAX_KEPT = 20_000
/** How long a node that stops waits for its last entries. */
const CLOSE_MS = 1_000

type Shared = Pick<SharedState, 'get' | 'put' | 'delete' | 'onState'>

interface Kept {
  row: SessionRow
  /** As it was written before, where that was another person's number. */
  before: SessionRow | null
  /** What the shared state has is older, or nobody knows. */
  isDue: boolean
  /** One write a session at a time, so that none overtakes a later one. */
  isUnderWay: boolean
}

/**
 * `caller:TENANT:NUMBER` in the shared state. It says where to look and decides nothing: PostgreSQL alone gives a session to a call. So
 * it may be lost, late or wrong: what fails here is somebody's redial that begins anew, never a call that waits. Whoever wrote an entry
 * last writes it again when the shared state is back.
 */
export class CallerIndex {
  readonly #shared: Shared
  readonly #kept = new Map<SessionId, Kept>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  readonly #unlisten: () => void

  constructor(shared: Shared, renewMs: number = RENEW_MS) {
    this.#shared = shared
    this.#timer = setInterval(() => this.#renew(({ isDue, row }) => isDue || row.state === 'live'), renewMs).unref()
    this.#unlisten = shared.onState(({ state }) => state === 'up' && this.#renew(() => true))
  }

  /** Puts, moves or takes away a caller's entry, as the session now stands. Nobody waits for it. */
  set(row: SessionRow): void {
    const known = this.#kept.get(row.id)
    if (row.caller === '' && known === undefined) return
    const kept = known ?? { row, before: null, isDue: true, isUnderWay: false }
    if (kept.row.caller !== row.caller) kept.before ??= kept.row
    kept.row = row
    kept.isDue = true
    this.#kept.delete(row.id)
    this.#kept.set(row.id, kept)
    if (this.#kept.size > MAX_KEPT) this.#forgetOne()
    this.#pump(kept)
  }

  /** The session is another node's: its entry is left as it is. */
  forget(session: SessionId): void {
    const kept = this.#kept.get(session)
    if (kept !== undefined) kept.isDue = false
    this.#kept.delete(session)
  }

  /** Undefined: nobody knows of a session of theirs. Rejects where the shared state is away. */
  async get(tenant: TenantId, caller: string): Promise<CallerEntry | undefined> {
    return entryOf(await this.#shared.get(keyOf(tenant, caller)))
  }

  /** Resolves when what was set last is written, or nobody takes it. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#unlisten()
    await withDeadline(
      Promise.all(this.#underWay).then(() => undefined),
      CLOSE_MS,
    )
  }

  #renew(which: (kept: Kept) => boolean): void {
    for (const kept of this.#kept.values()) {
      if (kept.row.state === 'parked' && leftMs(kept.row) <= 0) this.#kept.delete(kept.row.id)
      else if (which(kept)) {
        kept.isDue = true
        this.#pump(kept)
      }
    }
  }

  #forgetOne(): void {
    for (const { row } of this.#kept.values()) if (row.state !== 'live') return void this.#kept.delete(row.id)
  }

  #pump(kept: Kept): void {
    if (kept.isUnderWay) return
    kept.isUnderWay = true
    const written = this.#writeAll(kept).finally(() => {
      kept.isUnderWay = false
      this.#underWay.delete(written)
    })
    this.#underWay.add(written)
  }

  /** Until what is written is what there is, or the shared state takes nothing: then it is due at the next renewal. */
  async #writeAll(kept: Kept): Promise<void> {
    while (kept.isDue) {
      kept.isDue = false
      try {
        if (kept.before !== null) await this.#delete(kept.before)
        kept.before = null
        await this.#write(kept.row)
      } catch {
        kept.isDue = true
        return
      }
    }
    if (kept.row.state === 'ended' || kept.row.caller === '') this.#kept.delete(kept.row.id)
  }

  async #write(row: SessionRow): Promise<void> {
    const { id: session, tenant, caller, state, node, callId: call } = row
    if (caller === '') return
    const key = keyOf(tenant, caller)
    if (state === 'live') return this.#shared.put(key, { session, state, node, call }, LIVE_TTL_MS)
    if (leftMs(row) > 0) return this.#shared.put(key, { session, state, node, call }, leftMs(row))
    await this.#delete(row)
  }

  /** Another call of the same number may have its own entry here by now. */
  async #delete({ id, tenant, caller }: SessionRow): Promise<void> {
    if (caller === '') return
    const key = keyOf(tenant, caller)
    if (entryOf(await this.#shared.get(key))?.session === id) await this.#shared.delete(key)
  }
}

/** For how long a parked session can be resumed; 0 of others. */
const leftMs = ({ state, resumableUntil }: SessionRow): number =>
  state === 'parked' ? (resumableUntil?.getTime() ?? 0) - Date.now() : 0

const keyOf = (tenant: TenantId, caller: string): string => `caller:${tenant}:${caller}`

/** Undefined where it is not one: the shared state is written by other versions too. */
function entryOf(value: unknown): CallerEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { session, state, node, call } = value as Partial<Record<string, unknown>>
  if (typeof session !== 'string' || typeof node !== 'string' || typeof call !== 'string') return undefined
  if (state !== 'live' && state !== 'parked') return undefined
  return { session: sessionId(session), state, node: nodeId(node), call: callId(call) }
}
