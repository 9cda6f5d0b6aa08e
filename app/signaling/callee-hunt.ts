import type { TrunkId } from '../../lib/core/ids.ts'
import type { GiveBack } from '../../lib/guard/call-load.ts'
import { type OutboundTrunk, requestUri } from '../../lib/route/outbound.ts'
import type { Placement } from '../../lib/route/place.ts'
import { callerHeaders, ownNumber, type ShownCaller } from '../../lib/sip/caller-identity.ts'
import { type OnwardInvite, onwardHeaders } from '../../lib/sip/header-policy.ts'
import { serverName } from '../../lib/sip/rfc3263.ts'
import { namedUuid, type SessionUuid } from '../../lib/sip/session-id.ts'
import { orderByPriority } from '../../lib/sip/srv-order.ts'
import { uriHost } from '../../lib/sip/uri.ts'
import type { Attempt, HuntTarget } from '../../lib/trunk/attempt.ts'
import type { HuntFailure } from '../../lib/trunk/hunt-failure.ts'
import type { ServerLocator } from '../dns/server-locator.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Scheduler } from '../sip/scheduler.ts'
import type { TrunkChoice } from '../trunk/trunk-choice.ts'
import type { TrunkPlan } from '../trunk/trunk-plan.ts'
import type { CallRecorder } from './call-recorder.ts'
import { type AttemptReport, Hunt } from './hunt.ts'
import type { SipDialog } from './sip-dialog.ts'
import { ALLOW_REFER } from './sip-facts.ts'
import type { SipLink } from './sip-link.ts'
import type { SipTraceRouter } from './sip-trace.ts'

type Locator = Pick<ServerLocator, 'locate' | 'failed' | 'answered'>

/** What every hunt of a node needs. */
export interface CalleeHuntParts {
  /** The address that callees are told. */
  readonly address: string
  readonly link: SipLink
  readonly scheduler: Scheduler
  readonly metrics: Metrics
  readonly trace: SipTraceRouter
  /** Which trunks are tried, and what hears of every attempt. */
  readonly choice: Pick<TrunkChoice, 'choose'>
  readonly locator: Locator
  /** Whether probes say that an address of a trunk takes calls; by `serverName`. */
  readonly answers: (trunk: TrunkId, target: string) => boolean
}

/** What a hunt needs of the config in force, and of the limits in it. */
export interface CalleeHuntContext {
  /** Every trunk by its id. */
  readonly outbound: ReadonlyMap<TrunkId, OutboundTrunk>
  /** Takes a place on a trunk; null where the trunk is at one of its limits. */
  readonly admit: (trunk: TrunkId) => GiveBack | null
}

/** Whom to ring, as who, over what: the trunks of a group, or straight at an address. */
export type Callee = (
  | Pick<Placement, 'from' | 'to' | 'trunks' | 'group'>
  | { readonly from: string; readonly direct: OutboundTrunk }
) & {
  /** The caller's INVITE, where it goes on to them. */
  readonly onward?: Omit<OnwardInvite, 'uri' | 'host'>
  /** The number that each trunk shows, where that is ours to choose. */
  readonly fromOn?: ReadonlyMap<TrunkId, string>
  /** Who calls, where that is not a number of ours, `from`, which may be seen. */
  readonly shown?: ShownCaller
  /** Who is at our end (RFC 7989), where that is not Tandem itself. */
  readonly sessionUuid?: () => SessionUuid
}

/** Who wants the callee. */
export interface CalleeSink {
  /** Whether anybody is to be rung yet; asked when the trunks are known. */
  readonly isWanted: () => boolean
  /** A fresh offer for each attempt. A rejection ends the hunt. */
  readonly offer: (attempt: Attempt) => Promise<string>
  /** @param trunk null: none, an address was called straight */
  readonly onSent: (trunk: TrunkId | null, sipCallId: string) => void
  readonly onRinging: () => void
  /** Another attempt follows the one that has just failed: what was opened for that one is of no use any more. */
  readonly onNext: () => void
  /** The SIP server has acknowledged the 200. */
  readonly onAnswered: (dialog: SipDialog, answer: string) => void
  readonly onFailed: (failure: HuntFailure) => void
}

