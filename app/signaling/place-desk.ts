import type { CallId, TenantId, TrunkId } from '../../lib/core/ids.ts'
import { ok, type Result } from '../../lib/core/result.ts'
import type { GiveBack } from '../../lib/guard/call-load.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import { decidePlacement, type PlaceRefusal, type PlaceRequest } from '../../lib/route/place.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { RouteSnapshot } from '../../lib/route/snapshot.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { FirstRowFacts } from './first-row.ts'
import { followCall } from './follow-call.ts'
import type { FollowingCall, FollowOrder } from './following-call.ts'
import type { OutgoingCall } from './outgoing-call.ts'
import { type PlaceParts, placeCall } from './place-call.ts'

export interface PlaceOptions {
  /** With the session that the callee was cut off from, or not at all. */
  readonly goingOn?: boolean
  /** For an errand. */
  readonly as?: FirstRowFacts['as']
}

/** What calls of ours need of the config in force, and of the limits in it. */
export interface PlaceRules {
  readonly snapshot: () => Routes & RouteSnapshot
  /** Takes a place on a trunk; null where it is at one of its limits. */
  readonly admit: (trunk: TrunkId) => GiveBack | null
  /** Where a call of a tenant is recorded; null: nowhere. */
  readonly recording: (call: CallId, tenant: TenantId) => NewRecording | null
  /** This node has the call from now on. */
  readonly adopt: (call: CallId, by: OutgoingCall) => void
}

/** Begins the calls of ours: those that somebody asks for, and those to whom an agent is handed on. */
export class PlaceDesk {
  readonly #parts: PlaceParts
  readonly #rules: PlaceRules

  constructor(parts: PlaceParts, rules: PlaceRules) {
    this.#parts = parts
    this.#rules = rules
  }

  /** Rings a callee for an agent over the trunks of the tenant's group: the first row of its record, or why not. */
  place(request: PlaceRequest, { goingOn = false, as }: PlaceOptions = {}): Result<CallRow, PlaceRefusal> {
    const { snapshot, admit, recording, adopt } = this.#rules
    const facts = snapshot()
    const decided = decidePlacement(request, facts, new Date())
    if (!decided.ok) return decided
    const placement = decided.value
    const agents = facts.agents.get(placement.tenant)
    if (agents === undefined) throw new Error(`no agent named ${placement.agent}: it was looked up before`)
    const { outbound } = facts
    const { call, recorder } = placeCall(this.#parts, request, placement, {
      ...{ agents, as, outbound, admit },
      resumes: goingOn ? 'surely' : 'never',
      recording: (id) => recording(id, placement.tenant),
    })
    adopt(recorder.id, call)
    return ok(recorder.row)
  }

  /** Rings somebody to whom the agent of a call of a tenant is handed on. */
  follow(order: FollowOrder): FollowingCall {
    const { tenant } = order.before.row
    if (tenant === null) throw new Error('a call of no tenant is handed on: the decision refuses that')
    const { snapshot, recording, adopt } = this.#rules
    const following = followCall(this.#parts, order, {
      tenant,
      agents: snapshot().agents.get(tenant) ?? new Map(),
      recording: (id) => recording(id, tenant),
    })
    adopt(following.recorder.id, following.call)
    return following
  }
}
