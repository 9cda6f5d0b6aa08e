import type { LiveCall } from '../../lib/call/live-call.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import { keyLines, withoutKeys } from '../../lib/sip/sdes.ts'
import type { LiveCallEntry, LiveCalls } from '../fleet/live-calls.ts'
import type { KeyWrap } from '../key-wrap.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { SipDialog } from './sip-dialog.ts'

/** The conversation that a call is part of. */
export interface SharedSession {
  readonly row: Pick<SessionRow, 'agent' | 'caller' | 'variables'> | null
}

export interface SharedCallParts {
  /** Keeps what other nodes know of calls. */
  readonly liveCalls: Pick<LiveCalls, 'keep'>
  /** Wraps what only other nodes may read of them. */
  readonly keyWrap: Pick<KeyWrap, 'wrap'>
}

/** One call as other nodes could go on with it: in the shared state from the moment that it is up until it ends. */
export class SharedCall {
  readonly #parts: SharedCallParts
  readonly #recorder: CallRecorder
  readonly #session: SharedSession
  readonly #generation: number
  #entry: LiveCallEntry | null = null
  /** Wrapped once, however often the entry is put. */
  #srtp: { readonly lines: string; readonly wrapped: string } | null = null

  /** @param generation how many nodes had the call before this one */
  constructor(parts: SharedCallParts, recorder: CallRecorder, session: SharedSession, generation = 0) {
    this.#parts = parts
    this.#recorder = recorder
    this.#session = session
    this.#generation = generation
  }

  /** The dialog is confirmed. */
  up(dialog: SipDialog): void {
    if (this.#entry !== null) return
    this.#entry = this.#parts.liveCalls.keep(this.#recorder.id, () => this.#read(dialog))
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
    const [sdp, srtp] = [withoutKeys(localSdp), this.#wrapped(keyLines(localSdp))]
    return { row, generation: this.#generation, agent, caller, variables, dialog: state, sdp, srtp }
  }

  #wrapped(lines: string): string | null {
    if (lines === '') return null
    if (this.#srtp?.lines !== lines) {
      this.#srtp = { lines, wrapped: this.#parts.keyWrap.wrap(this.#recorder.id, lines) }
    }
    return this.#srtp.wrapped
  }
}
