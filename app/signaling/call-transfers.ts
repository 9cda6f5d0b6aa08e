import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { OrderOutcome } from '../../lib/call/call-order.ts'
import { MAX_HAND_ONS } from '../../lib/call/hand-on.ts'
import type { TrunkId } from '../../lib/core/ids.ts'
import { err } from '../../lib/core/result.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import type { TransferRefusal } from '../../lib/route/transfer.ts'
import { namedUuid } from '../../lib/sip/session-id.ts'
import type { LegEvent, MediaEngine, MediaLeg, TalkerSpec } from '../media/port.ts'
import type { Bequest } from '../session/inherited-session.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { CalleeHunt } from './callee-hunt.ts'
import type { IncomingRefer } from './dialog-refers.ts'
import { HandOn } from './hand-on.ts'
import { OpenTransfers } from './open-transfers.ts'
import { Referral } from './referral.ts'
import type { SipDialog } from './sip-dialog.ts'
import { Succession } from './succession.ts'
import { answerRefer, takeRefer } from './take-refer.ts'
import { Transfer, type TransferParts } from './transfer.ts'
import type { TransferDesk } from './transfer-desk.ts'
import { type TransferOrder, tellTransfer } from './transfer-order.ts'

export interface CallTransfersParts {
  readonly recorder: CallRecorder
  readonly media: MediaEngine
  readonly desk: TransferDesk
  readonly session: Bequest
  /** How often the conversation has been handed on before. */
  readonly handOns: number
  /** Whether the call is recorded. */
  readonly isRecorded: boolean
  /** Null: the call is not up. */
  readonly line: () => TalkingLine | null
  /** `CallRow.state` is another one. */
  readonly onState: () => void
  readonly onAgentEvent: (event: LegEvent) => void
  /** @param told resolves when the far end has heard why; absent: it is not told */
  readonly hangUp: (by: EndedBy, cause: EndCause, told?: Promise<void>) => void
}

/** What the caller is on, and who talks to them. */
export interface TalkingLine {
  readonly dialog: SipDialog
  readonly leg: MediaLeg
  readonly agent: AgentSpec
}

/** The transfers of one call: one at a time, and what becomes of the caller where one ends. */
export class CallTransfers {
  readonly #parts: CallTransfersParts
  #current: Transfer | null = null
  /** Those whose media and trunk are not given back yet, also of who is no longer on the line. */
  readonly #open = new OpenTransfers()
  /** The person has asked for somebody else to take their place. */
  #succession: Succession | null = null
  /** The far end is asked to make the transfer, and has not said what came of it. */
  #isReferring = false
  /** What it was asked for last. */
  #referral: Referral | null = null
  #begun = 0
  /** The far end hands the agent on. */
  #handOn: HandOn | null = null

  constructor(parts: CallTransfersParts) {
    this.#parts = parts
  }

  /** A person is being rung, or talks to the caller. */
  get isUnderWay(): boolean {
    return this.#isReferring || this.#current !== null || this.#succession !== null || this.#handOn !== null
  }

  /** Another call has the conversation, or will have it when this one ends. */
  get isBequeathed(): boolean {
    return this.#handOn?.isBequeathed === true
  }

  /** The caller talks to a person, or waits for the one who takes their place. */
  get isJoined(): boolean {
    return this.#current?.isJoined === true || this.#succession !== null
  }

  begin(order: TransferOrder): OrderOutcome {
    const line = this.#parts.line()
    if (line === null) return refused('the call is not answered')
    if (this.isUnderWay) return refused('a transfer is under way already')
    return this.#refer(order, line) ? { kind: 'done' } : this.#ring(order, line)
  }

