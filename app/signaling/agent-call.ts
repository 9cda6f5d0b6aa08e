import type { AgentSpec } from '../../lib/agent/spec.ts'
import {
  type AgentCallEffect,
  type AgentCallInput,
  type AgentCallState,
  type CallEnd,
  newAgentCall,
  type Refusal,
  stepAgentCall,
  TAKEN_FROM_US,
} from '../../lib/call/agent-call.ts'
import { endReason } from '../../lib/call/end-reason.ts'
import { refusalOfSdp } from '../../lib/call/sdp-refusal.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import { formatWarning } from '../../lib/sip/warning.ts'
import type { MediaEngine, MediaLeg } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { CallSession } from '../session/call-session.ts'
import { closeRecord, dropCall, openAgentLeg, refusalOfError, untilReady } from './agent-leg.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import { onLegEvent } from './leg-events.ts'
import { Reoffers } from './reoffers.ts'
import type { SharedCall } from './shared-call.ts'
import type { SipDialog } from './sip-dialog.ts'

export interface AgentCallParts {
  readonly invite: IncomingInvite
  readonly recorder: CallRecorder
  /** What other nodes know of the call. */
  readonly shared: SharedCall
  readonly metrics: Metrics
  readonly media: MediaEngine
  /** The conversation that it is part of. */
  readonly session: CallSession
  /** Who talks to the caller, as the session has it. */
  readonly agent: () => Promise<AgentSpec>
  /** Where it is recorded; null: nowhere. */
  readonly recording: NewRecording | null
  /** Retry-After for a refusal of ours, in seconds. */
  readonly retryAfterS: () => number
  /** Called once, when the record is closed and media given back. */
  readonly onReleased: (end: CallEnd) => void
}

