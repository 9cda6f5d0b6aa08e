import { endReason } from '../../lib/call/end-reason.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import type { TrunkId } from '../../lib/core/ids.ts'
import type { OutboundTrunk } from '../../lib/route/outbound.ts'
import { type ServerAddress, serverUri } from '../../lib/sip/rfc3263.ts'
import type { SessionUuid } from '../../lib/sip/session-id.ts'
import type { Attempt, AttemptId, HuntTarget } from '../../lib/trunk/attempt.ts'
import type { AttemptEnd, Verdict } from '../../lib/trunk/attempt-verdict.ts'
import {
  type HuntEffect,
  type HuntInput,
  type HuntState,
  type HuntStep,
  huntDeadlineMs,
  startHunt,
  stepHunt,
} from '../../lib/trunk/hunt.ts'
import type { HuntFailure } from '../../lib/trunk/hunt-failure.ts'
import { Alarm, type Scheduler } from '../sip/scheduler.ts'
import type { InviteOutcome, OutgoingInvite } from './outgoing-invite.ts'
import type { SipDialog } from './sip-dialog.ts'
import type { SipLink } from './sip-link.ts'

/** What one INVITE on one trunk came to. */
export interface AttemptReport {
  readonly id: AttemptId
  readonly trunk: TrunkId
  /** The request-URI; that of the trunk's first target where none could be resolved. */
  readonly target: string
  /** The target of the trunk as its health knows it; null where there is none. */
  readonly probed: string | null
  /** The address that the INVITE went to; null where only the SIP server below knows. */
  readonly server: ServerAddress | null
  readonly startedAt: Date
  readonly end: AttemptEnd
  readonly verdict: Verdict
  /** The words of the far end, or ours. */
  readonly reason: string
  /** From its beginning to its end. */
  readonly tookMs: number
  /** INVITE to the first 18x or final response; null where neither came. */
  readonly pddMs: number | null
  /** How long the trunk asked to be left alone. */
  readonly retryAfterMs: number | null
  /** Null where no INVITE left. */
  readonly sipCallId: string | null
}

export interface HuntParts {
  readonly link: SipLink
  readonly scheduler: Scheduler
  /** In the order in which they are tried. */
  readonly trunks: readonly OutboundTrunk[]
  /** From, and whatever else an INVITE on a trunk to a request-URI shall carry. */
  readonly headers: (trunk: OutboundTrunk | undefined, uri: string) => Readonly<Record<string, string>>
  /** Who is at our end (RFC 7989). */
  readonly sessionUuid: () => SessionUuid
  /** Takes a place on a trunk, and gives back that of the one before; false where the trunk is at one of its limits. */
  readonly admit: (trunk: TrunkId) => boolean
  /** The addresses of a trunk, the best first. */
  readonly resolve: (trunk: OutboundTrunk) => Promise<readonly HuntTarget[]>
  /** A fresh offer for each attempt. A rejection ends the hunt: media is ours, not the trunk's. */
  readonly offer: (attempt: Attempt) => Promise<string>
  readonly onSent: (attempt: Attempt, sipCallId: string) => void
  readonly onRinging: () => void
  /** Once an attempt, also for the one that was answered. */
  readonly onAttempt: (report: AttemptReport) => void
  /** The SIP server has acknowledged the 200. */
  readonly onAnswered: (attempt: AttemptId, dialog: SipDialog, answer: string) => void
  readonly onFailed: (failure: HuntFailure) => void
}

/** What is known of an attempt beside the machine. */
interface Progress {
  readonly startedAt: Date
  readonly startedAtMs: number
  invite: OutgoingInvite | null
  /** Given up before its INVITE was made. */
  cancelled: boolean
  pddMs: number | null
  reason: string
  answered: { readonly dialog: SipDialog; readonly answer: string } | null
}

/** Performs what lib/trunk/hunt.ts decides, for one call, on the SIP server. */
export class Hunt {
  readonly #parts: HuntParts
  readonly #alarm: Alarm
  readonly #attempts = new Map<AttemptId, Progress>()
  readonly #inputs: HuntInput[] = []
  #stepping = true
  #state: HuntState

