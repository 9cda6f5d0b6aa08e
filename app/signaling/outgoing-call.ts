import type { AgentSpec, OnMachine } from '../../lib/agent/spec.ts'
import { type CallEnd, type Refusal, TAKEN_FROM_US } from '../../lib/call/agent-call.ts'
import {
  newOutgoingCall,
  type OutgoingCallEffect,
  type OutgoingCallInput,
  type OutgoingCallState,
  stepOutgoingCall,
} from '../../lib/call/outgoing-call.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import type { Attempt, AttemptId } from '../../lib/trunk/attempt.ts'
import type { LegEvent, MediaLeg } from '../media/port.ts'
import type { Line } from '../session/line-session.ts'
import { newAudio, openAgentLeg, refusalOfError, untilReady } from './agent-leg.ts'
import type { CalleeHunt } from './callee-hunt.ts'
import { LineCall, type LineParts } from './line-call.ts'
import type { SipDialog } from './sip-dialog.ts'
import { tellAnswered } from './tell-answered.ts'

export interface OutgoingCallParts extends LineParts {
  /** Who is rung. */
  readonly callee: CalleeHunt
  readonly session: LineParts['session'] & { began(line: Line): void }
  /** What is done where a machine answers; null: nobody listens for one. */
  readonly onMachine: OnMachine | null
  /** How the hunt stands, as a SIP caller would hear it: 180, or a failure. Absent: nobody asks. */
  readonly onProgress?: (status: number) => void
  /** Has the session of another call become this one's, now that there is audio; rejects where it does not. Absent: it has its own. */
  readonly inherits?: () => Promise<void>
  /** Called once, when the record is closed and media given back. */
  readonly onReleased: (end: CallEnd) => void
}

const RINGING = 180
const NO_AUDIO = 488

/** Performs what lib/call/outgoing-call.ts decides: a call that we place, between an agent and a callee. */
export class OutgoingCall extends LineCall<OutgoingCallState, OutgoingCallInput, OutgoingCallEffect> {
  readonly #parts: OutgoingCallParts
  /** Whose events are those of the call. */
  #legAttempt: AttemptId = 0
  /** The first leg is opened before anyone is called, and taken by the first attempt. */
  #isLegFresh = true
  /** Who was opened with the leg. */
  #opened: AgentSpec | null = null
  #caughtUp: Promise<void> = Promise.resolve()
  #answered: { readonly dialog: SipDialog; readonly answer: string } | null = null

  constructor(parts: OutgoingCallParts) {
    super(parts, newOutgoingCall())
    this.#parts = parts
    void this.#prepare()
  }

  /** More is known by now of what its agent is to know; while it rings, that one is made ready with it. */
  catchUp(): void {
    const { leg } = this
    if (leg === null || (this.state.kind !== 'preparing' && this.state.kind !== 'hunting')) return
    // Where it fails, the leg is gone, or the answer finds out.
    this.#caughtUp = this.#caughtUp.then(() => this.#tellAnew(leg)).catch(() => undefined)
  }

  /** Nobody wants the callee any more: whoever has not answered is not rung on. */
  giveUp(): void {
    if (this.state.kind === 'preparing' || this.state.kind === 'hunting') this.hangUp('operator', 'normal')
  }

  protected override step(input: OutgoingCallInput): ReturnType<typeof stepOutgoingCall> {
    return stepOutgoingCall(this.state, input)
  }

  protected override get isOver(): boolean {
    return this.state.kind === 'ended'
  }

  protected override get isUp(): boolean {
    return this.state.kind === 'up'
  }