/** Rings one callee over the trunks of a group, one after the other, and puts each attempt on the record of its call. */
export class CalleeHunt {
  readonly #parts: CalleeHuntParts
  readonly #context: CalleeHuntContext
  readonly #callee: Callee
  readonly #recorder: CallRecorder
  readonly #sipCallIds: string[] = []
  #hunt: Hunt | null = null
  #plan: TrunkPlan | null = null
  /** Gives back the place on the trunk that is tried, or that took the call. */
  #leaveTrunk: GiveBack | null = null
  #isOver = false

  constructor(parts: CalleeHuntParts, context: CalleeHuntContext, callee: Callee, recorder: CallRecorder) {
    this.#parts = parts
    this.#context = context
    this.#callee = callee
    this.#recorder = recorder
  }

  /** The Call-ID of every INVITE that left. */
  get sipCallIds(): readonly string[] {
    return this.#sipCallIds
  }

  /** Once. The order of the trunks is as it is now: a call that waited for its agent is nobody's canary. */
  async start(sink: CalleeSink): Promise<void> {
    const { from, shown = ownNumber(from), onward, sessionUuid = () => namedUuid(this.#recorder.id) } = this.#callee
    const { address, link, scheduler, metrics, trace } = this.#parts
    const host = uriHost(address)
    const startedAtMs = performance.now()
    const ended = (outcome: string): void => metrics.huntEnded(outcome, performance.now() - startedAtMs)
    const trunks = await this.#trunks()
    if (!sink.isWanted()) return
    this.#hunt = new Hunt({
      link,
      scheduler,
      trunks,
      headers: (trunk, uri) => ({
        ...(onward !== undefined && trunk !== undefined && onwardHeaders({ ...onward, uri, host }, trunk.onward)),
        ...callerHeaders(this.#shownOn(trunk, shown), trunk?.identity ?? 'none', host),
        ...(trunk?.acceptsRefer === true && { Allow: ALLOW_REFER }),
      }),
      sessionUuid,
      admit: (trunk) => this.#admit(trunk),
      resolve: (trunk) => targetsOf(trunk, this.#number, this.#parts),
      offer: sink.offer,
      onSent: ({ trunk }, sipCallId) => {
        this.#sipCallIds.push(sipCallId)
        trace.follow(sipCallId, this.#recorder)
        sink.onSent(this.#trunkOf(trunk.id), sipCallId)
      },
      onRinging: sink.onRinging,
      onAttempt: (report) => this.#onAttempt(report, sink),
      onAnswered: (_attempt, dialog, answer) => {
        ended('answered')
        sink.onAnswered(dialog, answer)
      },
      onFailed: (failure) => {
        ended(failure.end === null ? 'noTrunk' : failure.end.kind)
        sink.onFailed(failure)
      },
    })
  }

  /** Cancels what is out; a 200 that crosses the CANCEL is hung up. */
  cancel(): void {
    this.#hunt?.cancel()
  }

  /** Nobody is rung, or on the line, any more: gives back what was taken of trunks. Safe to call twice. */
  end(): void {
    this.#isOver = true
    this.#plan?.end()
    this.#leaveTrunk?.()
    this.#leaveTrunk = null
  }

  /** The number that is dialled; null: an address is. */
  get #number(): string | null {
    return 'to' in this.#callee ? this.#callee.to : null
  }

  #shownOn(trunk: OutboundTrunk | undefined, shown: ShownCaller): ShownCaller {
    const number = trunk === undefined ? undefined : this.#callee.fromOn?.get(trunk.id)
    return number === undefined ? shown : { ...shown, number }
  }

  /** With the number that was shown there, where it is not that of the call. */
  #triedOn(id: TrunkId): { readonly trunk: TrunkId | null; readonly from?: string } {
    const from = this.#callee.fromOn?.get(id)
    return { trunk: this.#trunkOf(id), ...(from !== undefined && from !== this.#callee.from && { from }) }
  }

  #trunkOf(id: TrunkId): TrunkId | null {
    return 'direct' in this.#callee ? null : id
  }

  async #trunks(): Promise<readonly OutboundTrunk[]> {
    if ('direct' in this.#callee) return [this.#callee.direct]
    const plan = await this.#parts.choice.choose(this.#callee.group, this.#callee.trunks)
    this.#plan = plan
    if (this.#isOver) plan.end()
    return plan.order.flatMap(({ trunk }) => this.#context.outbound.get(trunk) ?? [])
  }

  #admit(trunk: TrunkId): boolean {
    // Limits are those of trunks.
    if ('direct' in this.#callee) return true
    this.#leaveTrunk?.()
    this.#leaveTrunk = this.#context.admit(trunk)
    return this.#leaveTrunk !== null
  }

  #onAttempt(report: AttemptReport, sink: CalleeSink): void {
    // A trunk that was passed over was not tried: the record has nothing of it, and what was opened is there for the next one.
    if (report.end.kind !== 'full') {
      recordAttempt(report, this.#triedOn(report.trunk), this.#recorder, this.#parts.metrics)
      // What the last attempt had goes with the call, which wants to know what it was.
      if (report.end.kind !== 'answered' && report.verdict.next !== 'stop') sink.onNext()
    }
    remember(report, this.#parts.locator)
    this.#plan?.onAttempt(report, this.#number ?? '')
  }
}

function recordAttempt(
  report: AttemptReport,
  { trunk, ...shown }: { readonly trunk: TrunkId | null; readonly from?: string },
  recorder: CallRecorder,
  metrics: Metrics,
): void {
  const { target, startedAt, end, reason, pddMs, verdict } = report
  const sip = end.kind === 'response' ? end.status : end.kind === 'answered' ? 200 : null
  recorder.attempt({ trunk, target, startedAt, sip, reason, pddMs })
  recorder.event({
    event: 'call.attempt',
    level: verdict.blame === 'trunk' || verdict.blame === 'account' ? 'warn' : 'info',
    ...(trunk === null ? { direct: true } : { trunk }),
    ...shown,
    target,
    sip,
    reason,
    pddMs,
    blame: verdict.blame,
  })
  metrics.attemptEnded(trunk ?? 'none', sip)
}

/**
 * The addresses of a trunk: its targets by priority and weight, each with the servers that DNS has for it (RFC 3263). Those that
 * probes say are dead come last: they are tried where nothing else is left.
 */
async function targetsOf(
  trunk: OutboundTrunk,
  number: string | null,
  { locator, answers }: Pick<CalleeHuntParts, 'locator' | 'answers'>,
): Promise<readonly HuntTarget[]> {
  const ordered = orderByPriority(trunk.targets, Math.random)
  const found = await locator.locate(
    ordered.map(({ uri }) => ({ ...uri, transport: uri.transport ?? trunk.transport, uri })),
  )
  const targets = found.map(({ to: { uri }, server }) => ({
    uri: number === null ? uri.text : requestUri(number, { uri, transport: trunk.transport }),
    server,
    probed: serverName(server),
  }))
  const isUp = ({ probed }: { readonly probed: string }): boolean => answers(trunk.id, probed)
  return [...targets.filter(isUp), ...targets.filter((target) => !isUp(target))]
}

/** What an attempt shows of the address that it went to: silence is its own, not the trunk's. */
function remember({ server, end }: AttemptReport, locator: Locator): void {
  if (server === null) return
  if (end.kind === 'transport' || end.kind === 'noReply') locator.failed(server)
  if (end.kind === 'response' || end.kind === 'answered') locator.answered(server)
}
