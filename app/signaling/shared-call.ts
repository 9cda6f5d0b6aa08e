import type { LiveCall } from '../../lib/call/live-call.ts'
import type { LiveCallEntry, LiveCalls } from '../fleet/live-calls.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { SipDialog } from './sip-dialog.ts'

/** What of an entry does not change while a node has the call. */
export type SharedFacts = Pick<LiveCall, 'epoch' | 'generation' | 'agent' | 'variables'>

/** One call as other nodes could go on with it: in the shared state from the moment that it is up until it ends. */
export class SharedCall {
  readonly #calls: Pick<LiveCalls, 'keep'>
  readonly #recorder: CallRecorder
  readonly #facts: SharedFacts
  #entry: LiveCallEntry | null = null

  constructor(calls: Pick<LiveCalls, 'keep'>, recorder: CallRecorder, facts: SharedFacts) {
    this.#calls = calls
    this.#recorder = recorder
    this.#facts = facts
  }

  /** This node's term with the call. */
  get epoch(): number {
    return this.#facts.epoch
  }

  /** The dialog is confirmed. */
  up(dialog: SipDialog): void {
    if (this.#entry !== null) return
    this.#entry = this.#calls.keep(this.#recorder.id, () => this.#read(dialog))
    dialog.onChange(() => this.changed())
  }

  /** The record has changed by something that a new owner goes by. */
  changed(): void {
    this.#entry?.changed()
  }

  end(): void {
    this.#entry?.end()
  }

  #read(dialog: SipDialog): LiveCall | null {
    const { state, localSdp } = dialog
    return state === null ? null : { ...this.#facts, row: this.#recorder.row, dialog: state, sdp: localSdp, srtp: null }
  }
}
