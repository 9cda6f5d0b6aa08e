import { dialledCallDeadlineMs, newDialledCall, stepDialledCall } from '../../../lib/call/dialled-call.ts'
import type {
  DialledCallEffect,
  DialledCallInput,
  DialledCallState,
  DialOrder,
  TargetId,
} from '../../../lib/call/dialled-state.ts'
import {
  type HuntEffect,
  type HuntInput,
  type HuntState,
  huntDeadlineMs,
  startHunt,
  stepHunt,
} from '../../../lib/trunk/hunt.ts'
import { trunk } from '../../unit/trunk/hunt-play.ts'

/** One INVITE of ours as who was called sees it. */
export interface Callee {
  readonly target: TargetId
  readonly attempt: number
  state: 'invited' | 'ringing' | 'cancelled' | 'refused' | 'up' | 'gone'
  byes: number
}

/** The caller as their SIP phone sees the call. */
export type CallerState = 'inviting' | 'refused' | 'up' | 'gone'

/**
 * A caller, the persons they are put through to, and the machines between them, in virtual time: hunts and the call are the real ones, the SIP
 * server below is what RFC 3261 says of it. What may happen next is a list; what happens is the test's.
 */
export class DialledStage {
  state: DialledCallState = newDialledCall()
  nowMs = 0
  caller: CallerState = 'inviting'
  readonly callees: Callee[] = []
  readonly done: DialledCallEffect[] = []
  /** What the caller got for good, and how often it was hung up. */
  readonly finals: number[] = []
  byes = 0
  readonly #order: DialOrder
  readonly #hunts = new Map<TargetId, HuntState>()
  /** The media is being opened, joined, or our 200 is on its way. */
  #pending: 'open' | 'join' | 'answer' | 'ack' | null = 'open'

  constructor(order: DialOrder) {
    this.#order = order
  }

  get isOver(): boolean {
    return this.state.kind === 'ended'
  }

