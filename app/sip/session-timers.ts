import { composeInDialog } from '../../lib/sip/compose.ts'
import { afterRemoteSuccess, routeInDialog } from '../../lib/sip/dialog.ts'
import { type Draft, draftHeader } from '../../lib/sip/draft.ts'
import { NO_BODY, type SipRequest, type SipResponse } from '../../lib/sip/message.ts'
import { listsTag } from '../../lib/sip/reliability.ts'
import {
  answerTerms,
  glareBackoffMs,
  parseSessionExpires,
  type SessionTerms,
  type SessionTimerInput,
  type SessionTimerState,
  sessionTimerDeadlineMs,
  startSessionTimer,
  stepSessionTimer,
  takenTerms,
} from '../../lib/sip/session-timer.ts'
import { targetOfUri } from '../../lib/sip/targets.ts'
import type { DialogSender, Way } from './dialog-sender.ts'
import type { DialogRecord } from './dialog-store.ts'
import { Alarm } from './scheduler.ts'
import type { StackContext } from './stack-context.ts'
import type { Received } from './transaction/client-transaction.ts'

const EXPIRED = 'SIP ;cause=200 ;text="Session timer expired"'

/** Answers to a refresh after which the dialog is no more (RFC 4028 §10, RFC 5057). */
const DIALOG_IS_GONE: ReadonlySet<number> = new Set([404, 408, 410, 416, 480, 481, 482, 483, 484, 485, 502, 604])

const draftOf = (headers: readonly (readonly [string, string])[], body: Buffer): Draft => ({
  start: { kind: 'request', method: '', uri: '' },
  headers: headers.map(([name, value]) => ({ name, key: name.toLowerCase(), value })),
  body,
})

/** The timer of one session, which the server refreshes by itself or ends by a BYE (RFC 4028), as drachtio-server does. */
class SessionTimer {
  readonly #stack: StackContext
  readonly #sender: DialogSender
  readonly #record: DialogRecord
  readonly #alarm: Alarm
  #terms: SessionTerms
  #state: SessionTimerState

  constructor(stack: StackContext, sender: DialogSender, record: DialogRecord, terms: SessionTerms) {
    this.#stack = stack
    this.#sender = sender
    this.#record = record
    this.#terms = terms
    this.#state = startSessionTimer(terms, stack.scheduler.nowMs())
    this.#alarm = new Alarm(stack.scheduler, () => this.#step('wake'))
    this.#alarm.set(sessionTimerDeadlineMs(this.#state))
  }

  stop(): void {
    this.#alarm.set(undefined)
  }

