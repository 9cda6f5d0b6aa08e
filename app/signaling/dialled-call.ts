import type { CallEnd, Refusal } from '../../lib/call/agent-call.ts'
import type { OrderOutcome } from '../../lib/call/call-order.ts'
import { dialledCallDeadlineMs, newDialledCall, stepDialledCall } from '../../lib/call/dialled-call.ts'
import type {
  DialledCallEffect,
  DialledCallInput,
  DialledCallState,
  DialledCallStep,
  DialOrder,
  TargetId,
} from '../../lib/call/dialled-state.ts'
import { refusalOfSdp } from '../../lib/call/sdp-refusal.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { legId } from '../../lib/core/ids.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import { NIL_UUID, namedUuid, type SessionUuid } from '../../lib/sip/session-id.ts'
import { audioOf } from '../../lib/trunk/call-audio.ts'
import type { LegEvent } from '../media/port.ts'
import type { CallSession } from '../session/call-session.ts'
import { Alarm } from '../sip/scheduler.ts'
import { closeRecord, refusalOfError } from './agent-leg.ts'
import { DialledBranch } from './dialled-branch.ts'
import type { DialledCallParts } from './dialled-call-parts.ts'
import { DialledSuccessors } from './dialled-successors.ts'
import { onLegEvent } from './leg-events.ts'
import type { SipDialog } from './sip-dialog.ts'
import { SteppedCall } from './stepped-call.ts'
import { tellAnswered } from './tell-answered.ts'

/** Two people have no history that anybody goes on with: what they say is not known here. */
const NO_SESSION: Pick<CallSession, 'item' | 'variable' | 'ended'> = {
  item: () => undefined,
  variable: () => undefined,
  ended: () => undefined,
}

/** Performs what lib/call/dialled-call.ts decides, for one caller who is put through to a person. */
export class DialledCall extends SteppedCall<DialledCallState, DialledCallInput, DialledCallEffect> {
  readonly #parts: DialledCallParts
  readonly #order: DialOrder
  readonly #alarm: Alarm
  readonly #branches = new Map<TargetId, DialledBranch>()
  readonly #successors: DialledSuccessors
  #dialog: SipDialog | null = null
  /** Who has answered; also when the call is over. */
  #callee: DialledBranch | null = null
  /** The SDP for the 200 OK: an answer, or our offer where the INVITE had none. */
  #localSdp = ''
  /** Who hears of the caller's leg where the caller has an agent by now. */
  #heir: ((event: LegEvent) => void) | null = null

