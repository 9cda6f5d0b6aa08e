import { endReason } from '../../lib/call/end-reason.ts'
import { huntFailureWords } from '../../lib/call/hunt-failure-words.ts'
import { newTransfer, stepTransfer, type TransferEffect, type TransferInput } from '../../lib/call/transfer.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { legId, type TrunkId } from '../../lib/core/ids.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import { namedUuid, type SessionIds } from '../../lib/sip/session-id.ts'
import { formatWarning } from '../../lib/sip/warning.ts'
import type { Attempt, AttemptId } from '../../lib/trunk/attempt.ts'
import type { LegEvent, MediaEngine, MediaLeg, TalkerSpec } from '../media/port.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { CalleeHunt } from './callee-hunt.ts'
import type { IncomingRefer } from './dialog-refers.ts'
import { Reoffers } from './reoffers.ts'
import type { SipDialog } from './sip-dialog.ts'
import { type TransferOrder, tellTransfer } from './transfer-order.ts'

export interface TransferParts {
  readonly order: TransferOrder
  /** Numbers the transfers of a call, from 1. */
  readonly ordinal: number
  readonly recorder: CallRecorder
  readonly media: MediaEngine
  /** Who is rung. */
  readonly callee: CalleeHunt
  /** What the caller is on. */
  readonly callerLeg: MediaLeg
  /** Both ends of the caller's dialog. */
  readonly callerIds: SessionIds
  /** The agent that tells the person who is calling. */
  readonly briefing: () => TalkerSpec
  /** How the hunt stands, as a SIP caller would hear it: 180, or a failure. Absent: nobody asks. */
  readonly onProgress?: (status: number) => void
  /** A REFER of the person, who was reached over this trunk. */
  readonly onRefer: (refer: IncomingRefer, trunk: TrunkId | null) => void
  /** What came of it, once: why the caller is still with the agent, or null. */
  readonly onTold: (problem: string | null) => void
  /** The person has hung up on the caller. */
  readonly onEnd: () => void
  /** The caller has lost the person. */
  readonly onBack: (why: string) => void
  /** What is on the agent of the briefing: events of its leg that concern agents, as for every leg. */
  readonly onAgentEvent: (event: LegEvent) => void
  /** Once, when media and trunk are given back. */
  readonly onReleased: (sipCallIds: readonly string[]) => void
}

/** How long a person may think about whether they take the call. */
const BRIEFING_MS = 60_000

const RINGING = 180

/** Performs what lib/call/transfer.ts decides: the second leg of a call that is handed to a person. */
export class Transfer {
  readonly #parts: TransferParts
  readonly #inputs: TransferInput[] = []
  readonly #reoffers: Reoffers
  #state = newTransfer()
  #stepping = false
  #leg: MediaLeg | null = null
  #opening: Promise<void> = Promise.resolve()
  /** Whose events are those of the leg. */
  #legAttempt: AttemptId = 0
  /** The first leg is opened before anyone is rung, and taken by the first attempt. */
  #isLegFresh = true
  #answered: { readonly dialog: SipDialog; readonly answer: string } | null = null
  /** The one that was tried last, or that took the call; null: none. */
  #trunk: TrunkId | null = null
  #briefing: NodeJS.Timeout | undefined
  #hungUp: Promise<void> = Promise.resolve()
  #resolveReleased: () => void = () => undefined
  /** Resolves when media and trunk are given back. */
  readonly released: Promise<void>