  /** Everything that may happen now, by name. */
  get possible(): ReadonlyMap<string, () => void> {
    const may = new Map<string, () => void>()
    if (this.#pending === 'open') {
      may.set('opened', () => this.#passed({ kind: 'agreed' }))
      may.set('not opened', () => this.#passed({ kind: 'refused', refusal: REFUSAL }))
    }
    if (this.#pending === 'join') {
      may.set('joined', () => this.#passed({ kind: 'joined' }))
      may.set('not joined', () => this.#passed({ kind: 'disagreed' }))
    }
    if (this.#pending === 'answer') may.set('200 taken', () => this.#accepted())
    if (this.#pending === 'ack' && this.caller === 'up') may.set('ACK', () => this.#passed({ kind: 'acked' }))
    if (this.caller === 'inviting') may.set('CANCEL', () => this.#cancelled())
    if (this.caller === 'up') {
      may.set('caller BYE', () => this.#callerEnds('bye'))
      may.set('caller lost', () => this.#callerEnds('broken'))
      may.set('caller holds', () => this.input({ kind: 'held' }))
      may.set('caller retrieves', () => this.input({ kind: 'retrieved' }))
    }
    for (const [i, callee] of this.callees.entries()) this.#ofCallee(callee, `${i} `, may)
    if (this.#deadlineMs !== undefined) may.set('time', () => this.#wake())
    if (!this.isOver) {
      may.set('operator', () => this.input({ kind: 'hangUp', by: 'operator', cause: 'normal' }))
    }
    return may
  }

  input(input: DialledCallInput): void {
    const { state, effects } = stepDialledCall(this.state, input, this.nowMs, this.#order)
    this.state = state
    for (const effect of effects) this.#perform(effect)
  }

  /** Lets everything come to its end that comes by itself, and ends the call where nothing else does. */
  settle(): void {
    for (const name of ['opened', 'joined', '200 taken', 'ACK', 'operator', '200 taken']) this.possible.get(name)?.()
    for (const callee of this.callees) if (callee.state === 'cancelled') this.#final(callee, 487)
  }

  #ofCallee(callee: Callee, name: string, may: Map<string, () => void>): void {
    const { state } = callee
    if (state === 'invited' || state === 'ringing') {
      may.set(`${name}180`, () => {
        callee.state = 'ringing'
        this.#hunt(callee.target, { kind: 'provisional', attempt: callee.attempt, status: 180 })
      })
      for (const status of [404, 486, 503, 603]) may.set(name + status, () => this.#final(callee, status))
    }
    if (state === 'cancelled') may.set(`${name}487`, () => this.#final(callee, 487))
    // A CANCEL crosses a 2xx (RFC 3261 §9.1).
    if (state === 'invited' || state === 'ringing' || state === 'cancelled') {
      may.set(`${name}200`, () => {
        callee.state = 'up'
        this.#hunt(callee.target, { kind: 'answered', attempt: callee.attempt })
      })
    }
    if (state !== 'up') return
    const isOurs = 'target' in this.state && this.state.target === callee.target
    const ends = (kind: 'calleeBye' | 'calleeBroken') => () => {
      callee.state = 'gone'
      if (isOurs) this.input({ kind })
    }
    may.set(`${name}BYE`, ends('calleeBye'))
    may.set(`${name}lost`, ends('calleeBroken'))
    may.set(`${name}holds`, () => this.input({ kind: 'calleeHeld', held: true }))
  }

  #passed(input: DialledCallInput): void {
    this.#pending = null
    this.input(input)
  }

  #cancelled(): void {
    // The SIP server answers the INVITE; a 200 of ours that comes after finds no transaction.
    this.caller = 'refused'
    this.finals.push(487)
    this.input({ kind: 'cancelled' })
  }

  #accepted(): void {
    if (this.caller !== 'inviting') return this.#passed({ kind: 'unacceptable' })
    this.caller = 'up'
    this.finals.push(200)
    this.#passed({ kind: 'accepted' })
    if (!this.isOver) this.#pending = 'ack'
  }

  #callerEnds(kind: 'bye' | 'broken'): void {
    this.caller = 'gone'
    this.input({ kind })
  }

  #final(callee: Callee, status: number): void {
    callee.state = 'refused'
    const { target, attempt } = callee
    this.#hunt(target, { kind: 'final', attempt, status, contact: '', retryAfterS: null })
  }

  get #deadlineMs(): number | undefined {
    const all = [dialledCallDeadlineMs(this.state), ...[...this.#hunts.values()].map(huntDeadlineMs)]
    const deadlines = all.flatMap((each) => each ?? [])
    return deadlines.length === 0 ? undefined : Math.min(...deadlines)
  }

  #wake(): void {
    this.nowMs = Math.max(this.nowMs, this.#deadlineMs ?? this.nowMs)
    this.input({ kind: 'wake' })
    for (const target of [...this.#hunts.keys()]) this.#hunt(target, { kind: 'wake' })
  }

  #hunt(target: TargetId, input: HuntInput): void {
    const before = this.#hunts.get(target)
    if (before === undefined) throw new Error(`no hunt for ${target}`)
    const { state, effects } = stepHunt(before, input, this.nowMs)
    this.#hunts.set(target, state)
    for (const effect of effects) this.#performHunt(target, effect)
  }

  #performHunt(target: TargetId, effect: HuntEffect): void {
    const calleeOf = (attempt: number) =>
      this.callees.find((each) => each.target === target && each.attempt === attempt)
    switch (effect.kind) {
      case 'resolve': {
        const uri = `sip:${effect.trunk.id}`
        const targets = [{ uri, server: null, probed: uri }]
        return this.#hunt(target, { kind: 'resolved', attempt: effect.attempt, targets })
      }
      case 'invite':
        this.callees.push({ target, attempt: effect.attempt.id, state: 'invited', byes: 0 })
        return this.#hunt(target, { kind: 'sent', attempt: effect.attempt.id })
      case 'cancel': {
        const callee = calleeOf(effect.attempt)
        if (callee?.state === 'invited' || callee?.state === 'ringing') callee.state = 'cancelled'
        return
      }
      case 'bye':
        return this.#byeCallee(calleeOf(effect.attempt))
      case 'ringing':
        return this.input({ kind: 'rings', target })
      case 'ended':
        return
      case 'answered':
        return this.input({ kind: 'answered', target })
      case 'failed':
        return this.input({ kind: 'failed', target, failure: effect.failure })
      default:
        effect satisfies never
    }
  }

  #perform(effect: DialledCallEffect): void {
    this.done.push(effect)
    switch (effect.kind) {
      case 'dial': {
        const { state, effects } = startHunt([trunk('alpha'), trunk('beta')], this.nowMs)
        this.#hunts.set(effect.target, state)
        for (const each of effects) this.#performHunt(effect.target, each)
        return
      }
      case 'cancel':
        return this.#hunt(effect.target, { kind: 'cancel' })
      case 'connect':
        this.#pending = 'join'
        return
      case 'answer':
        this.#pending = 'answer'
        return
      case 'reject':
      case 'fail':
        if (this.caller !== 'inviting') return
        this.caller = 'refused'
        this.finals.push(effect.kind === 'fail' ? effect.failure.status : effect.refusal.status)
        return
      case 'byeCaller':
        this.byes += 1
        if (this.caller === 'up') this.caller = 'gone'
        return
      case 'byeCallee':
        return this.#byeCallee(this.callees.find((each) => each.target === effect.target && each.state === 'up'))
      default:
        return
    }
  }

  #byeCallee(callee: Callee | undefined): void {
    if (callee === undefined) return
    callee.byes += 1
    callee.state = 'gone'
  }
}

const REFUSAL = {
  status: 488,
  reason: 'Not Acceptable Here',
  temporary: false,
  cause: 'rejected',
  warning: 305,
  detail: '',
} as const
