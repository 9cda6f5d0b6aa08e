import type { SessionId, TrunkId } from '../../lib/core/ids.ts'
import type { Result } from '../../lib/core/result.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import { callbackTo } from '../../lib/route/callback.ts'
import type { PlaceRefusal, PlaceRequest } from '../../lib/route/place.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import type { TrunkState } from '../../lib/trunk/state.ts'
import type { Log } from '../observe/log.ts'
import type { Sessions } from './sessions.ts'

export interface CallBacksOptions {
  readonly sessions: Pick<Sessions, 'onParked' | 'isParked' | 'tenants'>
  readonly trunkStates: () => ReadonlyMap<TrunkId, TrunkState>
  /** Places a call that goes on with the session of its callee. */
  readonly place: (request: PlaceRequest) => Result<CallRow, PlaceRefusal>
  readonly log: Log
}

/**
 * Long enough for a telephone to notice that its call is gone, and for a caller to be quicker than we are; spread, as a trunk that dies drops
 * many at once.
 */
const AFTER_MS = 2_000
const SPREAD_MS = 2_000
/** Callers who wait to be called back; when a trunk with more calls dies, the rest calls by itself. */
const MAX_WAITING = 1_000

/** Calls people back whose leg a trunk dropped, where the tenant opted in: once, over another trunk. */
export class CallBacks {
  readonly #options: CallBacksOptions
  readonly #waiting = new Map<SessionId, NodeJS.Timeout>()

  constructor(options: CallBacksOptions) {
    this.#options = options
    options.sessions.onParked((session, call) => this.#onParked(session, call))
  }

  close(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    this.#waiting.clear()
  }

  #onParked(session: SessionRow, call: CallRow): void {
    const { sessions, trunkStates } = this.#options
    if (sessions.tenants.get(session.tenant)?.callback !== true || this.#waiting.size >= MAX_WAITING) return
    const state = (call.trunk === null ? undefined : trunkStates().get(call.trunk)) ?? 'active'
    const request = callbackTo(call, session.caller, session.agent, state)
    if (request === null) return
    clearTimeout(this.#waiting.get(session.id))
    this.#waiting.set(
      session.id,
      setTimeout(() => void this.#callBack(session.id, request), AFTER_MS + Math.random() * SPREAD_MS),
    )
  }

  async #callBack(session: SessionId, request: PlaceRequest): Promise<void> {
    this.#waiting.delete(session)
    const { sessions, place, log } = this.#options
    // Whoever has called again meanwhile needs no call.
    if (!(await sessions.isParked(session))) return
    const placed = place(request)
    if (!placed.ok)
      log.log.warn({ session, why: placed.error.message }, 'a caller whose leg dropped is not called back')
  }
}
