import type { TransferTarget } from '../../lib/agent/spec.ts'
import type { TrunkId } from '../../lib/core/ids.ts'
import type { Result } from '../../lib/core/result.ts'
import type { ReferredTo, TransferRefusal } from '../../lib/route/transfer.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { CalleeHunt } from './callee-hunt.ts'
import type { IncomingRefer } from './dialog-refers.ts'
import type { ReferNotifier } from './refer-notifier.ts'
import type { TransferDesk } from './transfer-desk.ts'
import { type TransferOrder, tellTransfer } from './transfer-order.ts'

/** Who has sent a REFER: the person that a caller was put through to. */
export interface Referrer {
  readonly recorder: CallRecorder
  readonly desk: TransferDesk
  /** That they were reached over; null: none. */
  readonly trunk: TrunkId | null
  /** Of the call's agent; null: it has none. */
  readonly transfers: readonly TransferTarget[] | null
  /** Why it is not the time for it; null: it is. */
  readonly untimely: string | null
}

export interface TakenRefer {
  readonly order: TransferOrder
  readonly callee: CalleeHunt
  readonly notifier: ReferNotifier
}

/** Accepts a REFER where it leads to somebody that the config names; else refuses it, and says so on record. */
export function takeRefer(refer: IncomingRefer, referrer: Referrer): TakenRefer | null {
  const { recorder, desk, trunk, transfers, untimely } = referrer
  const reach = () => desk.referred(recorder, refer.user, trunk, transfers)
  return answerRefer(refer, { recorder, by: 'callee', untimely, reach })
}

/** Who has sent a REFER, and whom it leads to: `callee` is whatever they are rung by. */
export interface ReferAnswerer<Callee> extends Pick<Referrer, 'recorder' | 'untimely'> {
  readonly by: TransferOrder['by']
  readonly reach: () => Result<{ readonly to: ReferredTo; readonly callee: Callee }, TransferRefusal>
}

/** See `takeRefer`. */
export function answerRefer<Callee>(
  refer: IncomingRefer,
  { recorder, by, untimely, reach }: ReferAnswerer<Callee>,
): { readonly order: TransferOrder; readonly callee: Callee; readonly notifier: ReferNotifier } | null {
  const order: TransferOrder = {
    ...{ by, to: refer.user.slice(0, MAX_CHARS), name: null },
    ...{ attended: false, ringTimeoutMs: null, toolCall: null },
  }
  const refuse = (status: number, phrase: string, why: string): null => {
    refer.refuse(status, phrase)
    tellTransfer({ order, recorder }, 'refer', 'refused', why)
    return null
  }
  if (untimely !== null) return refuse(491, 'Request Pending', untimely)
  const found = reach()
  // Whoever asks is told no more than that it is not to be (RFC 3515 §2.4.2).
  if (!found.ok) return refuse(603, 'Decline', found.error.message)
  const { callee, to: known } = found.value
  const { to, name, ringTimeoutMs } = known
  return { order: { ...order, to, name, ringTimeoutMs }, callee, notifier: refer.accept() }
}

/** What a record has of a Refer-To that leads nowhere. */
const MAX_CHARS = 64
