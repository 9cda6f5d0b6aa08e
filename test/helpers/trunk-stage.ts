import { trunk } from '../../lib/config/trunks.ts'
import type { CountsAs } from '../../lib/trunk/attempt-verdict.ts'
import {
  deadlineMs,
  effectiveState,
  type HealthConfig,
  type HealthEffect,
  type HealthEvent,
  type HealthState,
  isCanaryDue,
  newHealth,
  stepHealth,
} from '../../lib/trunk/health.ts'
import type { TrunkState } from '../../lib/trunk/state.ts'

/** The defaults of a trunk's health, or with what a config file says. */
export const healthConfig = (keys: { probe?: object; calls?: object; media?: object } = {}): HealthConfig =>
  trunk.parse({ id: 'alpha', ...keys })

/** Random numbers in [0, 1) that a seed determines (mulberry32). */
export function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What a target says to OPTIONS: a status, with a Retry-After where it has one, or nothing. */
export type Answer = { readonly status: number; readonly retryAfterMs?: number } | 'silence'

export interface StageOptions {
  readonly config?: HealthConfig
  readonly targets?: readonly string[]
  /** What a target answers to OPTIONS sent now. */
  readonly answer?: (target: string, nowMs: number) => Answer
  readonly rttMs?: number
  readonly random?: () => number
}

/** One trunk's health with carrier and driver, in virtual time. */
export class TrunkStage {
  readonly config: HealthConfig
  readonly effects: (HealthEffect & { readonly atMs: number })[] = []
  answer: (target: string, nowMs: number) => Answer
  health: HealthState
  nowMs = 0
  readonly #rttMs: number
  readonly #random: () => number
  #wire: { readonly atMs: number; readonly event: HealthEvent }[] = []

  constructor(options: StageOptions = {}) {
    this.config = options.config ?? healthConfig()
    this.answer = options.answer ?? (() => ({ status: 200 }))
    this.#rttMs = options.rttMs ?? 20
    this.#random = options.random ?? seeded(7)
    this.health = newHealth(0)
    this.feed({ kind: 'targets', targets: options.targets ?? ['udp:192.0.2.1:5060'], random: this.#random() })
  }

  get state(): TrunkState {
    return effectiveState(this.health).state
  }

  /** `active standby …` as they followed each other, with the channels that brought them about. */
  get history(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'changed' ? [`${effect.to} by ${effect.channel}`] : []))
  }

  /** When the state last became this one. */
  changedAtMs(to: TrunkState): number {
    return this.effects.findLast((effect) => effect.kind === 'changed' && effect.to === to)?.atMs ?? Number.NaN
  }

  feed(event: HealthEvent): void {
    const { state, effects } = stepHealth(this.health, event, this.nowMs, this.config)
    this.health = state
    for (const effect of effects) {
      this.effects.push({ ...effect, atMs: this.nowMs })
      if (effect.kind === 'probe') this.#probe(effect.target, effect.serial)
    }
  }

  /** Lets time pass until then, tick by tick. */
  runTo(untilMs: number): this {
    for (;;) {
      const [first] = this.#wire
      const next = Math.min(deadlineMs(this.health), first?.atMs ?? Infinity)
      if (next > untilMs) break
      this.nowMs = next
      if (first?.atMs === next) {
        this.#wire.shift()
        this.feed(first.event)
      } else {
        this.feed({ kind: 'tick', random: this.#random() })
      }
    }
    this.nowMs = untilMs
    return this
  }

  runFor(ms: number): this {
    return this.runTo(this.nowMs + ms)
  }

  /** Runs until it is so, and says when that was; NaN where it was not within `limitMs`. */
  runUntil(isSo: () => boolean, limitMs: number): number {
    const endMs = this.nowMs + limitMs
    while (!isSo()) {
      if (this.nowMs >= endMs) return Number.NaN
      this.runFor(10)
    }
    return this.nowMs
  }

  /** An ordinary call's outcome, each to a number of its own unless one is given. */
  call(outcome: CountsAs, number = `+1202555${this.nowMs}-${this.effects.length}-${this.#random()}`): this {
    this.feed({ kind: 'attempt', outcome, number, tookMs: 0, canary: false })
    return this
  }

  /** A canary call, if one is due; whether it was. */
  canary(outcome: CountsAs): boolean {
    if (!isCanaryDue(this.health, this.config)) return false
    this.feed({ kind: 'canary' })
    this.feed({ kind: 'attempt', outcome, number: '+12025550199', tookMs: 0, canary: true })
    return true
  }

  #probe(target: string, serial: number): void {
    const answer = this.answer(target, this.nowMs)
    if (answer === 'silence') return
    const { status, retryAfterMs = null } = answer
    this.#wire.push({
      atMs: this.nowMs + this.#rttMs,
      event: { kind: 'answered', target, serial, status, retryAfterMs },
    })
    this.#wire.sort((a, b) => a.atMs - b.atMs)
  }
}
