import type { TransferTarget } from '../../lib/agent/spec.ts'
import type { TrunkId } from '../../lib/core/ids.ts'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { GiveBack } from '../../lib/guard/call-load.ts'
import type { OutboundTrunk } from '../../lib/route/outbound.ts'
import { referTo } from '../../lib/route/refer-to.ts'
import type { Routes } from '../../lib/route/routes.ts'
import {
  decideTransfer,
  judgeReferred,
  type ReferredTo,
  type TransferFacts,
  type TransferRefusal,
  transferNumbers,
} from '../../lib/route/transfer.ts'
import { uriHost } from '../../lib/sip/uri.ts'
import { escapeUser } from '../../lib/sip/uri-escapes.ts'
import type { CallRecorder } from './call-recorder.ts'
import { type Callee, CalleeHunt, type CalleeHuntContext, type CalleeHuntParts } from './callee-hunt.ts'
import type { FollowingCall, FollowOrder } from './following-call.ts'
import { hopsLeft, type IncomingInvite } from './incoming-invite.ts'
import type { Refer } from './send-refer.ts'

/** What a call needs to ring somebody else. */
export interface TransferDeskParts {
  readonly hunt: CalleeHuntParts
  /** The config in force, and how full its trunks are. */
  readonly facts: () => DeskFacts
  /** Takes a place on a trunk; null where it is at one of its limits. */
  readonly admit: (trunk: TrunkId) => GiveBack | null
  /** Places a call that goes on with the session of another one. */
  readonly follow: (order: FollowOrder) => FollowingCall
}

/** Whom to ring, and by what of the config. */
interface Reached {
  readonly callee: FollowOrder['callee']
  readonly context: CalleeHuntContext
}

type DeskFacts = TransferFacts & Pick<Routes, 'agents'>

/** Whom calls of this node are handed to. */
export class TransferDesk {
  readonly #parts: TransferDeskParts
  readonly #came: Pick<IncomingInvite, 'header'> | null
  #rung: number

  /** @param came the caller's INVITE; null: the call is ours, or its INVITE is not known here @param rung to how many it went before */
  constructor(parts: TransferDeskParts, came: Pick<IncomingInvite, 'header'> | null = null, rung = 0) {
    this.#parts = parts
    this.#came = came
    this.#rung = rung
  }