  protected override perform(effect: OutgoingCallEffect): void {
    switch (effect.kind) {
      case 'hunt':
        if (this.#parts.inherits !== undefined) this.catchUp()
        void this.#ring()
        return
      case 'giveUp':
        return this.#parts.callee.cancel()
      case 'accept':
        void this.#accept()
        return
      case 'start':
        if (this.#answered !== null) this.#parts.shared.up(this.#answered.dialog)
        return this.leg?.start()
      case 'bye':
        return this.bye(this.#answered?.dialog, effect.cause)
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
    const refusal = await this.#openFirstLeg().catch(refusalOfError)
    if (refusal === null) return this.input({ kind: 'prepared' })
    const { detail } = refusal
    this.#parts.recorder.event({ event: 'agent.lost', level: 'warn', code: 'agent-unreachable', message: detail })
    this.input({ kind: 'refused', refusal })
  }

  async #openFirstLeg(): Promise<Refusal | null> {
    return untilReady(await this.#openLeg(0))
  }

  async #openLeg(attempt: AttemptId): Promise<MediaLeg> {
    this.#legAttempt = attempt
    const { onMachine } = this.#parts
    this.#opened = await this.askAgent()
    // On this leg alone: who takes the call later on, or comes back to the agent, has not just answered.
    const agent = { ...this.#opened, ...(onMachine !== null && { onMachine }) }
    const leg = await openAgentLeg({ ...this.#parts, audio: newAudio('off'), agent }, `b${attempt}`, (event) =>
      this.#onAttemptsLegEvent(attempt, event),
    )
    this.leg = leg
    // The call may have ended while the ports were taken; `release` has not seen the leg then.
    if (this.state.kind === 'ended') await leg.close()
    return leg
  }

  #ring(): Promise<void> {
    const { callee, recorder, onProgress } = this.#parts
    return callee.start({
      isWanted: () => this.state.kind === 'hunting',
      offer: (attempt) => this.#offer(attempt),
      onSent: (trunk, sipCallId) => recorder.update({ trunk, sip: { ...recorder.row.sip, callId: sipCallId } }),
      onRinging: () => {
        onProgress?.(RINGING)
        if (recorder.row.state !== 'ringing') recorder.update({ state: 'ringing' })
      },
      onNext: () => {
        const { leg } = this
        this.leg = null
        void leg?.close()
      },
      onAnswered: (dialog, answer) => this.#onAnswered(dialog, answer),
      onFailed: (failure) => {
        onProgress?.(failure.status)
        this.input({ kind: 'failed', failure })
      },
    })
  }

  /** Every attempt has a leg, and so an offer, of its own; from the second one on, the agent gets ready while it is made. */
  async #offer({ id, offer, trunk }: Attempt): Promise<string> {
    const isFresh = this.#isLegFresh && this.leg !== null
    this.#isLegFresh = false
    const leg = isFresh && this.leg !== null ? this.leg : await this.#openLeg(id)
    return leg.offer(offer, trunk.srtp)
  }

  #onAnswered(dialog: SipDialog, answer: string): void {
    this.#answered = { dialog, answer }
    const { sipCallId: callId, sessionIds } = dialog
    tellAnswered(this.#parts, { sipSessionId: sessionIds.header }, callId)
    this.#parts.session.began(this.line)
    this.input({ kind: 'answered' })
    // What came right behind the 200 is told now.
    this.follow(dialog, (end) => ({ kind: end === 'bye' ? 'bye' : 'lost' }))
  }

  /** Takes the callee's answer to our offer; the agent may begin, as soon as it is ready. */
  async #accept(): Promise<void> {
    const [leg, answered] = [this.leg, this.#answered]
    const accepted = answered === null ? undefined : await leg?.accept(answered.answer)
    if (leg === null || accepted?.ok !== true) {
      this.#parts.onProgress?.(NO_AUDIO)
      return this.input({ kind: 'disagreed' })
    }
    try {
      await this.#inherit(leg)
    } catch {
      return this.hangUp('system', 'agent-fault')
    }
    this.input({ kind: 'agreed' })
    if ((await untilReady(leg)) !== null) this.hangUp('system', 'agent-fault')
  }

  /** What was said in the call before while this one rang is news to the agent that was opened for it: another one takes its place then. */
  async #inherit(leg: MediaLeg): Promise<void> {
    const { inherits } = this.#parts
    if (inherits === undefined) return
    await inherits()
    await this.#caughtUp
    await this.#tellAnew(leg)
  }

  async #tellAnew(leg: MediaLeg): Promise<void> {
    const { media, recorder, recording } = this.#parts
    const agent = await this.askAgent()
    if (agent === this.#opened) return
    const told = { ...agent, callId: recorder.id, recorded: recording !== null }
    await media.talk(leg, { kind: 'agent', agent: told })
    this.#opened = agent
  }

  /** The ACK of a re-INVITE of the callee, which may bring the answer to our offer. */
  protected override async onAck(answer: string | null): Promise<void> {
    const acked = await this.reoffers.acked(answer)
    if (acked === 'unusable') return this.input({ kind: 'disagreed' })
    if (acked !== 'plain') this.onHold(acked.held)
  }

  /** What happens on the legs of attempts that are over concerns nobody. */
  #onAttemptsLegEvent(attempt: AttemptId, event: LegEvent): void {
    if (attempt === this.#legAttempt) this.onLegEvent(event)
  }

  async #drop(): Promise<void> {
    await this.drop(this.#answered?.dialog ?? null)
    this.#parts.onReleased(TAKEN_FROM_US)
  }

  async #release(end: CallEnd): Promise<void> {
    this.#parts.shared.end()
    await this.closeRecord(end, this.leg?.close())
    this.#parts.onReleased(end)
  }
}
