import type { TrunkId } from '../../lib/core/ids.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import type { SessionIds } from '../../lib/sip/session-id.ts'
import type { LegEvent, MediaEngine, MediaLeg } from '../media/port.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { IncomingRefer } from './dialog-refers.ts'
import { OpenTransfers } from './open-transfers.ts'
import { Succession } from './succession.ts'
import { takeRefer } from './take-refer.ts'
import type { Transfer } from './transfer.ts'
import type { TransferDesk } from './transfer-desk.ts'

export interface DialledSuccessorsParts {
  readonly recorder: CallRecorder
  readonly media: MediaEngine
  readonly desk: TransferDesk
  /** What the caller is on; null: the call is not up. */
  readonly callerLeg: () => MediaLeg | null
  /** Both ends of the caller's dialog. */
  readonly callerIds: SessionIds
  /** Somebody else talks to the caller. */
  readonly onSucceeded: () => void
  /** Who talks to the caller by now has hung up, or is lost. */
  readonly onEnd: (kind: 'calleeBye' | 'calleeBroken') => void
  /** Nobody is with the caller any more. */
  readonly onStranded: () => void
  readonly onLegEvent: (event: LegEvent) => void
}

/** Who takes the place of the person that a caller was put through to, where that person asks for it by REFER, and of them in turn. */
export class DialledSuccessors {
  readonly #parts: DialledSuccessorsParts
  /** Those whose media and trunk are not given back yet. */
  readonly #open = new OpenTransfers()
  /** Who has the place by now; null: nobody was taken. */
  #current: Transfer | null = null
  #succession: Succession | null = null
  #begun = 0

  constructor(parts: DialledSuccessorsParts) {
    this.#parts = parts
  }

  /** The person who answered is gone: false where that is the end of their part in the call. */
  takePlace(): boolean {
    if (this.#current !== null) return true
    this.#succession?.left()
    return this.#succession !== null
  }

  /** A REFER of the person who answered. @param trunk that they were reached over; null: none @param dismiss hangs them up */
  onRefer(refer: IncomingRefer, trunk: TrunkId | null, dismiss: () => void): void {
    this.#take(refer, { trunk, dismiss, hasPlace: this.#current === null })
  }

  /** The call is over for them. Resolves when their media is given back. */
  async end(cause: EndCause): Promise<void> {
    this.#succession?.callEnded()
    await this.#open.end(cause)
  }

  /** Resolves when our BYEs have been answered. */
  get hungUp(): Promise<void> {
    return this.#open.hungUp
  }

  #take(
    refer: IncomingRefer,
    {
      trunk,
      dismiss,
      hasPlace,
    }: { readonly trunk: TrunkId | null; readonly dismiss: () => void; readonly hasPlace: boolean },
  ): void {
    const {
      recorder,
      media,
      desk,
      callerLeg: legOf,
      callerIds,
      onSucceeded,
      onEnd,
      onStranded,
      onLegEvent,
    } = this.#parts
    const callerLeg = legOf()
    const isTimely = hasPlace && callerLeg !== null && this.#succession === null
    const untimely = isTimely ? null : 'the caller is being put through'
    const taken = takeRefer(refer, { recorder, desk, trunk, transfers: null, untimely })
    if (taken === null || callerLeg === null) return
    const { order, callee, notifier } = taken
    const lose = (kind: 'calleeBye' | 'calleeBroken'): void => {
      if (this.#current !== succession.transfer) return
      if (this.#succession === null) onEnd(kind)
      else this.#succession.left()
    }
    const succession: Succession = new Succession({
      transfer: {
        ...{ order, recorder, media, callee, callerLeg, callerIds },
        ordinal: ++this.#begun,
        briefing: () => ({ kind: 'none' }),
        onRefer: (again, over) => {
          const { transfer } = succession
          const hang = (): void => transfer.callEnded('transferred')
          this.#take(again, { trunk: over, dismiss: hang, hasPlace: transfer === this.#current })
        },
        onEnd: () => lose('calleeBye'),
        onBack: () => lose('calleeBroken'),
        onAgentEvent: onLegEvent,
        onReleased: (sipCallIds) => {
          desk.release(sipCallIds)
          this.#open.delete(succession.transfer)
        },
      },
      notifier,
      dismiss,
      onSucceeded: (transfer) => {
        this.#succession = null
        this.#current = transfer
        onSucceeded()
      },
      onStranded: () => {
        this.#succession = null
        onStranded()
      },
      onFailed: () => {
        this.#succession = null
      },
    })
    this.#succession = succession
    this.#open.add(succession.transfer)
  }
}
