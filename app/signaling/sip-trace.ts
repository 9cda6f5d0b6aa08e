import { hideKeys } from '../../lib/observe/sip-trace.ts'
import type { SipTrace } from '../store/port.ts'
import type { CallRecorder } from './call-recorder.ts'

/** Messages may come shortly before the application learns of their INVITE, and shortly after the call's end. */
const PENDING_MS = 5_000
const AFTER_END_MS = 10_000
/** Of one unknown Call-ID, and of all together: a flood of strangers' messages holds no memory. */
const PENDING_LIMIT = 1_000
const PENDING_CHARS_LIMIT = 4 * 1024 * 1024
/** Of one call: a peer that re-INVITEs for ever does not fill the store. */
const MESSAGES_PER_CALL = 500

/** Brings the SIP messages that the SIP server saw to the record of their call, by SIP Call-ID. */
export class SipTraceRouter {
  readonly #calls = new Map<string, { readonly recorder: CallRecorder; left: number; goneAtMs: number }>()
  readonly #pending: { readonly sipCallId: string; readonly trace: SipTrace; readonly atMs: number }[] = []
  #pendingChars = 0

  /** From now on the messages of this Call-ID belong to the call, and those that came before it as well. */
  follow(sipCallId: string, recorder: CallRecorder): void {
    this.#calls.set(sipCallId, { recorder, left: MESSAGES_PER_CALL, goneAtMs: Number.POSITIVE_INFINITY })
    for (let i = 0; i < this.#pending.length; ) {
      const pending = this.#pending[i]
      if (pending?.sipCallId === sipCallId) {
        this.#pending.splice(i, 1)
        this.#pendingChars -= pending.trace.message.length
        this.#record(sipCallId, pending.trace)
      } else i++
    }
  }

  /** The call has ended; what still comes of it (the 200 of a BYE, retransmissions) is taken for a while. */
  release(sipCallId: string, nowMs: number): void {
    const call = this.#calls.get(sipCallId)
    if (call !== undefined) call.goneAtMs = nowMs + AFTER_END_MS
  }

  take(sipCallId: string, seen: SipTrace, nowMs: number): void {
    const trace = { ...seen, message: hideKeys(seen.message) }
    if (this.#record(sipCallId, trace)) return
    this.#pending.push({ sipCallId, trace, atMs: nowMs })
    this.#pendingChars += trace.message.length
    while (this.#pending.length > PENDING_LIMIT || this.#pendingChars > PENDING_CHARS_LIMIT) this.#dropOldest()
  }

  /** Drops what is over; called now and then. */
  sweep(nowMs: number): void {
    for (const [sipCallId, call] of this.#calls) if (call.goneAtMs <= nowMs) this.#calls.delete(sipCallId)
    while (this.#pending[0] !== undefined && this.#pending[0].atMs + PENDING_MS <= nowMs) this.#dropOldest()
  }

  #dropOldest(): void {
    this.#pendingChars -= this.#pending.shift()?.trace.message.length ?? 0
  }

  #record(sipCallId: string, trace: SipTrace): boolean {
    const call = this.#calls.get(sipCallId)
    if (call === undefined) return false
    if (call.left-- > 0) call.recorder.sip(trace)
    return true
  }
}
