import type { AgentSpec } from '../../lib/agent/spec.ts'
import {
  type AgentCallEffect,
  type AgentCallInput,
  type AgentCallState,
  type CallEnd,
  newAgentCall,
  type Refusal,
  stepAgentCall,
} from '../../lib/call/agent-call.ts'
import { endReason } from '../../lib/call/end-reason.ts'
import { refusalOfSdp } from '../../lib/call/sdp-refusal.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { type LegId, legId } from '../../lib/core/ids.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import { isHold } from '../../lib/sip/sdp.ts'
import { formatWarning } from '../../lib/sip/warning.ts'
import { withDeadline } from '../deadline.ts'
import type { LegEvent, MediaEngine, MediaLeg } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import type { Reoffer, SipDialog } from './sip-dialog.ts'

export interface AgentCallParts {
  readonly invite: IncomingInvite
  readonly recorder: CallRecorder
  readonly metrics: Metrics
  readonly media: MediaEngine
  readonly agent: AgentSpec
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
  /** We made the offer in our last 2xx, so that the ACK brings the answer (RFC 3261 §13.2.1). */
  #awaitsAnswer = false
  /** Re-INVITEs are answered one after the other. */
  #reoffers: Promise<void> = Promise.resolve()

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
        return this.#leg?.start()
      case 'bye':
        this.#hungUp = this.#dialog?.bye({ Reason: endReason(effect.cause) }) ?? this.#hungUp
        return
      case 'release':
        void this.#release(effect.end)
        return
      default:
        return assertNever(effect)
    }
  }

  async #prepare(): Promise<void> {
    const refusal = await this.#openLeg().catch(
      (error: unknown): Refusal => ({
        ...OUT_OF_SERVICE,
        detail: error instanceof Error ? error.message : String(error),
      }),
    )
    this.#input(refusal === null ? { kind: 'prepared' } : { kind: 'refused', refusal })
  }

  /** Takes RTP ports, agrees on media, and waits until the agent could speak. */
  async #openLeg(): Promise<Refusal | null> {
    const { invite, recorder, media, agent } = this.#parts
    const leg = await media.open({
      callId: recorder.id,
      legId: newLegId(recorder),
      talker: { kind: 'agent', agent },
      onEvent: (event) => this.#onLegEvent(event),
    })
    this.#leg = leg
    // The caller may have given up while the ports were taken; `release` has not seen the leg then.
    if (this.#state.kind === 'ended') await leg.close()
    if (invite.offer === null) {
      this.#localSdp = await leg.offer()
      this.#awaitsAnswer = true
    } else {
      const answer = await leg.answer(invite.offer)
      if (!answer.ok) return refusalOfSdp(answer.error)
      this.#localSdp = answer.value
    }
    this.#input({ kind: 'agreed' })
    const ready = await leg.ready()
    if (ready.ok) return null
    return { ...OUT_OF_SERVICE, cause: 'agent-fault', detail: `${ready.error.code}: ${ready.error.message}` }
  }

  async #answer(): Promise<void> {
    const answered = await this.#parts.invite.answer(this.#localSdp)
    if (!answered.ok) return this.#input({ kind: 'unacceptable' })
    const dialog = answered.value
    this.#dialog = dialog
    const { recorder, metrics } = this.#parts
    const answeredAt = new Date()
    recorder.update({ state: 'active', answeredAt })
    metrics.callAnswered(answeredAt.getTime() - recorder.row.startedAt.getTime())
    recorder.event({ event: 'call.answered' })
    this.#input({ kind: 'accepted' })
    // ACK and BYE may have come with the 200 already, and are told now.
    dialog.onDigit(({ digit, durationMs }) => this.#leg?.dtmf(digit, durationMs))
    dialog.onAck((sdp) => void this.#onAck(sdp))
    dialog.onReoffer((reoffer) => {
      this.#reoffers = this.#reoffers
        .then(() => this.#onReoffer(reoffer))
        .catch(() => reoffer.refuse(500, 'Server Internal Error'))
    })
    dialog.onEnd((end) => this.#input({ kind: end === 'bye' ? 'bye' : 'unconfirmed' }))
  }

  async #onAck(answer: string | null): Promise<void> {
    if (this.#awaitsAnswer) {
      this.#awaitsAnswer = false
      const accepted = answer === null ? null : await this.#leg?.accept(answer)
      // Without an answer to the offer in our 2xx there is no audio to have.
      if (accepted?.ok !== true) return this.#input({ kind: 'hangUp', by: 'system', cause: 'rejected' })
      this.#input({ kind: 'acked' })
      return this.#onHold(answer !== null && isHold(answer))
    }
    this.#input({ kind: 'acked' })
  }

  async #onReoffer(reoffer: Reoffer): Promise<void> {
    const leg = this.#leg
    if (leg === null || this.#state.kind === 'ended') return reoffer.refuse(481, 'Call/Transaction Does Not Exist')
    if (reoffer.offer === null) {
      const offer = await leg.offer()
      this.#awaitsAnswer = true
      return reoffer.accept(offer)
    }
    const answer = await leg.answer(reoffer.offer)
    if (!answer.ok) {
      const refusal = refusalOfSdp(answer.error)
      return reoffer.refuse(refusal.status, refusal.reason, this.#headersOf(refusal))
    }
    reoffer.accept(answer.value)
    // Held is who may not hear the agent: sendonly or inactive from the far end (RFC 3264 §8.4).
    this.#onHold(!/^a=(sendrecv|sendonly)/m.test(answer.value))
  }

  #onHold(held: boolean): void {
    this.#input({ kind: held ? 'held' : 'retrieved' })
    const state = held ? 'held' : 'active'
    const { recorder } = this.#parts
    if (recorder.row.state !== state && recorder.row.state !== 'ended') recorder.update({ state })
  }

  #onLegEvent(event: LegEvent): void {
    const { recorder, metrics } = this.#parts
    switch (event.kind) {
      case 'turn':
        return recorder.turn(event.at, event.who, event.text)
      case 'dtmf':
        return recorder.event({ event: 'dtmf', digit: event.digit, durationMs: event.durationMs })
      case 'agent.connected':
        metrics.agentReady(event.setupMs)
        return recorder.event({ event: 'agent.connected', backend: event.backend, setupMs: event.setupMs })
      case 'agent.bargeIn':
        metrics.bargeIn(event.silenceAfterMs)
        return recorder.event({ event: 'agent.bargeIn', heardMs: event.heardMs, silenceAfterMs: event.silenceAfterMs })
      case 'agent.tool': {
        const { kind, ...tool } = event
        return recorder.event({ event: kind, ...tool })
      }
      case 'agent.lost':
        recorder.event({ event: 'agent.lost', level: 'warn', code: event.code, message: event.message })
        return this.hangUp('system', 'agent-fault')
      case 'stranger':
        return recorder.event({ event: 'security.refused', level: 'warn', source: event.address, what: 'rtp' })
      case 'hangUp':
        return this.hangUp('agent', 'normal')
      case 'mediaTimeout':
        return this.hangUp('system', 'media-timeout')
      case 'failed':
        recorder.event({ event: 'agent.lost', level: 'error', code: 'media-lost', message: event.message })
        return this.hangUp('system', 'agent-fault')
      case 'firstPacket':
      case 'firstAudio':
      case 'played':
        return
      default:
        return assertNever(event)
    }
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

  async #release(end: CallEnd): Promise<void> {
    const { recorder, metrics, onReleased } = this.#parts
    const endedAt = new Date()
    const summary = await this.#leg?.close()
    if (summary?.agent?.firstAudioMs != null) metrics.agentFirstAudio(summary.agent.firstAudioMs)
    recorder.update({
      state: 'ended',
      endedAt,
      end,
      media: summary?.media ?? null,
      agent: summary?.agent ?? null,
    })
    recorder.event({ event: 'call.ended', by: end.by, sip: end.sip, cause: end.cause })
    await withDeadline(this.#hungUp, BYE_GRACE_MS)
    onReleased(end)
  }
}

/** How long a call that we hung up is waited for, so that a node that stops has sent its BYEs. */
const BYE_GRACE_MS = 2_000

const newLegId = (recorder: CallRecorder): LegId => legId(`${recorder.id}.a`)

/** Our own fault, never the caller's or the callee's: 503, so that the carrier tries elsewhere. */
const OUT_OF_SERVICE: Refusal = {
  status: 503,
  reason: 'Service Unavailable',
  temporary: true,
  cause: 'agent-fault',
  warning: null,
  detail: '',
}