  constructor(parts: HuntParts) {
    this.#parts = parts
    this.#alarm = new Alarm(parts.scheduler, () => this.#input({ kind: 'wake' }))
    const first = startHunt(parts.trunks, performance.now())
    this.#state = first.state
    this.#take(first)
    this.#stepping = false
    this.#work()
  }

  /** Gives the call up: what is out is cancelled, and a 200 that crosses the CANCEL is hung up. */
  cancel(): void {
    this.#input({ kind: 'cancel' })
  }

  #input(input: HuntInput): void {
    this.#inputs.push(input)
    if (!this.#stepping) this.#work()
  }

  #work(): void {
    this.#stepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      this.#take(stepHunt(this.#state, next, performance.now()))
    }
    this.#stepping = false
  }

  #take({ state, effects }: HuntStep): void {
    this.#state = state
    this.#alarm.set(huntDeadlineMs(state))
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: HuntEffect): void {
    switch (effect.kind) {
      case 'resolve':
        this.#begin(effect.attempt)
        if (this.#parts.admit(effect.trunk.id)) void this.#resolve(effect.attempt, effect.trunk.id)
        else this.#input({ kind: 'full', attempt: effect.attempt })
        return
      case 'invite':
        this.#begin(effect.attempt.id)
        void this.#invite(effect.attempt)
        return
      case 'cancel':
        return this.#cancel(effect.attempt)
      case 'bye':
        void this.#attempts.get(effect.attempt)?.answered?.dialog.bye({ Reason: endReason('cancelled') })
        return
      case 'ringing':
        this.#onProgress(effect.attempt)
        return this.#parts.onRinging()
      case 'ended':
        return this.#onEnded(effect)
      case 'answered':
        return this.#onAnswered(effect.attempt)
      case 'failed':
        return this.#parts.onFailed(effect.failure)
      default:
        return assertNever(effect)
    }
  }

  #begin(id: AttemptId): void {
    if (this.#attempts.has(id)) return
    const now = { startedAt: new Date(), startedAtMs: performance.now() }
    this.#attempts.set(id, { ...now, invite: null, cancelled: false, pddMs: null, reason: '', answered: null })
  }

  async #resolve(attempt: AttemptId, id: TrunkId): Promise<void> {
    const trunk = this.#trunk(id)
    const progress = this.#attempts.get(attempt)
    // What is true as long as nothing has come; the time for it may end before.
    if (progress !== undefined) progress.reason = 'DNS does not answer in time'
    const targets = trunk === undefined ? [] : await this.#parts.resolve(trunk).catch(() => [])
    if (progress !== undefined) progress.reason = targets.length === 0 ? 'DNS has no address of the trunk' : ''
    this.#input({ kind: 'resolved', attempt, targets })
  }

  async #invite(attempt: Attempt): Promise<void> {
    const progress = this.#attempts.get(attempt.id)
    const broken: HuntInput = { kind: 'broken', attempt: attempt.id }
    if (progress === undefined) return this.#input(broken)
    let sdp: string
    try {
      sdp = await this.#parts.offer(attempt)
    } catch (error) {
      progress.reason = error instanceof Error ? error.message : String(error)
      return this.#input(broken)
    }
    if (progress.cancelled) return this.#input(broken)
    const credentials = attempt.depth === 0 ? this.#trunk(attempt.trunk.id)?.credentials : null
    const { uri, server } = attempt.target
    progress.invite = this.#parts.link.invite({
      uri,
      sdp,
      headers: this.#parts.headers(this.#trunk(attempt.trunk.id), uri),
      sessionUuid: this.#parts.sessionUuid,
      ...(server !== null && { nextHop: serverUri(server) }),
      ...(credentials && { credentials }),
      onSent: (sipCallId) => {
        this.#parts.onSent(attempt, sipCallId)
        this.#input({ kind: 'sent', attempt: attempt.id })
      },
      onProvisional: (status) => this.#input({ kind: 'provisional', attempt: attempt.id, status }),
    })
    this.#onOutcome(attempt, progress, await progress.invite.outcome)
  }

  #onOutcome({ id, trunk, target }: Attempt, progress: Progress, outcome: InviteOutcome): void {
    switch (outcome.kind) {
      case 'answered':
        progress.answered = { dialog: outcome.dialog, answer: outcome.answer }
        if (outcome.answer.trim() !== '') return this.#input({ kind: 'answered', attempt: id })
        progress.reason = 'answered without SDP'
        void outcome.dialog.bye({ Reason: endReason('rejected') })
        return this.#input({ kind: 'unusable', attempt: id })
      case 'unusable':
        progress.reason = outcome.message
        return this.#input({ kind: 'unusable', attempt: id })
      case 'refused': {
        progress.reason = outcome.reason
        if (outcome.source === null) return this.#input({ kind: 'transport', attempt: id })
        this.#onProgress(id)
        const { status, contact } = outcome
        const retryAfterS = this.#speaksFor(trunk.id, target, outcome.source) ? outcome.retryAfterS : null
        return this.#input({ kind: 'final', attempt: id, status, contact, retryAfterS })
      }
      case 'unreachable':
        progress.reason = outcome.message
        return this.#input({ kind: 'transport', attempt: id })
      case 'failed':
        progress.reason = outcome.message
        return this.#input({ kind: 'broken', attempt: id })
      default:
        return assertNever(outcome)
    }
  }

  /** Retry-After is believed of a trunk's own addresses only: of those it sends from, and of those it was found at. */
  #speaksFor(id: TrunkId, { server, probed }: HuntTarget, source: string): boolean {
    const trunk = this.#trunk(id)
    const isOwn = probed !== null && server?.host === source
    return isOwn || (trunk !== undefined && (trunk.sources.has(source) || hasTargetAt(trunk, source)))
  }

  #cancel(id: AttemptId): void {
    const progress = this.#attempts.get(id)
    if (progress === undefined) return
    progress.cancelled = true
    progress.invite?.cancel()
  }

  /** The first 18x or final response ends the post-dial delay. */
  #onProgress(id: AttemptId): void {
    const progress = this.#attempts.get(id)
    if (progress !== undefined) progress.pddMs ??= Math.round(performance.now() - progress.startedAtMs)
  }

  #onEnded({ attempt, end, verdict, retryAfterMs }: Extract<HuntEffect, { kind: 'ended' }>): void {
    if (end.kind === 'answered') this.#onProgress(attempt.id)
    const progress = this.#attempts.get(attempt.id)
    this.#parts.onAttempt({
      id: attempt.id,
      trunk: attempt.trunk.id,
      target: attempt.target.uri || (this.#trunk(attempt.trunk.id)?.targets[0]?.uri.text ?? ''),
      probed: attempt.target.probed,
      server: attempt.target.server,
      startedAt: progress?.startedAt ?? new Date(),
      tookMs: progress === undefined ? 0 : performance.now() - progress.startedAtMs,
      end,
      verdict,
      reason: OUR_WORDS[end.kind] ?? progress?.reason ?? '',
      pddMs: progress?.pddMs ?? null,
      retryAfterMs,
      sipCallId: progress?.invite?.sipCallId ?? null,
    })
  }

  #onAnswered(id: AttemptId): void {
    const answered = this.#attempts.get(id)?.answered
    if (answered) this.#parts.onAnswered(id, answered.dialog, answered.answer)
  }

  #trunk(id: TrunkId): OutboundTrunk | undefined {
    return this.#parts.trunks.find((trunk) => trunk.id === id)
  }
}

const hasTargetAt = ({ targets }: OutboundTrunk, host: string): boolean => targets.some(({ uri }) => uri.host === host)

/** Ends that no peer has words for. */
const OUR_WORDS: Partial<Record<AttemptEnd['kind'], string>> = {
  answered: 'OK',
  noReply: 'nothing came back',
  noProgress: '100 and then nothing',
  ringTimeout: 'rang too long',
  cancelled: 'given up',
  budget: 'no time left to hunt',
}
