import type { LiveCall } from '../../lib/call/live-call.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import type { LiveCallEntry, LiveCalls } from '../fleet/live-calls.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { SipDialog } from './sip-dialog.ts'

/** The conversation that a call is part of. */
export interface SharedSession {
  readonly row: Pick<SessionRow, 'agent' | 'caller' | 'variables'> | null
}

/** One call as other nodes could go on with it: in the shared state from the moment that it is up until it ends. */
export class SharedCall {
  readonly #calls: Pick<LiveCalls, 'keep'>
  readonly #recorder: CallRecorder
  readonly #session: SharedSession
  readonly #generation: number
  #entry: LiveCallEntry | null = null

  /** @param generation how many nodes had the call before this one */
  constructor(calls: Pick<LiveCalls, 'keep'>, recorder: CallRecorder, session: SharedSession, generation = 0) {
    this.#calls = calls
    this.#recorder = recorder
    this.#session = session
    this.#generation = generation
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

  /** The call is another node's by now, and so is what the shared state has of it. */
  leave(): void {
    this.#entry?.leave()
  }

  #read(dialog: SipDialog): LiveCall | null {
    const { state, localSdp } = dialog
    const session = this.#session.row
    if (state === null || session === null) return null
    const { agent, caller, variables } = session
    const { row } = this.#recorder
    return { row, generation: this.#generation, agent, caller, variables, dialog: state, sdp: localSdp, srtp: null }
  }
}