  /**
   * Asks the far end to make the transfer itself. False where it is not to be asked: by its trunk, for the person is to be told first who is calling,
   * or as it has not ended well in this call before.
   */
  #refer(order: TransferOrder, line: TalkingLine): boolean {
    const { desk, recorder, onState, hangUp } = this.#parts
    if (order.attended || this.#referral?.isOver === false) return false
    const refer = desk.refer(recorder, order.to, line.dialog.target)
    if (refer === null) return false
    this.#isReferring = true
    this.#referral = new Referral({
      ...{ order, recorder, dialog: line.dialog, refer },
      ringMs: order.ringTimeoutMs ?? refer.ringMs,
      onArrived: () => {
        this.#isReferring = false
        this.#answer(order, line, null)
        hangUp(order.by, 'transferred')
      },
      onFailed: (problem) => this.#settle(order, line, problem),
      onFallBack: () => {
        this.#isReferring = false
        const rung = this.#ring(order, line)
        if (rung.kind !== 'refused') return
        tellTransfer({ order, recorder }, 'leg', 'failed', rung.message)
        this.#settle(order, line, rung.message)
      },
    })
    onState()
    return true
  }

  /** Rings the person over a leg of ours. */
  #ring(order: TransferOrder, line: TalkingLine): OrderOutcome {
    const { desk, recorder, media } = this.#parts
    if (!media.joins) return refused('calls that FreeSWITCH carries cannot be transferred in this version')
    const callee = desk.callee(recorder, order.to, order.ringTimeoutMs)
    if (!callee.ok) return { kind: 'refused', ...callee.error }
    const transfer = new Transfer({
      ...this.#partsOf(order, line, callee.value, () => transfer),
      onTold: (problem) => this.#settle(order, line, problem),
    })
    this.#open.add(transfer)
    this.#current = transfer
    this.#parts.onState()
    return { kind: 'done' }
  }

  #partsOf(
    order: TransferOrder,
    line: TalkingLine,
    callee: CalleeHunt,
    itself: () => Transfer,
  ): Omit<TransferParts, 'onProgress' | 'onTold'> {
    const { desk, recorder, media, onAgentEvent, hangUp } = this.#parts
    return {
      ...{ order, recorder, media, callee, onAgentEvent },
      ordinal: ++this.#begun,
      callerLeg: line.leg,
      callerIds: line.dialog.sessionIds,
      briefing: () => this.#talker(line.agent, 'briefing', order.toolCall),
      onRefer: (refer, trunk) => this.#onRefer(itself(), refer, trunk, line),
      onEnd: () => this.#lose(itself(), () => hangUp('callee', 'transferred')),
      onBack: () => this.#lose(itself(), () => void this.#comeBack(line)),
      onReleased: (sipCallIds) => {
        desk.release(sipCallIds)
        this.#open.delete(itself())
        if (this.#current === itself()) this.#current = null
        this.#parts.onState()
      },
    }
  }

  /** The person is gone. @param then what becomes of the caller where nobody takes their place */
  #lose(transfer: Transfer, then: () => void): void {
    // Whose place is taken may go.
    if (transfer !== this.#current) return
    if (this.#succession === null) then()
    else this.#succession.left()
  }

  /** The person hands the caller on. */
  #onRefer(person: Transfer, refer: IncomingRefer, trunk: TrunkId | null, line: TalkingLine): void {
    const { desk, recorder } = this.#parts
    const isWithCaller = person === this.#current && person.isJoined && this.#succession === null
    const untimely = isWithCaller ? null : 'the caller is being put through'
    const taken = takeRefer(refer, { recorder, desk, trunk, transfers: line.agent.transfers ?? [], untimely })
    if (taken === null) return
    const { order, callee, notifier } = taken
    const over = (): void => {
      this.#succession = null
      this.#parts.onState()
    }
    const succession: Succession = new Succession({
      transfer: this.#partsOf(order, line, callee, () => succession.transfer),
      notifier,
      onSucceeded: (transfer) => {
        this.#current = transfer
        over()
      },
      dismiss: () => person.callEnded('transferred'),
      onStranded: () => {
        over()
        void this.#comeBack(line)
      },
      onFailed: over,
    })
    this.#succession = succession
    this.#open.add(succession.transfer)
  }

  /** A REFER of the far end of the call, which hands the agent on. */
  onRefer(refer: IncomingRefer): void {
    const { desk, recorder, media, session, handOns, onState } = this.#parts
    const line = this.#parts.line()
    const isPending = line === null || (this.isUnderWay && !this.isJoined)
    const untimely = isPending ? 'a transfer is under way, or the call is not up' : null
    const by = recorder.row.direction === 'inbound' ? 'caller' : 'callee'
    const reach = () => {
      // Asking again would not help, as it would after a 491.
      const problem = this.isJoined ? PUT_THROUGH : problemOf(media, handOns)
      return problem === null ? desk.handedOn(recorder, refer.user, line?.agent.transfers ?? []) : err(problem)
    }
    const taken = answerRefer(refer, { recorder, by, untimely, reach })
    if (taken === null) return
    const { order, notifier } = taken
    this.#handOn = new HandOn({
      ...{ order, notifier },
      follow: { ...taken.callee, before: recorder, session, handOns: handOns + 1 },
      place: (following) => desk.follow(following),
      leave: (told) => void this.#leave(by, told),
      onFailed: () => {
        this.#handOn = null
        onState()
      },
    })
    onState()
  }

  /** The agent is gone from this call as soon as it has said what was heard of it, and its session with it; what else there is to end takes its time. */
  async #leave(by: EndedBy, told: Promise<void>): Promise<void> {
    const { media, session, hangUp } = this.#parts
    const leg = this.#parts.line()?.leg
    // Where it cannot be told so, the end of the leg tells it.
    if (leg !== undefined) await media.talk(leg, { kind: 'none' }).catch(() => undefined)
    session.pass()
    hangUp(by, 'transferred', told)
  }

  /** It is known what came of it. @param problem why the caller is still with the agent; null: they are put through */
  #settle(order: TransferOrder, line: TalkingLine, problem: string | null): void {
    this.#isReferring = false
    this.#answer(order, line, problem)
    this.#parts.onState()
  }

  #answer({ toolCall }: TransferOrder, { leg }: TalkingLine, problem: string | null): void {
    if (toolCall !== null) leg.transferred(toolCall, problem)
  }

  /** The call is over: so is the person's part in it. Resolves when media and trunk are given back. */
  async end(end: CallEnd): Promise<void> {
    this.#handOn?.lineEnded(end)
    this.#referral?.callEnded()
    this.#succession?.callEnded()
    await this.#open.end(end.cause)
  }

  /** Resolves when our BYEs to persons, if there are any, have been answered. */
  get hungUp(): Promise<void> {
    return this.#open.hungUp
  }

  /** The agent talks to the caller again. */
  async #comeBack({ dialog, leg, agent }: TalkingLine): Promise<void> {
    const { recorder, media, hangUp } = this.#parts
    dialog.sessionIds.speakFor(() => namedUuid(recorder.id))
    try {
      await media.talk(leg, this.#talker(agent, 'left', null))
      if (!(await leg.ready()).ok) hangUp('system', 'agent-fault')
    } catch {
      hangUp('system', 'agent-fault')
    }
  }

  /** The agent of the call, told what was said so far. @param pending the tool call that is not answered yet: who is on the other line is its answer */
  #talker(agent: AgentSpec, note: 'left' | 'briefing', pending: string | null): TalkerSpec {
    const { session, recorder, isRecorded } = this.#parts
    const items = session.said.filter((item) => item.kind !== 'toolCall' || item.callId !== pending)
    const variables = session.row?.variables ?? agent.variables
    const spec = { ...agent, variables, past: { items, note }, callId: recorder.id }
    return {
      kind: 'agent',
      agent: note === 'left' ? { ...spec, recorded: isRecorded } : { ...spec, recorded: false, mcp: [] },
    }
  }
}

/** Why an agent cannot be handed on, whoever to; null: it can. */
function problemOf({ joins }: MediaEngine, handOns: number): TransferRefusal | null {
  if (!joins) return { code: 'request', message: 'calls that FreeSWITCH carries cannot be handed on in this version' }
  return handOns < MAX_HAND_ONS
    ? null
    : { code: 'limit', message: `the conversation has been handed on ${MAX_HAND_ONS} times` }
}

/** A person's phone is not ours to send elsewhere for the other one on the line. */
const PUT_THROUGH: TransferRefusal = {
  code: 'request',
  message: 'who talks to a person cannot hand them on in this version',
}

const refused = (message: string): OrderOutcome => ({ kind: 'refused', code: 'state', message })
