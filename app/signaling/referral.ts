import {
  newReferral,
  type ReferralEffect,
  type ReferralInput,
  type ReferralState,
  referralDeadlineMs,
  stepReferral,
} from '../../lib/call/referral.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { realTimer } from '../sip/one-timer.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { Refer } from './send-refer.ts'
import type { SipDialog } from './sip-dialog.ts'
import { type TransferOrder, tellTransfer } from './transfer-order.ts'

export interface ReferralParts {
  readonly order: TransferOrder
  readonly recorder: CallRecorder
  readonly dialog: SipDialog
  readonly refer: Refer
  /** How long they may ring. */
  readonly ringMs: number
  /** The far end has reached them, and wants to be let go; also where it was given up long before. */
  readonly onArrived: () => void
  /** Why the caller is still with the agent. */
  readonly onFailed: (problem: string) => void
  /** They are to be rung over a leg of ours. */
  readonly onFallBack: () => void
}

/** Performs what lib/call/referral.ts decides: the far end of a call is asked by REFER to call somebody itself. */
export class Referral {
  readonly #parts: ReferralParts
  readonly #timer = realTimer()
  readonly #inputs: ReferralInput[] = []
  #stepping = false
  #state: ReferralState = newReferral(performance.now())

  constructor(parts: ReferralParts) {
    this.#parts = parts
    this.#wakeLater()
    tellTransfer(parts, 'refer', 'begun', null, { target: parts.refer.referTo })
    void this.#ask()
  }

  /** The far end will say no more of it. */
  get isOver(): boolean {
    return this.#state.kind === 'over'
  }

  /** The call that is handed on is over. */
  callEnded(): void {
    this.#input({ kind: 'callEnded' })
  }

  async #ask(): Promise<void> {
    const { dialog, refer } = this.#parts
    const outcome = await dialog.refer(refer, (notify) => this.#input({ kind: 'notified', ...notify }))
    this.#input(outcome)
  }

  #input(input: ReferralInput): void {
    this.#inputs.push(input)
    if (this.#stepping) return
    this.#stepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const { state, effects } = stepReferral(this.#state, next, performance.now(), this.#parts.ringMs)
      this.#state = state
      this.#wakeLater()
      for (const effect of effects) this.#perform(effect)
    }
    this.#stepping = false
  }

  #wakeLater(): void {
    const atMs = referralDeadlineMs(this.#state)
    if (atMs === undefined) return this.#timer.clear()
    this.#timer.set(Math.max(0, Math.ceil(atMs - performance.now())), () => this.#input({ kind: 'wake' }))
  }

  #perform(effect: ReferralEffect): void {
    const { onArrived, onFailed, onFallBack } = this.#parts
    switch (effect.kind) {
      case 'arrived':
        this.#tell('left')
        return onArrived()
      case 'fail':
        this.#tell('failed', effect.problem)
        return onFailed(effect.problem)
      case 'fallBack':
        this.#tell('fellBack', effect.why)
        return onFallBack()
      default:
        return assertNever(effect)
    }
  }

  #tell(outcome: string, reason: string | null = null): void {
    tellTransfer(this.#parts, 'refer', outcome, reason)
  }
}