  #restart(terms: SessionTerms): void {
    this.#terms = terms
    this.#state = startSessionTimer(terms, this.#stack.scheduler.nowMs())
    this.#alarm.set(sessionTimerDeadlineMs(this.#state))
  }

  /** Whether it still is its dialog's timer: answers to a refresh may come later. */
  get #isLive(): boolean {
    return this.#record.session === this && this.#stack.dialogs.byId(this.#record.id) === this.#record
  }

  #step(input: SessionTimerInput): void {
    if (!this.#isLive) return
    const step = stepSessionTimer(this.#state, input, this.#stack.scheduler.nowMs())
    this.#state = step.state
    this.#alarm.set(sessionTimerDeadlineMs(step.state))
    for (const effect of step.effects) {
      if (effect === 'refresh') this.#refresh()
      else this.#sender.sendBye(this.#record, EXPIRED, true, 'session-expired')
    }
  }

  #refresh(): void {
    const { ourInvite, ourUpdate, theirInvite, theirUpdate, ending, dialog } = this.#record
    if (ending) return
    const target = targetOfUri(routeInDialog(dialog).nextHop)
    if (typeof target === 'string') return this.#step('failed')
    const isBusy = [ourInvite, ourUpdate, theirInvite].some((open) => open !== undefined) || theirUpdate?.open === true
    if (isBusy) return this.#step(this.#afterGlare())
    this.#sender.findWay(target, this.#record, (way) => {
      if (!this.#isLive) return
      if (way === undefined) this.#step('failed')
      else this.#send(way)
    })
  }

  /** An UPDATE without an offer where the peer takes one (RFC 4028 §7.4), else a re-INVITE with the session as it is. */
  #send(way: Way): void {
    const record = this.#record
    const method = record.takesUpdate || record.localSession.length === 0 ? 'UPDATE' : 'INVITE'
    const { intervalS } = this.#terms
    const seq = record.dialog.localSeq + 1
    const draft = draftOf(
      [
        ['Supported', 'timer'],
        ['Session-Expires', `${intervalS};refresher=uac`],
        ['Min-SE', String(Math.min(intervalS, this.#stack.minSessionS))],
      ],
      method === 'INVITE' ? record.localSession : NO_BODY,
    )
    const request = composeInDialog(draft, method, record.dialog, this.#sender.composing(way, seq))
    if (!request.ok) return this.#step('failed')
    this.#stack.dialogs.update(record, { ...record.dialog, localSeq: seq })
    const invite = { cancel: () => {} }
    if (method === 'INVITE') {
      record.ourInvite = invite
      record.inviteSeq = seq
      record.inviteCredentials = []
    }
    const settle = (): void => {
      if (record.ourInvite === invite) record.ourInvite = undefined
    }
    let answered = false
    const user = {
      onClientResponse: ({ response }: Received): void => {
        if (response.status < 200) return
        settle()
        const isSuccess = response.status < 300
        if (isSuccess && method === 'INVITE') {
          if (answered) this.#sender.repeatAck(record, seq)
          else this.#sender.acknowledge(record, way, draftOf([], NO_BODY))
        }
        if (!answered) this.#onAnswer(response)
        answered = true
      },
      onClientEnd: (): void => {
        settle()
        this.#step('lost')
      },
      onClientCancel: (): void => {},
    }
    const bytes = request.value.serialize()
    const from = { remote: way.remote, from: way.sender.socket }
    this.#stack.transactions.openClient(request.value, bytes, from, user).start()
  }

  #afterGlare(): SessionTimerInput {
    return { retryInMs: glareBackoffMs(this.#record.dialog.role, Math.random()) }
  }

  #onAnswer(response: SipResponse): void {
    if (!this.#isLive) return
    const { status } = response
    if (status < 300) {
      this.#stack.dialogs.update(this.#record, afterRemoteSuccess(this.#record.dialog, response))
      this.#restart(takenTerms(response) ?? this.#terms)
      return
    }
    const least = status === 422 ? parseSessionExpires(response.header('Min-SE')) : undefined
    if (least !== undefined && least.intervalS > this.#terms.intervalS) {
      this.#terms = { ...this.#terms, intervalS: least.intervalS }
      this.#refresh()
    } else if (status === 491) this.#step(this.#afterGlare())
    else this.#step(DIALOG_IS_GONE.has(status) ? 'lost' : 'failed')
  }
}

/** The session timers of all dialogs: which 2xx starts one, and on what terms. */
export class SessionTimers {
  readonly #stack: StackContext
  readonly #sender: DialogSender

  constructor(stack: StackContext, sender: DialogSender) {
    this.#stack = stack
    this.#sender = sender
  }

  /** A 2xx of the application to an INVITE or UPDATE, as it goes out: with the terms that the request is given. */
  answered(
    request: SipRequest,
    draft: Draft,
  ): { readonly draft: Draft; readonly start: (record: DialogRecord) => void } {
    const answer = answerTerms(request, draftHeader(draft, 'session-expires'), this.#stack.minSessionS)
    const added = draftOf(answer?.headers ?? [], NO_BODY).headers
    return {
      draft: added.length === 0 ? draft : { ...draft, headers: [...draft.headers, ...added] },
      start: (record) => {
        this.#set(record, answer?.terms)
        if (request.method === 'INVITE' && draft.body.length > 0) record.localSession = Buffer.from(draft.body)
        if (request.has('Allow')) record.takesUpdate = listsTag(request.values('Allow'), 'update')
      },
    }
  }

  /** A 2xx to an INVITE or UPDATE of the application. One without terms leaves a timer that runs as it is. */
  taken(record: DialogRecord, request: SipRequest, response: SipResponse): void {
    if (request.method !== 'INVITE' && request.method !== 'UPDATE') return
    if (response.has('Allow')) record.takesUpdate = listsTag(response.values('Allow'), 'update')
    if (request.body.length > 0) record.localSession = request.body
    const terms = takenTerms(response)
    if (terms !== undefined) this.#set(record, terms)
  }

  #set(record: DialogRecord, terms: SessionTerms | undefined): void {
    record.session?.stop()
    record.session = terms && new SessionTimer(this.#stack, this.#sender, record, terms)
  }
}
