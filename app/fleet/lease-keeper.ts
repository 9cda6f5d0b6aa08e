import type { CallId } from '../../lib/core/ids.ts'
import { type LeaseEffect, type LeaseInput, type LeaseState, startLease, stepLease } from '../../lib/fleet/lease.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { CallOwners } from '../store/call-owners.ts'
import type { Journal } from '../store/port.ts'

/** The calls on the line of this process. */
export interface OwnedCalls {
  /** The term in which each is written. */
  readonly terms: ReadonlyMap<CallId, number>
  mute(muted: boolean): void
  fence(call: CallId): void
}

export interface LeaseKeeperOptions {
  readonly leaseMs: number
  readonly calls: OwnedCalls
  readonly owners: Pick<CallOwners, 'newTerm' | 'reclaim'>
  readonly journal: Pick<Journal, 'written'>
  /** Whether no other node is known. */
  readonly isAlone: () => boolean
  /** The further processes of this node have calls too, and are to doubt them. */
  readonly onDoubt: () => void
  readonly emit: EmitEvent
  readonly onError: (error: unknown) => void
}

const TICK_MS = 250
const RETRY_MS = 1_000
const VERIFY_EVERY_MS = 30_000
/** How long PostgreSQL may take to have what this process has journaled: a call that is not on record cannot be asked about. */
const WRITTEN_MS = 2_000
/** Terms begun in a row that are remembered: a process that lapses more often has other troubles. */
const MAX_TERMS = 1_000

/** Keeps the calls of this process by lib/fleet/lease.ts: where they may have been taken over they fall silent until PostgreSQL has said whose they are. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions
  readonly #timer: NodeJS.Timeout
  readonly #ownTerms: number[] = []
  #state: LeaseState = startLease(performance.now())
  /** One verification at a time. */
  #verifying: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: LeaseKeeperOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#input({ kind: 'tick' }), TICK_MS).unref()
  }

  /** Whether this node has no doubt that its calls are its own. */
  get isHeld(): boolean {
    return this.#state.kind === 'held'
  }

  /** The shared state has taken a heartbeat of this node that was sent then. */
  renewed(sentAtMs: number): void {
    this.#input({ kind: 'renewed', sentAtMs })
  }

  /** The node has found out that it may have been taken for dead. */
  doubt(): void {
    this.#input({ kind: 'doubted' })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#verifying
  }

  #input(input: LeaseInput): void {
    if (this.#closed) return
    const { leaseMs, isAlone } = this.#options
    const config = { leaseMs, retryMs: RETRY_MS, verifyEveryMs: VERIFY_EVERY_MS, isAlone: isAlone() }
    const { state, effects } = stepLease(this.#state, input, performance.now(), config)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: LeaseEffect): void {
    const { calls, onDoubt, emit } = this.#options
    switch (effect.kind) {
      case 'mute':
        return calls.mute(true)
      case 'unmute':
        return calls.mute(false)
      case 'verify':
        // Where nothing gives rise to it, the other processes look for themselves.
        if (this.#state.kind === 'lapsed') onDoubt()
        this.#verifying = this.#verifying.then(() => this.#verify(effect.round))
        return
      case 'fence':
        emit({ event: 'node.fenced', level: 'warn', calls: effect.calls })
        for (const call of effect.calls) calls.fence(call)
        return
    }
  }

  /** Never rejects. */
  async #verify(round: number): Promise<void> {
    if (this.#closed) return
    try {
      this.#input({ kind: 'verified', round, lost: await this.#lost() })
    } catch (error) {
      this.#options.onError(error)
      this.#input({ kind: 'unverified', round })
    }
  }

  async #lost(): Promise<readonly CallId[]> {
    const { calls, owners, journal } = this.#options
    if (calls.terms.size === 0) return []
    await journal.written(WRITTEN_MS)
    // Remembered before it is written: where the answer is lost the next verification knows it.
    const term = await owners.newTerm()
    const begun = [...this.#ownTerms]
    this.#ownTerms.push(term)
    this.#ownTerms.splice(0, this.#ownTerms.length - MAX_TERMS)
    return owners.reclaim(calls.terms, begun, term)
  }
}
