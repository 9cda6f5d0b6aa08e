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
import { refusalOfSdp } from '../../lib/call/sdp-refusal.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import type { CallSession } from '../session/call-session.ts'
import { type LegAudio, openAgentLeg, refusalOfError, untilReady } from './agent-leg.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import { LineCall, type LineParts } from './line-call.ts'
import type { SipDialog } from './sip-dialog.ts'
import { ALLOW_REFER } from './sip-facts.ts'
import { tellAnswered } from './tell-answered.ts'

export interface AgentCallParts extends LineParts {
  readonly invite: IncomingInvite
  readonly session: CallSession
  readonly audio: LegAudio
  /** Retry-After for a refusal of ours, in seconds. */
  readonly retryAfterS: () => number
  /** Called once, when the record is closed and media given back. */
  readonly onReleased: (end: CallEnd) => void
}

/** Performs what lib/call/agent-call.ts decides, for one call, on the SIP and media servers. */
export class AgentCall extends LineCall<AgentCallState, AgentCallInput, AgentCallEffect> {
  readonly #parts: AgentCallParts
  #dialog: SipDialog | null = null
  /** The SDP for the 200 OK: an answer, or our offer where the INVITE had none. */
  #localSdp = ''

  constructor(parts: AgentCallParts) {
    const { state, effects } = newAgentCall()
    super(parts, state)
    this.#parts = parts
    for (const effect of effects) this.perform(effect)
    parts.invite.onCancel(() => this.input({ kind: 'cancelled' }))
    void this.#prepare()
  }

  protected override step(input: AgentCallInput): ReturnType<typeof stepAgentCall> {
    return stepAgentCall(this.state, input)
  }

  protected override get isOver(): boolean {
    return this.state.kind === 'ended'
  }

  protected override get isUp(): boolean {
    return this.state.kind === 'up'
  }

  protected override perform(effect: AgentCallEffect): void {
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
        return this.leg?.start()
      case 'bye':
        return this.bye(this.#dialog, effect.cause)
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
    this.input(refusal === null ? { kind: 'prepared' } : { kind: 'refused', refusal })
  }

  /** Takes RTP ports, agrees on media, and waits until the agent could speak. */
  async #openLeg(): Promise<Refusal | null> {
    const { invite } = this.#parts
    const leg = await openAgentLeg({ ...this.#parts, agent: await this.askAgent() }, 'a', (event) =>
      this.onLegEvent(event),
    )
    this.leg = leg
    // The caller may have given up while the ports were taken; `release` has not seen the leg then.
    if (this.state.kind === 'ended') await leg.close()
    if (invite.offer === null) {
      this.#localSdp = await leg.offer()
      this.reoffers.expectAnswer()
    } else {
      const answer = await leg.answer(invite.offer)
      if (!answer.ok) return refusalOfSdp(answer.error)
      this.#localSdp = answer.value
    }
    this.input({ kind: 'agreed' })
    return untilReady(leg)
  }

  async #answer(): Promise<void> {
    const answered = await this.#parts.invite.answer(this.#localSdp, this.#allow)
    if (!answered.ok) return this.input({ kind: 'unacceptable' })
    const dialog = answered.value
    if (this.state.kind === 'ended') return dialog.forget()
    this.#dialog = dialog
    tellAnswered(this.#parts, { sipSessionId: dialog.sessionIds.header })
    this.#parts.session.began(this.line)
    this.input({ kind: 'accepted' })
    // ACK and BYE may have come with the 200 already, and are told now.
    this.follow(dialog, (end) => ({ kind: end }))
  }

  /** Beside what every dialog takes. */
  get #allow(): Record<string, string> {
    const { desk, recorder } = this.#parts
    return desk.takesRefer(recorder) ? { Allow: ALLOW_REFER } : {}
  }

  protected override async onAck(answer: string | null): Promise<void> {
    const acked = await this.reoffers.acked(answer)
    if (acked === 'unusable') return this.input({ kind: 'hangUp', by: 'system', cause: 'rejected' })
    this.input({ kind: 'acked' })
    if (acked !== 'plain') this.onHold(acked.held)
  }

  protected override headersOf(refusal: Refusal): Record<string, string> {
    return {
      ...(refusal.temporary && { 'Retry-After': String(this.#parts.retryAfterS()) }),
      ...super.headersOf(refusal),
    }
  }

  #reject(refusal: Refusal): void {
    this.#parts.invite.respond(refusal.status, refusal.reason, this.headersOf(refusal))
    this.#parts.recorder.event({
      event: 'call.rejected',
      level: 'warn',
      sip: refusal.status,
      reason: refusal.detail === '' ? refusal.reason : refusal.detail,
    })
  }

  async #drop(): Promise<void> {
    await this.drop(this.#dialog)
    this.#parts.onReleased(TAKEN_FROM_US)
  }

  async #release(end: CallEnd): Promise<void> {
    this.#parts.shared.end()
    await this.closeRecord(end, this.leg?.close())
    this.#parts.onReleased(end)
  }
}
