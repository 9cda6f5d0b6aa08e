import {
  newSuccession,
  type SuccessionEffect,
  type SuccessionInput,
  type SuccessionState,
  stepSuccession,
} from '../../lib/call/succession.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { type ReferNotifier, untilTold } from './refer-notifier.ts'
import { Transfer, type TransferParts } from './transfer.ts'
import { tellTransfer } from './transfer-order.ts'

export interface SuccessionParts {
  readonly transfer: Omit<TransferParts, 'onProgress' | 'onTold'>
  readonly notifier: ReferNotifier
  /** The caller talks to the other one. */
  readonly onSucceeded: (transfer: Transfer) => void
  /** Whoever asked for it is to be hung up. */
  readonly dismiss: () => void
  /** The caller is alone, and nobody is being rung any more. */
  readonly onStranded: () => void
  /** The other one cannot be had, and nothing else has changed. */
  readonly onFailed: () => void
}

const UNREACHABLE = 500

/** Performs what lib/call/succession.ts decides: somebody takes the place of a person who has asked for it by REFER. */
export class Succession {
  readonly #parts: SuccessionParts
  /** Rings the other one. */
  readonly transfer: Transfer
  #state: SuccessionState
  #told: Promise<void> = Promise.resolve()
  /** Why it failed, as a SIP caller would hear it. */
  #failure = UNREACHABLE

  constructor(parts: SuccessionParts) {
    this.#parts = parts
    const { state, effects } = newSuccession()
    this.#state = state
    this.transfer = new Transfer({
      ...parts.transfer,
      onProgress: (status) => this.#onProgress(status),
      onTold: (problem) =>
        this.#input(problem === null ? { kind: 'joined' } : { kind: 'failed', status: this.#failure, why: problem }),
    })
    for (const effect of effects) this.#perform(effect)
  }

  /** Whoever asked for it has hung up, or is lost. */
  left(): void {
    this.#input({ kind: 'left' })
  }

  /** The call is over: nobody is told any more. What is begun for the other one ends with the transfer. */
  callEnded(): void {
    this.#input({ kind: 'callEnded' })
  }

  #onProgress(status: number): void {
    if (status < 200) return this.#input({ kind: 'rings' })
    this.#failure = status
  }

  /** No effect makes an input before it returns: they need no queue. */
  #input(input: SuccessionInput): void {
    const { state, effects } = stepSuccession(this.#state, input)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: SuccessionEffect): void {
    const { transfer, notifier, onSucceeded, onStranded, onFailed } = this.#parts
    switch (effect.kind) {
      case 'notify':
        this.#told = notifier.notify(effect.status)
        if (effect.status >= 300) onFailed()
        return
      case 'comfort':
        // Where media cannot have it, the caller hears nothing until somebody is there.
        void transfer.media.talk(transfer.callerLeg, { kind: 'comfort' }).catch(() => undefined)
        return
      case 'succeed':
        onSucceeded(this.transfer)
        if (!effect.isAlone) void this.#dismiss()
        return
      case 'strand':
        tellTransfer(transfer, 'leg', 'returned', effect.why)
        return onStranded()
      default:
        return assertNever(effect)
    }
  }

  async #dismiss(): Promise<void> {
    await untilTold(this.#told)
    this.#parts.dismiss()
  }
}
