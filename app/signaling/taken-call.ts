import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { LiveCall } from '../../lib/call/live-call.ts'
import {
  type FarEnd,
  newTakenCall,
  stepTakenCall,
  type TakenCallEffect,
  type TakenCallInput,
  type TakenCallState,
} from '../../lib/call/taken-call.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { isHold } from '../../lib/sip/sdp.ts'
import { namedUuid } from '../../lib/sip/session-id.ts'
import { glareBackoffMs } from '../../lib/sip/session-timer.ts'
import type { TakenSession } from '../session/taken-session.ts'
import { type LegAudio, openAgentLeg, untilReady } from './agent-leg.ts'
import { LineCall, type LineParts } from './line-call.ts'
import type { ReinviteOutcome } from './reinvite.ts'
import type { SipDialog } from './sip-dialog.ts'
import type { SipLink } from './sip-link.ts'

/** What came of a take-over. Where it was refused the record is as it was, and somebody else's to close. */
export type MoveOutcome = 'moved' | 'refused'

export interface TakenCallParts extends LineParts {
  /** As its last owner has left it. */
  readonly entry: LiveCall
  readonly link: SipLink
  readonly audio: LegAudio
  readonly session: TakenSession
  /** Who talks to the far end, told what was said so far. Rejects where the call is not to be taken over. */
  readonly agent: () => Promise<AgentSpec>
  /** For challenges to what we send in the dialog. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined
  /** Called once, as soon as it is certain. */
  readonly onOutcome: (outcome: MoveOutcome, why: string) => void
  /** Called once, when the record is closed, if that was ours, and media given back. */
  readonly onReleased: () => void
}

/** How long the far end may take to answer the re-INVITE: it hears nothing meanwhile, and Timer B is 32 s. */
const ANSWER_MS = 4_000

/** Performs what lib/call/taken-call.ts decides: a live call of a node that has died goes on here. */
export class TakenCall extends LineCall<TakenCallState, TakenCallInput, TakenCallEffect> {
  readonly #parts: TakenCallParts
  readonly #far: FarEnd
  #dialog: SipDialog | null = null
  #offer = ''
  #answer = ''
  #pause: NodeJS.Timeout | undefined

  constructor(parts: TakenCallParts) {
    super(parts, newTakenCall())
    this.#parts = parts
    this.#far = parts.entry.row.direction === 'inbound' ? 'caller' : 'callee'
    void this.#prepare()
  }

  protected override step(input: TakenCallInput): ReturnType<typeof stepTakenCall> {
    return stepTakenCall(this.state, input, this.#far)
  }

  protected override get isOver(): boolean {
    return this.state.kind === 'refused' || this.state.kind === 'ended'
  }

  protected override get isUp(): boolean {
    return this.state.kind === 'up'
  }

  protected override perform(effect: TakenCallEffect): void {
    switch (effect.kind) {
      case 'offer':
        void this.#reinvite()
        return
      case 'pause':
        this.#pause = setTimeout(() => this.input({ kind: 'paused' }), this.#backoffMs())
        return
      case 'accept':
        void this.#accept()
        return
      case 'start':
        return this.#start()
      case 'bye':
        return this.bye(this.#dialog, effect.cause)
      case 'refuse':
        void this.#refuse(effect.why)
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
    try {
      await this.#openLeg(await this.askAgent())
      const { link, entry, credentials } = this.#parts
      const imported = await link.importDialog(entry.dialog, () => namedUuid(entry.row.id), credentials)
      if (!imported.ok) return this.input({ kind: 'unprepared', why: imported.error })
      this.#dialog = imported.value
      this.follow(imported.value, (end) => ({ kind: end === 'bye' ? 'bye' : 'lost' }))
      this.input({ kind: 'prepared' })
    } catch (error) {
      this.input({ kind: 'unprepared', why: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Takes RTP ports, and begins to open the agent's socket: the far end is not kept waiting for that. */
  async #openLeg(agent: AgentSpec): Promise<void> {
    const { entry } = this.#parts
    const leg = await openAgentLeg({ ...this.#parts, agent }, `t${entry.generation + 1}`, (event) =>
      this.onLegEvent(event),
    )
    this.leg = leg
    // The call may have ended while the ports were taken; `refuse` has not seen the leg then.
    if (this.state.kind === 'refused') await leg.close()
    this.#offer = await leg.offer()
  }

  async #reinvite(): Promise<void> {
    const outcome = await this.#dialog?.reinvite(this.#offer, ANSWER_MS)
    if (outcome?.kind === 'accepted') {
      this.#answer = outcome.answer
      return this.input({ kind: 'accepted' })
    }
    if (outcome?.kind === 'refused' && outcome.status === 491) return this.input({ kind: 'glare' })
    this.input({ kind: 'declined', why: wordsOf(outcome) })
  }

  async #accept(): Promise<void> {
    const accepted = await this.leg?.accept(this.#answer)
    if (accepted?.ok === true) this.input({ kind: 'agreed', held: isHold(this.#answer) })
    else this.input({ kind: 'disagreed', why: accepted?.error.message ?? 'there is no leg any more' })
  }

  #start(): void {
    const { recorder, shared, session, entry, recording, onOutcome } = this.#parts
    const held = this.state.kind === 'up' && this.state.held
    recorder.update({ state: held ? 'held' : 'active', recording: recording?.name ?? entry.row.recording })
    recorder.event({ event: 'call.moved', from: entry.row.node, epoch: recorder.row.epoch })
    this.leg?.start()
    session.began(this.line)
    if (this.#dialog !== null) shared.up(this.#dialog)
    onOutcome('moved', '')
    void this.#awaitAgent()
  }

  async #awaitAgent(): Promise<void> {
    const refusal = this.leg === null ? null : await untilReady(this.leg)
    if (refusal !== null) this.hangUp('system', 'agent-fault')
  }

  /** The ACK of a re-INVITE of the far end, which may bring the answer to our offer. */
  protected override async onAck(answer: string | null): Promise<void> {
    const acked = await this.reoffers.acked(answer)
    if (acked === 'unusable') return this.input({ kind: 'disagreed', why: 'an ACK without a usable answer' })
    if (acked !== 'plain') this.onHold(acked.held)
  }

  #backoffMs(): number {
    return glareBackoffMs(this.#parts.entry.dialog.role, Math.random())
  }

  async #refuse(why: string): Promise<void> {
    clearTimeout(this.#pause)
    this.#parts.onOutcome('refused', why)
    await this.leg?.close()
    this.#parts.onReleased()
  }

  async #drop(): Promise<void> {
    clearTimeout(this.#pause)
    this.#parts.onOutcome('moved', '')
    await this.drop(this.#dialog)
    this.#parts.onReleased()
  }

  async #release(end: CallEnd): Promise<void> {
    clearTimeout(this.#pause)
    this.#parts.shared.end()
    this.#parts.onOutcome('moved', '')
    await this.closeRecord(end, this.leg?.close())
    this.#parts.onReleased()
  }
}

function wordsOf(outcome: ReinviteOutcome | undefined): string {
  switch (outcome?.kind) {
    case 'refused':
      return `${outcome.status} ${outcome.reason}`
    case 'silent':
      return `no answer to the re-INVITE within ${ANSWER_MS} ms`
    case 'failed':
      return outcome.message
    case 'accepted':
    case undefined:
      return 'there is no dialog any more'
    default:
      return assertNever(outcome)
  }
}
