import type { CallEnd } from '../../lib/call/agent-call.ts'
import { type HandOnEffect, type HandOnInput, type HandOnState, newHandOn, stepHandOn } from '../../lib/call/hand-on.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import type { FollowingCall, FollowOrder } from './following-call.ts'
import type { ReferNotifier } from './refer-notifier.ts'
import { type TransferOrder, tellTransfer } from './transfer-order.ts'

export interface HandOnParts {
  readonly order: TransferOrder
  readonly notifier: ReferNotifier
  /** The call that the agent is on, and the way to a call that goes on with its session. */
  readonly follow: Omit<FollowOrder, 'onProgress' | 'onAnswered' | 'onEnded'>
  readonly place: (order: FollowOrder) => FollowingCall
  /** The first call is to end. @param told resolves when the far end has heard why, or will not */
  readonly leave: (told: Promise<void>) => void
  /** Nothing came of it, and nothing has changed for the first call. */
  readonly onFailed: () => void
}

const UNREACHABLE = 500

/** Performs what lib/call/hand-on.ts decides: an agent goes on to somebody else, as whoever it talks to has asked for by REFER. */
export class HandOn {
  readonly #parts: HandOnParts
  readonly #following: FollowingCall
  #state: HandOnState
  #told: Promise<void> = Promise.resolve()
  /** Why it fails, where nobody else says so. */
  #failure = UNREACHABLE
  #isBequeathed = false

  constructor(parts: HandOnParts) {
    this.#parts = parts
    const { state, effects } = newHandOn()
    this.#state = state
    for (const effect of effects) this.#perform(effect)
    this.#following = parts.place({
      ...parts.follow,
      onProgress: (status) => this.#onProgress(status),
      onAnswered: () => this.#onAnswered(),
      onEnded: (end) => this.#onEnded(end),
    })
    this.#tell('begun', null)
  }

  /** Whether the conversation has gone on to the other call, or will when this one ends. */
  get isBequeathed(): boolean {
    return this.#isBequeathed
  }

  /** The first call is over. */
  lineEnded(end: CallEnd): void {
    this.#input({ kind: 'lineEnded', end })
  }

  #onProgress(status: number): void {
    if (status < 200) return this.#input({ kind: 'rings' })
    this.#failure = status
  }

  #onAnswered(): void {
    if (this.#state.kind === 'ringing') this.#tell('joined', null)
    this.#input({ kind: 'answered' })
  }

  #onEnded({ cause }: CallEnd): void {
    if (this.#state.kind !== 'ringing') return
    this.#tell('failed', cause)
    const { isAlone } = this.#state
    this.#input({ kind: 'failed', status: this.#failure })
    if (!isAlone) this.#parts.onFailed()
  }

  #tell(outcome: string, reason: string | null): void {
    const { order, follow } = this.#parts
    tellTransfer({ order, recorder: follow.before }, 'call', outcome, reason, { goesOnAs: this.#following.recorder.id })
  }

  /** No effect makes an input before it returns, but for `giveUp`, whose is ignored by then: they need no queue. */
  #input(input: HandOnInput): void {
    const { state, effects } = stepHandOn(this.#state, input)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: HandOnEffect): void {
    const { notifier, follow, leave } = this.#parts
    switch (effect.kind) {
      case 'notify':
        this.#told = notifier.notify(effect.status)
        return
      case 'bequeath':
        this.#isBequeathed = true
        return follow.session.bequeath(this.#following.session)
      case 'leave':
        return leave(this.#told)
      case 'giveUp':
        return this.#following.call.hangUp(effect.by, effect.cause)
      default:
        return assertNever(effect)
    }
  }
}