  constructor(parts: DialledCallParts) {
    super(parts.recorder, newDialledCall())
    this.#parts = parts
    const { mode, targets, onLost } = parts.plan
    const timeoutsMs = targets.map(({ timeoutMs }) => timeoutMs)
    this.#order = { mode, timeoutsMs, onLost: onLost === null ? 'hangUp' : 'agent' }
    this.#alarm = new Alarm(parts.scheduler, () => this.input({ kind: 'wake' }))
    const { recorder, media, desk } = parts
    this.#successors = new DialledSuccessors({
      ...{ recorder, media, desk },
      callerLeg: () => (this.state.kind === 'up' ? this.leg : null),
      callerIds: parts.invite.sessionIds,
      onSucceeded: () => this.input({ kind: 'succeeded' }),
      onEnd: (kind) => this.input({ kind }),
      onStranded: () => this.input({ kind: 'stranded' }),
      onLegEvent: (event) => this.#onLegEvent(event),
    })
    parts.invite.sessionIds.speakFor(() => this.#calleeUuid)
    parts.invite.onCancel(() => this.input({ kind: 'cancelled' }))
    void this.#prepare()
  }

  override transfer(): OrderOutcome {
    return { kind: 'refused', code: 'state', message: 'the caller talks to a person, or is being put through to one' }
  }

  override mute(muted: boolean): void {
    super.mute(muted)
    for (const branch of this.#branches.values()) branch.mute(muted)
  }

  protected override step(input: DialledCallInput): DialledCallStep {
    const step = stepDialledCall(this.state, input, performance.now(), this.#order)
    this.#alarm.set(dialledCallDeadlineMs(step.state))
    return step
  }

  protected override get isOver(): boolean {
    return this.state.kind === 'ended' || this.state.kind === 'handedOver'
  }

  protected override perform(effect: DialledCallEffect): void {
    switch (effect.kind) {
      case 'ring':
        this.#parts.recorder.update({ state: 'ringing' })
        return this.#parts.invite.respond(180, 'Ringing')
      case 'dial':
        return this.#dial(effect.target)
      case 'cancel':
        return this.#branches.get(effect.target)?.cancel()
      case 'connect':
        void this.#connect(effect.target)
        return
      case 'answer':
        void this.#answer()
        return
      case 'reject':
        return this.#reject(effect.refusal)
      case 'fail': {
        const { status, phrase, reason } = effect.failure
        return this.#refuse(status, phrase, { Reason: reason })
      }
      case 'start':
        return this.leg?.start()
      case 'hold':
        this.#parts.recorder.update({ state: effect.held ? 'held' : 'active' })
        return
      case 'byeCaller':
        return this.#waitFor(this.#dialog, effect.cause)
      case 'byeCallee':
        return this.#waitFor(this.#branches.get(effect.target), effect.cause)
      case 'handOver':
        return this.#handOver(effect.held)
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
    this.input(refusal === null ? { kind: 'agreed' } : { kind: 'refused', refusal })
  }

  /** Takes RTP ports and agrees on media with the caller, so that nobody is rung for one who cannot be put through. */
  async #openLeg(): Promise<Refusal | null> {
    const { invite, media, recorder, audio, recording } = this.#parts
    const leg = await media.open({
      callId: recorder.id,
      legId: legId(`${recorder.id}.a`),
      talker: { kind: 'none' },
      ...audio,
      recording: recording?.spec ?? null,
      onEvent: (event) => (this.#heir === null ? this.#onLegEvent(event) : this.#heir(event)),
    })
    this.leg = leg
    // The caller may have given up while the ports were taken; `release` has not seen the leg then.
    if (this.state.kind === 'ended') await leg.close()
    if (invite.offer === null) {
      this.#localSdp = await leg.offer()
      this.reoffers.expectAnswer()
      return null
    }
    const answer = await leg.answer(invite.offer)
    if (!answer.ok) return refusalOfSdp(answer.error)
    this.#localSdp = answer.value
    return null
  }

  #dial(target: TargetId): void {
    const { recorder, media, plan, huntFor } = this.#parts
    const planned = plan.targets[target]
    if (planned === undefined) throw new Error(`the plan has no target ${target}`)
    const branch = new DialledBranch({
      call: recorder.id,
      target,
      callee: huntFor(planned),
      media,
      callerLeg: () => this.leg,
      onRinging: () => this.input({ kind: 'rings', target }),
      onAnswered: () => this.input({ kind: 'answered', target }),
      onFailed: (failure) => this.input({ kind: 'failed', target, failure }),
      onHold: (held) => this.input({ kind: 'calleeHeld', held }),
      onEnd: (end) => this.#onCalleeEnd(target, end === 'bye' ? 'calleeBye' : 'calleeBroken'),
      onRefer: (refer) => {
        const dismiss = (): void => void this.#dismiss(branch)
        this.#successors.onRefer(refer, branch.trunk, dismiss)
      },
      onSilent: () => this.#onCalleeEnd(target, 'calleeSilent'),
      onUnusable: () => this.hangUp('system', 'rejected'),
      onLegEvent: (event) => this.#onLegEvent(event),
      headersOf: (refusal) => this.headersOf(refusal),
    })
    this.#branches.set(target, branch)
    branch.ring()
  }

  /** That of a person who was given up concerns nobody. */
  #onCalleeEnd(target: TargetId, kind: 'calleeBye' | 'calleeBroken' | 'calleeSilent'): void {
    if (!('target' in this.state) || this.state.target !== target) return
    if (!this.#successors.takePlace()) return this.input({ kind })
    const branch = this.#branches.get(target)
    if (branch !== undefined) void this.#dismiss(branch)
  }

  /** Somebody else has their place. */
  async #dismiss(branch: DialledBranch): Promise<void> {
    await Promise.all([branch.bye('transferred'), this.#closeBranch(branch)])
  }

  /** The caller is told who is beyond us, not who we are (RFC 7989 §7): one of ours, where they have not said. */
  get #calleeUuid(): SessionUuid {
    if (this.#callee === null) return NIL_UUID
    return this.#callee.sessionUuid ?? namedUuid(`${this.#parts.recorder.id}/callee`)
  }

  async #connect(target: TargetId): Promise<void> {
    this.#callee = this.#branches.get(target) ?? null
    const joined = await this.#callee?.connect().catch((error: unknown) => {
      this.#mediaLost(error instanceof Error ? error.message : String(error))
      return false
    })
    this.input({ kind: joined === true ? 'joined' : 'disagreed' })
  }

  async #answer(): Promise<void> {
    const answered = await this.#parts.invite.answer(this.#localSdp)
    if (!answered.ok) return this.input({ kind: 'unacceptable' })
    const dialog = answered.value
    if (this.state.kind === 'ended') return dialog.forget()
    this.#dialog = dialog
    this.input({ kind: 'accepted' })
    if (this.state.kind === 'up') this.#onUp(this.state.target)
    // ACK and BYE may have come with the 200 already, and are told now.
    this.follow(dialog, (end) => ({ kind: end }))
  }

  #onUp(target: TargetId): void {
    const { plan, invite } = this.#parts
    const branch = this.#branches.get(target)
    tellAnswered(this.#parts, {
      callee: plan.targets[target]?.name,
      over: branch?.trunk ?? null,
      sipCallId: branch?.sipCallId,
      sipSessionId: invite.sessionIds.header,
    })
  }

  protected override async onAck(answer: string | null): Promise<void> {
    const acked = await this.reoffers.acked(answer)
    if (acked === 'unusable') return this.hangUp('system', 'rejected')
    this.input({ kind: 'acked' })
    if (acked !== 'plain') this.onHold(acked.held)
  }

  protected override headersOf(refusal: Refusal): Record<string, string> {
    return {
      ...(refusal.temporary && { 'Retry-After': String(this.#parts.retryAfterS()) }),
      ...super.headersOf(refusal),
    }
  }

  #onLegEvent(event: LegEvent): void {
    const hangUp = (by: EndedBy, cause: EndCause): void => this.hangUp(by, cause)
    if (event.kind !== 'failed') return onLegEvent(event, { ...this.#parts, session: NO_SESSION, hangUp })
    this.#mediaLost(event.message)
    hangUp('system', 'media-timeout')
  }

  #mediaLost(reason: string): void {
    this.#parts.recorder.event({ event: 'media.degraded', level: 'error', reason })
  }

  #reject(refusal: Refusal): void {
    const { status, reason, detail } = refusal
    this.#refuse(status, reason, this.headersOf(refusal), detail)
  }

  #refuse(status: number, phrase: string, headers: Record<string, string>, detail = ''): void {
    const { invite, recorder } = this.#parts
    invite.respond(status, phrase, headers)
    recorder.event({ event: 'call.rejected', level: 'warn', sip: status, reason: detail === '' ? phrase : detail })
  }

  /** Hangs one of the two up; the call is over when both have answered. */
  #waitFor(side: SipDialog | DialledBranch | null | undefined, cause: EndCause): void {
    const before = this.hungUp
    if (side instanceof DialledBranch) this.hungUp = side.bye(cause)
    else this.bye(side, cause)
    this.hungUp = Promise.all([before, this.hungUp]).then(() => undefined)
  }

  get #sipCallIds(): readonly string[] {
    return [...this.#branches.values()].flatMap(({ sipCallIds }) => sipCallIds)
  }

  #handOver(held: boolean): void {
    void this.#successors.end('trunk-fault')
    const { recorder, plan, handOver } = this.#parts
    const [leg, dialog] = [this.leg, this.#dialog]
    for (const branch of this.#branches.values()) void this.#closeBranch(branch)
    if (leg === null || dialog === null) throw new Error('a caller who is up has a leg and a dialog')
    recorder.update({ state: held ? 'held' : 'active' })
    const to = plan.targets.map(({ name }) => name)
    recorder.event({ event: 'call.transfer', level: 'warn', outcome: 'returned', to, name: plan.onLost })
    this.#heir = handOver({ leg, dialog, held, sipCallIds: this.#sipCallIds })
  }

  async #drop(): Promise<void> {
    this.#dialog?.forget()
    this.mute(true)
    await this.#successors.end('node-lost')
    await Promise.all([this.leg?.close(), ...[...this.#branches.values()].map((branch) => branch.drop())])
    this.#parts.onReleased(this.#sipCallIds)
  }

  async #release(end: CallEnd): Promise<void> {
    const closing = [...this.#branches.values()].map((branch) => this.#closeBranch(branch))
    const over = this.#successors.end(end.cause)
    const hungUp = Promise.all([this.hungUp, this.#successors.hungUp]).then(() => undefined)
    await over
    await closeRecord({ ...this.#parts, session: NO_SESSION }, end, this.leg?.close(), hungUp)
    await Promise.all(closing)
    this.#parts.onReleased(this.#sipCallIds)
  }

  async #closeBranch(branch: DialledBranch): Promise<void> {
    const summary = await branch.close()
    const audio = summary === null ? null : audioOf(summary)
    if (branch.trunk !== null && audio !== null) this.#parts.onAudio(branch.trunk, audio)
  }
}