/** Performs what lib/call/agent-call.ts decides, for one call, on the SIP and media servers. */
export class AgentCall {
  readonly #parts: AgentCallParts
  #state: AgentCallState
  readonly #inputs: AgentCallInput[] = []
  #stepping = false
  #leg: MediaLeg | null = null
  #dialog: SipDialog | null = null
  /** Resolves when our BYE, if we sent one, has been answered. */
  #hungUp: Promise<void> = Promise.resolve()
  /** The SDP for the 200 OK: an answer, or our offer where the INVITE had none. */
  #localSdp = ''
  readonly #reoffers = new Reoffers({
    leg: () => (this.#state.kind === 'ended' ? null : this.#leg),
    onHold: (held) => this.#onHold(held),
    headersOf: (refusal) => this.#headersOf(refusal),
  })

  constructor(parts: AgentCallParts) {
    this.#parts = parts
    const { state, effects } = newAgentCall()
    this.#state = state
    for (const effect of effects) this.#perform(effect)
    parts.invite.onCancel(() => this.#input({ kind: 'cancelled' }))
    void this.#prepare()
  }

  hangUp(by: EndedBy, cause: EndCause): void {
    this.#input({ kind: 'hangUp', by, cause })
  }

  /** The SIP server is gone, and our dialog with it. */
  lost(): void {
    this.#input({ kind: 'lost' })
  }

  /** The term in which this node writes its record. */
  get epoch(): number {
    return this.#parts.recorder.row.epoch
  }

  /** While it is muted nothing is sent to the far end's ear. */
  mute(muted: boolean): void {
    this.#leg?.mute(muted)
  }

  /** The call is another node's. */
  fence(): void {
    this.#parts.recorder.lost()
    this.#input({ kind: 'fenced' })
  }

  #input(input: AgentCallInput): void {
    this.#inputs.push(input)
    if (this.#stepping) return
    this.#stepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const { state, effects } = stepAgentCall(this.#state, next)
      this.#state = state
      for (const effect of effects) this.#perform(effect)
    }
    this.#stepping = false
  }

  #perform(effect: AgentCallEffect): void {
    switch (effect.kind) {
      case 'ring':
        this.#parts.recorder.update({ state: 'ringing' })
        return this.#parts.invite.respond(180, 'Ringing')
      case 'answer':
        void this.#answer()
        return
      case 'reject':
        return this.#reject(effect.refusal)
      case 'start':
        if (this.#dialog !== null) this.#parts.shared.up(this.#dialog)
        return this.#leg?.start()
      case 'bye':
        this.#hungUp = this.#dialog?.bye({ Reason: endReason(effect.cause) }) ?? this.#hungUp
        return
      case 'drop':
        void this.#drop()
        return
      case 'release':
        void this.#release(effect.end)
        return
      default:
        return assertNever(effect)
    }
  }

  async #prepare(): Promise<void> {
    const refusal = await this.#openLeg().catch(refusalOfError)
    this.#input(refusal === null ? { kind: 'prepared' } : { kind: 'refused', refusal })
  }

  /** Takes RTP ports, agrees on media, and waits until the agent could speak. */
  async #openLeg(): Promise<Refusal | null> {
    const { invite, recorder, metrics, session } = this.#parts
    const sink = { recorder, metrics, session, hangUp: (by: EndedBy, cause: EndCause) => this.hangUp(by, cause) }
    const leg = await openAgentLeg({ ...this.#parts, agent: await this.#parts.agent() }, 'a', (event) =>
      onLegEvent(event, sink),
    )
    this.#leg = leg
    // The caller may have given up while the ports were taken; `release` has not seen the leg then.
    if (this.#state.kind === 'ended') await leg.close()
    if (invite.offer === null) {
      this.#localSdp = await leg.offer()
      this.#reoffers.expectAnswer()
    } else {
      const answer = await leg.answer(invite.offer)
      if (!answer.ok) return refusalOfSdp(answer.error)
      this.#localSdp = answer.value
    }
    this.#input({ kind: 'agreed' })
    return untilReady(leg)
  }

  async #answer(): Promise<void> {
    const answered = await this.#parts.invite.answer(this.#localSdp)
    if (!answered.ok) return this.#input({ kind: 'unacceptable' })
    const dialog = answered.value
    if (this.#state.kind === 'ended') return dialog.forget()
    this.#dialog = dialog
    const { recorder, metrics, session } = this.#parts
    const answeredAt = new Date()
    recorder.update({ state: 'active', answeredAt, recording: this.#parts.recording?.name ?? null })
    metrics.callAnswered(answeredAt.getTime() - recorder.row.startedAt.getTime())
    recorder.event({ event: 'call.answered' })
    session.began({
      silentMs: async () => (await this.#leg?.silentMs()) ?? null,
      giveWay: () => this.hangUp('system', 'media-timeout'),
    })
    this.#input({ kind: 'accepted' })
    // ACK and BYE may have come with the 200 already, and are told now.
    dialog.onDigit(({ digit, durationMs }) => this.#leg?.dtmf(digit, durationMs))
    dialog.onAck((sdp) => void this.#onAck(sdp))
    dialog.onReoffer((reoffer) => this.#reoffers.take(reoffer))
    dialog.onEnd((end) => this.#input({ kind: end }))
  }

  async #onAck(answer: string | null): Promise<void> {
    const acked = await this.#reoffers.acked(answer)
    if (acked === 'unusable') return this.#input({ kind: 'hangUp', by: 'system', cause: 'rejected' })
    this.#input({ kind: 'acked' })
    if (acked !== 'plain') this.#onHold(acked.held)
  }

  #onHold(held: boolean): void {
    this.#input({ kind: held ? 'held' : 'retrieved' })
    const state = held ? 'held' : 'active'
    const { recorder } = this.#parts
    if (recorder.row.state === state || recorder.row.state === 'ended') return
    recorder.update({ state })
    this.#parts.shared.changed()
  }

  #headersOf({ temporary, warning, detail }: Refusal): Record<string, string> {
    return {
      ...(temporary && { 'Retry-After': String(this.#parts.retryAfterS()) }),
      ...(warning !== null && { Warning: formatWarning(warning, detail) }),
    }
  }

  #reject(refusal: Refusal): void {
    this.#parts.invite.respond(refusal.status, refusal.reason, this.#headersOf(refusal))
    this.#parts.recorder.event({
      event: 'call.rejected',
      level: 'warn',
      sip: refusal.status,
      reason: refusal.detail === '' ? refusal.reason : refusal.detail,
    })
  }

  async #drop(): Promise<void> {
    await dropCall(this.#parts, this.#leg, this.#dialog)
    this.#parts.onReleased(TAKEN_FROM_US)
  }

  async #release(end: CallEnd): Promise<void> {
    this.#parts.shared.end()
    await closeRecord(this.#parts, end, this.#leg?.close(), this.#hungUp)
    this.#parts.onReleased(end)
  }
}
