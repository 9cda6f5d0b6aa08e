import type { TrunkId } from '../../lib/core/ids.ts'
import { ok, type Result } from '../../lib/core/result.ts'
import type { GiveBack } from '../../lib/guard/call-load.ts'
import type { OutboundTrunk } from '../../lib/route/outbound.ts'
import { referTo } from '../../lib/route/refer-to.ts'
import { decideTransfer, type TransferFacts, type TransferRefusal, transferNumbers } from '../../lib/route/transfer.ts'
import { escapeUser } from '../../lib/sip/uri-escapes.ts'
import type { CallRecorder } from './call-recorder.ts'
import { CalleeHunt, type CalleeHuntParts } from './callee-hunt.ts'
import type { Refer } from './send-refer.ts'

/** What a call needs to ring somebody else. */
export interface TransferDeskParts {
  readonly hunt: CalleeHuntParts
  /** The config in force, and how full its trunks are. */
  readonly facts: () => TransferFacts & { readonly outbound: ReadonlyMap<TrunkId, OutboundTrunk> }
  /** Takes a place on a trunk; null where it is at one of its limits. */
  readonly admit: (trunk: TrunkId) => GiveBack | null
}

/** Whom calls of this node are handed to. */
export class TransferDesk {
  readonly #parts: TransferDeskParts

  constructor(parts: TransferDeskParts) {
    this.#parts = parts
  }

  /**
   * Somebody who may be rung for a call, or why not.
   *
   * @param to E.164, as dialled in the country of the call's tenant, or an extension
   * @param ringTimeoutMs how long it may ring; null: as long as the trunk says
   */
  callee(recorder: CallRecorder, to: string, ringTimeoutMs: number | null): Result<CalleeHunt, TransferRefusal> {
    const facts = this.#parts.facts()
    const decided = decideTransfer(recorder.row, to, facts)
    if (!decided.ok) return decided
    const { outbound } = facts
    const context = {
      outbound: ringTimeoutMs === null ? outbound : withRingTimeout(outbound, ringTimeoutMs),
      admit: this.#parts.admit,
    }
    return ok(new CalleeHunt(this.#parts.hunt, context, decided.value, recorder))
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
    const host = address.includes(':') ? `[${address}]` : address
    const referredBy = `sip:${escapeUser(numbers.value.from)}@${host}`
    return { referTo: uri, referredBy, credentials: trunk.credentials, ringMs: trunk.policy.ringTimeoutMs }
  }

  /** What comes of these INVITEs is of no call any more. */
  release(sipCallIds: readonly string[]): void {
    for (const sipCallId of sipCallIds) this.#parts.hunt.trace.release(sipCallId, performance.now())
  }
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