  constructor(parts: TransferParts) {
    this.#parts = parts
    this.released = new Promise((resolve) => {
      this.#resolveReleased = resolve
    })
    this.#reoffers = new Reoffers({
      leg: () => (this.#state.kind === 'over' ? null : this.#leg),
      onHold: () => undefined,
      headersOf: ({ warning, detail }) => (warning === null ? {} : { Warning: formatWarning(warning, detail) }),
    })
    void this.#open()
  }

  /** Caller and person talk. */
  get isJoined(): boolean {
    return this.#state.kind === 'joined' || this.#state.kind === 'joining'
  }

  /** Resolves when our BYE to the person, if there was one, has been answered. */
  get hungUp(): Promise<void> {
    return this.#hungUp
  }

  /** The call that is handed on is over. */
  callEnded(cause: EndCause): void {
    this.#input({ kind: 'callEnded', cause })
  }

  #input(input: TransferInput): void {
    this.#inputs.push(input)
    if (this.#stepping) return
    this.#stepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const { state, effects } = stepTransfer(this.#state, next, this.#parts.order.attended)
      if (state.kind !== 'briefing') clearTimeout(this.#briefing)
      this.#state = state
      for (const effect of effects) this.#perform(effect)
    }
    this.#stepping = false
  }

  #perform(effect: TransferEffect): void {
    const { callee } = this.#parts
    switch (effect.kind) {
      case 'hunt':
        void this.#ring()
        return
      case 'giveUp':
        return callee.cancel()
      case 'accept':
        void this.#attempt(() => this.#accept())
        return
      case 'brief':
        this.#briefing = setTimeout(() => this.#fail('they did not say whether they take the call'), BRIEFING_MS)
        void this.#attempt(() => this.#brief())
        return
      case 'join':
        void this.#attempt(() => this.#join())
        return
      case 'bye':
        this.#hungUp = this.#answered?.dialog.bye({ Reason: endReason(effect.cause) }) ?? this.#hungUp
        return
      case 'tell':
        if (effect.problem !== null) this.#tell('failed', effect.problem)
        return this.#parts.onTold(effect.problem)
      case 'announce':
        return this.#tell('joined')
      case 'end':
        return this.#parts.onEnd()
      case 'back':
        this.#tell('returned', effect.why)
        return this.#parts.onBack(effect.why)
      case 'release':
        void this.#release()
        return
      default:
        return assertNever(effect)
    }
  }

  #tell(outcome: string, reason: string | null = null, more: object = {}): void {
    tellTransfer(this.#parts, 'leg', outcome, reason, more)
  }

  /** What media or agent cannot do ends the transfer, not the call. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error))
    }
  }

  #fail(why: string): void {
    this.#input({ kind: 'failed', why })
  }

  #open(): Promise<void> {
    this.#tell('begun')
    return this.#attempt(async () => {
      await this.#openLeg(0)
      this.#input({ kind: 'opened' })
    })
  }

  async #openLeg(attempt: AttemptId): Promise<MediaLeg> {
    const { recorder, media, callerLeg, ordinal } = this.#parts
    this.#legAttempt = attempt
    const opening = media.open({
      callId: recorder.id,
      legId: legId(`${recorder.id}.x${ordinal}.${attempt}`),
      talker: { kind: 'none' },
      beside: callerLeg,
      onEvent: (event) => {
        if (attempt === this.#legAttempt) this.#onLegEvent(event)
      },
    })
    this.#opening = opening.then(ignore, ignore)
    this.#leg = await opening
    // It may have come to nothing while the ports were taken; `release` has waited for the leg then.
    if (this.#state.kind === 'over') throw new Error('the transfer is over')
    return this.#leg
  }

  #ring(): Promise<void> {
    return this.#parts.callee.start({
      isWanted: () => this.#state.kind === 'ringing',
      offer: (attempt) => this.#offer(attempt),
      onSent: (trunk) => {
        this.#trunk = trunk
      },
      onRinging: () => this.#parts.onProgress?.(RINGING),
      onNext: () => {
        const leg = this.#leg
        this.#leg = null
        void leg?.close()
      },
      onAnswered: (dialog, answer) => this.#onAnswered(dialog, answer),
      onFailed: (failure) => {
        this.#parts.onProgress?.(failure.status)
        this.#fail(huntFailureWords(failure))
      },
    })
  }

  /** Every attempt has a leg, and so an offer, of its own. */
  async #offer({ id, offer, trunk }: Attempt): Promise<string> {
    const isFresh = this.#isLegFresh && this.#leg !== null
    this.#isLegFresh = false
    const leg = isFresh && this.#leg !== null ? this.#leg : await this.#openLeg(id)
    return leg.offer(offer, trunk.srtp)
  }

  #onAnswered(dialog: SipDialog, answer: string): void {
    this.#answered = { dialog, answer }
    this.#input({ kind: 'answered' })
    // What came right behind the 200 is told now.
    dialog.onDigit(({ digit, durationMs }) => this.#leg?.dtmf(digit, durationMs))
    dialog.onAck((sdp) => void this.#onAck(sdp))
    dialog.onReoffer((reoffer) => this.#reoffers.take(reoffer))
    dialog.onRefer((refer) => this.#parts.onRefer(refer, this.#trunk))
    dialog.onEnd((end) =>
      this.#input(end === 'bye' ? { kind: 'bye' } : { kind: 'lost', why: 'their trunk has lost the call' }),
    )
  }

  async #onAck(answer: string | null): Promise<void> {
    if ((await this.#reoffers.acked(answer)) === 'unusable')
      this.#input({ kind: 'lost', why: 'no audio could be agreed on with them' })
  }

  async #accept(): Promise<void> {
    const accepted = await this.#leg?.accept(this.#answered?.answer ?? '')
    if (accepted?.ok !== true) return this.#fail('no audio could be agreed on with them')
    this.#leg?.start()
    this.#input({ kind: 'agreed' })
  }

  /** The agent begins to talk to the person. */
  async #brief(): Promise<void> {
    const leg = this.#leg
    if (leg === null) throw new Error('there is no leg any more')
    this.#tell('briefing')
    await this.#parts.media.talk(leg, this.#parts.briefing())
    const ready = await leg.ready()
    if (!ready.ok) this.#fail(`no agent could tell them who is calling: ${ready.error.message}`)
  }

  async #join(): Promise<void> {
    const leg = this.#leg
    if (leg === null) throw new Error('there is no leg any more')
    this.#introduce()
    await this.#parts.media.join(this.#parts.callerLeg, leg)
    this.#input({ kind: 'joined' })
  }

  /** Before the transfer is told as joined, caller and person hear who the other one is (RFC 7989 §7): one of ours, where they have not said. */
  #introduce(): void {
    const { recorder, callerIds } = this.#parts
    const person = this.#answered?.dialog.sessionIds
    callerIds.speakFor(() => person?.far ?? namedUuid(`${recorder.id}/callee`))
    person?.speakFor(() => callerIds.far ?? namedUuid(`${recorder.id}/caller`))
  }

  #onLegEvent(event: LegEvent): void {
    switch (event.kind) {
      case 'mediaTimeout':
        return this.#input({ kind: 'lost', why: 'nothing was heard of them any more' })
      case 'failed':
        return this.#input({ kind: 'lost', why: event.message })
      case 'agent.briefed':
        return this.#input(
          event.accepts
            ? { kind: 'accepted' }
            : { kind: 'declined', why: event.reason === '' ? 'they declined' : `they declined: ${event.reason}` },
        )
      case 'agent.gone':
        return this.#fail(`no agent could tell them who is calling: ${event.message}`)
      case 'turn':
        // The transcript is the caller's; what the person is told stands beside it.
        return this.#tell('said', null, { who: event.who === 'caller' ? 'person' : event.who, text: event.text })
      case 'agent.connected':
      case 'agent.lost':
      case 'agent.reconnected':
      case 'agent.bargeIn':
      case 'agent.tool':
      case 'stranger':
      case 'forged':
        return this.#parts.onAgentEvent(event)
      default:
        return
    }
  }

  async #release(): Promise<void> {
    const { callee, onReleased } = this.#parts
    await this.#opening
    const summary = await this.#leg?.close()
    if (this.#answered !== null) this.#tell('ended', null, { media: summary?.media ?? null })
    callee.end()
    onReleased(callee.sipCallIds)
    this.#resolveReleased()
  }
}

const ignore = (): void => undefined
