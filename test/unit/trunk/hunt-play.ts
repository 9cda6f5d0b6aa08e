import { trunkId } from '../../../lib/core/ids.ts'
import type { HuntPolicy, HuntTrunk } from '../../../lib/trunk/attempt.ts'
import { type HuntEffect, type HuntInput, type HuntState, startHunt, stepHunt } from '../../../lib/trunk/hunt.ts'

export const POLICY: HuntPolicy = {
  hunt480: false,
  noReplyMs: 2_000,
  noProgressMs: 12_000,
  huntBudgetMs: 20_000,
  ringTimeoutMs: 60_000,
  allowedHosts: ['pop.example.net'],
  maxRedirects: 5,
  retryAfterMinMs: 1_000,
  retryAfterMaxMs: 60_000,
}

export const trunk = (name: string, policy: Partial<HuntPolicy> = {}): HuntTrunk => ({
  srtp: 'off',
  id: trunkId(name),
  policy: { ...POLICY, ...policy },
})

/** A hunt in virtual time: what it was told and what it did about it. */
export class HuntPlay {
  state: HuntState
  readonly effects: HuntEffect[] = []
  nowMs = 0

  /** Every trunk has the targets that are named here, as `sip:HOST`. */
  constructor(trunks: readonly HuntTrunk[], targets: Readonly<Record<string, readonly string[]>> = {}) {
    this.#targets = targets
    const { state, effects } = startHunt(trunks, 0)
    this.state = state
    this.#take(effects)
  }

  readonly #targets: Readonly<Record<string, readonly string[]>>

  /** The attempt under way; 0 before the first. */
  get attempt(): number {
    return this.effects.reduce((last, effect) => (effect.kind === 'invite' ? effect.attempt.id : last), 0)
  }

  /** Where the INVITEs went, in order. */
  get tried(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'invite' ? [effect.attempt.target.uri.slice(4)] : []))
  }

  get kinds(): string {
    return this.effects.map((effect) => effect.kind).join(' ')
  }

  input(input: HuntInput): this {
    const { state, effects } = stepHunt(this.state, input, this.nowMs)
    this.state = state
    this.#take(effects)
    return this
  }

  at(nowMs: number): this {
    this.nowMs = nowMs
    return this.input({ kind: 'wake' })
  }

  provisional(status: number, attempt = this.attempt): this {
    return this.input({ kind: 'provisional', attempt, status })
  }

  final(status: number, more: { contact?: string; retryAfterS?: number; attempt?: number } = {}): this {
    const { contact = '', retryAfterS = null, attempt = this.attempt } = more
    return this.input({ kind: 'final', attempt, status, contact, retryAfterS })
  }

  answered(attempt = this.attempt): this {
    return this.input({ kind: 'answered', attempt })
  }

  transport(attempt = this.attempt): this {
    return this.input({ kind: 'transport', attempt })
  }

  /** Resolves and sends at once, as DNS and media do where nothing is wrong with them. */
  #take(effects: readonly HuntEffect[]): void {
    this.effects.push(...effects)
    for (const effect of effects) {
      if (effect.kind === 'resolve') {
        const { attempt } = effect
        const hosts = this.#targets[effect.trunk.id] ?? [effect.trunk.id]
        this.input({
          kind: 'resolved',
          attempt,
          targets: hosts.map((host) => ({ uri: `sip:${host}`, server: null, probed: `sip:${host}` })),
        })
      } else if (effect.kind === 'invite') this.input({ kind: 'sent', attempt: effect.attempt.id })
    }
  }
}
