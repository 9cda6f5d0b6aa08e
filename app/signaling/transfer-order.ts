import type { CallRecorder } from './call-recorder.ts'

/** Whom a call is to be handed to, and who says so: `caller` and `callee`, a far end, by REFER. */
export interface TransferOrder {
  readonly by: 'agent' | 'operator' | 'caller' | 'callee'
  /** E.164, as dialled in the country of the call's tenant, or an extension. */
  readonly to: string
  /** What the config calls the person; null: an operator's number. */
  readonly name: string | null
  /** The agent tells the person first who is calling. */
  readonly attended: boolean
  /** How long it may ring; null: as long as the trunk says. */
  readonly ringTimeoutMs: number | null
  /** The tool call that is to be answered; null: nobody waits. */
  readonly toolCall: string | null
}

/** What is worth a warning: the caller is not where they were to be. */
const WARNED: ReadonlySet<string> = new Set(['failed', 'fellBack', 'refused', 'returned'])

/** An event of a transfer. `via`: a leg of ours, a call of ours to which the agent goes, or a REFER. */
export function tellTransfer(
  { order, recorder }: { readonly order: TransferOrder; readonly recorder: CallRecorder },
  via: 'leg' | 'call' | 'refer',
  outcome: string,
  reason: string | null,
  more: object = {},
): void {
  const { to, name, by, attended } = order
  const level = WARNED.has(outcome) ? 'warn' : 'info'
  recorder.event({ event: 'call.transfer', level, outcome, via, to, name, by, attended, reason, ...more })
}