  /** The desk of one call, whose INVITE goes on to whom it is handed as far as the trunk has it. @param rung to how many it went before */
  of(came: Pick<IncomingInvite, 'header'>, rung = 0): TransferDesk {
    return new TransferDesk(this.#parts, came, rung)
  }

  /**
   * Somebody who may be rung for a call, or why not.
   *
   * @param to E.164, as dialled in the country of the call's tenant, or an extension
   * @param ringTimeoutMs how long it may ring; null: as long as the trunk says
   */
  callee(recorder: CallRecorder, to: string, ringTimeoutMs: number | null): Result<CalleeHunt, TransferRefusal> {
    const found = this.#reach(recorder, to, ringTimeoutMs)
    if (!found.ok) return found
    const { callee, context } = found.value
    return ok(new CalleeHunt(this.#parts.hunt, context, callee, recorder))
  }

  #reach(recorder: CallRecorder, to: string, ringTimeoutMs: number | null): Result<Reached, TransferRefusal> {
    const facts = this.#parts.facts()
    const onward = this.#onward(recorder)
    const decided = decideTransfer(recorder.row, to, { ...facts, hops: onward?.hops ?? null })
    if (!decided.ok) return decided
    const { outbound } = facts
    const context = {
      outbound: ringTimeoutMs === null ? outbound : withRingTimeout(outbound, ringTimeoutMs),
      admit: this.#parts.admit,
    }
    return ok({ callee: { ...decided.value, ...(onward !== null && { onward }) }, context })
  }

  /** Who is rung is shown the tenant's number, not the caller's. */
  #onward({ row }: CallRecorder): NonNullable<Callee['onward']> | null {
    const came = this.#came
    if (came === null) return null
    const header = (name: string): string | undefined => came.header(name)
    return { header, hops: hopsLeft(came), called: row.to, branch: ++this.#rung, given: {}, isShown: false }
  }

  /**
   * How the far end of a call is asked to call somebody itself; null where that is not to be: its trunk takes no REFER, or whom to call is not known.
   *
   * @param to as for `callee`
   * @param remoteTarget Contact of the far end
   */
  refer(recorder: CallRecorder, to: string, remoteTarget: string): (Refer & { readonly ringMs: number }) | null {
    const facts = this.#parts.facts()
    const { trunk: id } = recorder.row
    const trunk = id === null ? undefined : facts.outbound.get(id)
    if (trunk?.refers !== true) return null
    const numbers = transferNumbers(recorder.row, to, facts)
    const uri = numbers.ok ? referTo(numbers.value.to, trunk, remoteTarget) : null
    if (!numbers.ok || uri === null) return null
    const { address } = this.#parts.hunt
    const referredBy = `sip:${escapeUser(numbers.value.from)}@${uriHost(address)}`
    return { referTo: uri, referredBy, credentials: trunk.credentials, ringMs: trunk.policy.ringTimeoutMs }
  }

  /**
   * Somebody whom a person may hand the caller to, who asks for it by REFER, or why not.
   *
   * @param user in Refer-To @param trunk that the person was reached over; null: none
   * @param transfers of the call's agent; null: it has none, and those of its tenant's agent count
   */
  referred(
    recorder: CallRecorder,
    user: string,
    trunk: TrunkId | null,
    transfers: readonly TransferTarget[] | null,
  ): Result<{ readonly to: ReferredTo; readonly callee: CalleeHunt }, TransferRefusal> {
    const found = this.#judge(recorder, user, trunk, transfers)
    if (!found.ok) return found
    const callee = this.callee(recorder, found.value.to, found.value.ringTimeoutMs)
    return callee.ok ? ok({ to: found.value, callee: callee.value }) : callee
  }

  #judge(
    recorder: CallRecorder,
    user: string,
    trunk: TrunkId | null,
    transfers: readonly TransferTarget[] | null,
  ): Result<ReferredTo, TransferRefusal> {
    const facts = this.#parts.facts()
    if (trunk === null || facts.outbound.get(trunk)?.acceptsRefer !== true)
      return err({ code: 'request', message: 'REFER is not accepted on the trunk that they are on' })
    return judgeReferred(recorder.row, user, transfers ?? transfersOf(recorder, facts), facts)
  }

  /** Whether the far end of a call may hand on whom it talks to, by its trunk. */
  takesRefer({ row: { trunk } }: CallRecorder): boolean {
    return trunk !== null && this.#parts.facts().outbound.get(trunk)?.acceptsRefer === true
  }

  /**
   * Somebody to whom the far end of a call may hand its agent on, or why not. It is a call of its own: the caller's INVITE does not go on to them.
   *
   * @param user in Refer-To @param transfers of the agent
   */
  handedOn(
    recorder: CallRecorder,
    user: string,
    transfers: readonly TransferTarget[],
  ): Result<{ readonly to: ReferredTo; readonly callee: Reached }, TransferRefusal> {
    const found = this.#judge(recorder, user, recorder.row.trunk, transfers)
    if (!found.ok) return found
    const { to, ringTimeoutMs } = found.value
    const callee = new TransferDesk(this.#parts).#reach(recorder, to, ringTimeoutMs)
    return callee.ok ? ok({ to: found.value, callee: callee.value }) : callee
  }

  /** Rings somebody to whom the agent of a call is handed on. */
  follow(order: FollowOrder): FollowingCall {
    return this.#parts.follow(order)
  }

  /** What comes of these INVITEs is of no call any more. */
  release(sipCallIds: readonly string[]): void {
    for (const sipCallId of sipCallIds) this.#parts.hunt.trace.release(sipCallId, performance.now())
  }
}

/** Of the agent that answers the tenant's calls. */
function transfersOf({ row: { tenant } }: CallRecorder, { tenants, agents }: DeskFacts): readonly TransferTarget[] {
  if (tenant === null) return []
  return agents.get(tenant)?.get(tenants.get(tenant)?.agent ?? '')?.transfers ?? []
}

const withRingTimeout = (
  outbound: ReadonlyMap<TrunkId, OutboundTrunk>,
  ringTimeoutMs: number,
): ReadonlyMap<TrunkId, OutboundTrunk> =>
  new Map(
    [...outbound].map(([id, trunk]) => [
      id,
      { ...trunk, policy: { ...trunk.policy, ringTimeoutMs: Math.min(ringTimeoutMs, trunk.policy.ringTimeoutMs) } },
    ]),
  )
