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

/**
 * `caller:TENANT:NUMBER` in the shared state. It says where to look and decides nothing: PostgreSQL alone gives a session to a call. So
 * it may be lost, late or wrong, and every failure here is somebody's redial that begins anew, never a call that waits.
 */
export class CallerIndex {
  readonly #shared: Pick<SharedState, 'get' | 'put' | 'delete' | 'onState'>
  readonly #live = new Map<SessionId, SessionRow>()
  readonly #timer: NodeJS.Timeout
  readonly #unlisten: () => void

  constructor(shared: Pick<SharedState, 'get' | 'put' | 'delete' | 'onState'>, renewMs: number = RENEW_MS) {
    this.#shared = shared
    this.#timer = setInterval(() => this.#renew(), renewMs).unref()
    this.#unlisten = shared.onState(({ state }) => state === 'up' && this.#renew())
  }

  /** Puts, moves or takes away a caller's entry, as the session now stands. Nobody waits for it. */
  set(row: SessionRow): void {
    if (row.caller === '') return
    if (row.state === 'live') this.#live.set(row.id, row)
    else this.#live.delete(row.id)
    void this.#write(row).catch(() => undefined) // Lost: see above.
  }

  /** Undefined: nobody knows of a session of theirs. Rejects where the shared state is away. */
  async get(tenant: TenantId, caller: string): Promise<CallerEntry | undefined> {
    return entryOf(await this.#shared.get(keyOf(tenant, caller)))
  }

  close(): void {
    clearInterval(this.#timer)
    this.#unlisten()
  }

  #renew(): void {
    for (const row of this.#live.values()) void this.#write(row).catch(() => undefined)
  }

  async #write(row: SessionRow): Promise<void> {
    const { id: session, tenant, caller, state, node, callId: call, resumableUntil } = row
    const key = keyOf(tenant, caller)
    if (state === 'live') return this.#shared.put(key, { session, state, node, call }, LIVE_TTL_MS)
    const leftMs = state === 'parked' ? (resumableUntil?.getTime() ?? 0) - Date.now() : 0
    if (leftMs > 0) return this.#shared.put(key, { session, state, node, call }, leftMs)
    // Another call of the same number may have its own entry here by now.
    if (entryOf(await this.#shared.get(key))?.session === session) await this.#shared.delete(key)
  }
}

const keyOf = (tenant: TenantId, caller: string): string => `caller:${tenant}:${caller}`

/** Undefined where it is not one: the shared state is written by other versions too. */
function entryOf(value: unknown): CallerEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { session, state, node, call } = value as Partial<Record<string, unknown>>
  if (typeof session !== 'string' || typeof node !== 'string' || typeof call !== 'string') return undefined
  if (state !== 'live' && state !== 'parked') return undefined
  return { session: sessionId(session), state, node: nodeId(node), call: callId(call) }
}
