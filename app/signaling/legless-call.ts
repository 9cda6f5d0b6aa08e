import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { CallRecorder } from './call-recorder.ts'

export interface LeglessCallParts {
  readonly recorder: CallRecorder
  /** The call is over and its record closed. */
  readonly onReleased: () => void
}

/** A call that has no leg of ours: it waits for a decision, or was sent on. What ends it ends its record. */
export abstract class LeglessCall {
  readonly #parts: LeglessCallParts
  #isOver = false

  constructor(parts: LeglessCallParts) {
    this.#parts = parts
  }

  /** The term in which this node writes its record. */
  get epoch(): number {
    return this.#parts.recorder.row.epoch
  }

  /** The SIP server is gone, and the INVITE with it. */
  lost(): void {
    this.end({ by: 'system', sip: null, cause: 'trunk-fault' })
  }

  /** Its audio is not here. */
  mute(_muted: boolean): void {}

  /** The call is another node's. */
  fence(): void {
    this.#parts.recorder.lost()
    this.end({ by: 'system', sip: null, cause: 'node-lost' })
  }

  /** Nothing comes of it here any more. */
  protected get isOver(): boolean {
    return this.#isOver
  }

  /** It is somebody else's from now on, with its record. */
  protected pass(): void {
    this.#isOver = true
  }

  /** Closes the record, once. */
  protected end(end: CallEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    const { recorder, onReleased } = this.#parts
    recorder.update({ state: 'ended', endedAt: new Date(), end })
    recorder.event({ event: 'call.ended', by: end.by, sip: end.sip, cause: end.cause })
    onReleased()
  }
}
