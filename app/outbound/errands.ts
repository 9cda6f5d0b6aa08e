import { canonicalJson } from '../../lib/core/canonical-json.ts'
import { type CallId, callId, type ErrandId, errandId, type NodeId } from '../../lib/core/ids.ts'
import { later } from '../../lib/core/later.ts'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import { type Errand, type ErrandEvent, isOver, stepErrand } from '../../lib/outbound/errand.ts'
import { ONE_ATTEMPT, type RetryPolicy } from '../../lib/outbound/retry-policy.ts'
import type { PlaceRefusal, PlaceRequest } from '../../lib/route/place.ts'
import type { ErrandQuery, ErrandStore, StoredErrand } from '../store/errand-store.ts'
import { StoreError } from '../store/store-error.ts'
import { newUlid } from '../ulid.ts'

/** A call that is to be made for an errand. */
export interface ErrandCall {
  readonly call: CallId
  readonly errand: ErrandId
}

export interface ErrandsOptions {
  readonly node: NodeId
  readonly store: ErrandStore
  /** Begins a call under an id of its errand, or says why not. */
  readonly place: (request: PlaceRequest, as: ErrandCall) => Result<CallRow, PlaceRefusal>
  /** Hangs up a call of this node, where it has not been answered. */
  readonly hangUpUnanswered: (call: CallId) => void
  /** What a tenant has done about those who are not reached; null: nothing. */
  readonly policyOf: (tenant: string) => RetryPolicy | null
  /** Whether this node would begin a call now. */
  readonly isServing: () => boolean
  /** Whether PostgreSQL is known to be away. */
  readonly isAway: () => boolean
  /** Hears what this node has made of an errand: it waits for another call, or is over. */
  readonly onChanged: (stored: StoredErrand) => void
  readonly onError: (error: unknown) => void
  /** How often this node looks for what is due; 1 s. */
  readonly intervalMs?: number
  /** For how long an attempt is a node's to begin; 10 s. */
  readonly leaseMs?: number
}

/** What somebody wants done. */
export interface ErrandWish {
  readonly request: PlaceRequest
  /** Null: without a promise to do it once. */
  readonly key: string | null
  /** Null: as the tenant has it. */
  readonly retry: RetryPolicy | null
}

/** What is done about a wish. */
export interface PlacedErrand {
  readonly stored: StoredErrand
  /** The first row of the call that has just begun; null: it waits, or is another request's. */
  readonly row: CallRow | null
  /** False: an earlier request has wanted the same. */
  readonly isNew: boolean
}

export interface ErrandRefusal {
  /** `key-reused`: that key came with another request before. */
  readonly code: PlaceRefusal['code'] | 'key-reused'
  readonly message: string
}

const INTERVAL_MS = 1_000
const LEASE_MS = 10_000
/** Attempts that a node takes up, and calls whose end it sees to, each time it looks. */
const MAX_BEGUN = 10
const MAX_SETTLED = 100
/** Attempts that a limit or this node's state held up are tried again after 2 to 6 s. */
const HELD_UP_MS = 2_000
const HELD_UP_SPREAD_MS = 4_000
const FORGET_EVERY_MS = 600_000
const CANCEL_TRIES = 5

/**
 * The errands of the fleet, as this node works on them (docs/outbound.md). PostgreSQL is their truth: every node looks for what is due there, and
 * whoever's statement finds an errand as it was read has changed it.
 */
export class Errands {
  readonly #options: ErrandsOptions
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> | null = null
  #forgottenAtMs = Number.NEGATIVE_INFINITY

  constructor(options: ErrandsOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.look(), options.intervalMs ?? INTERVAL_MS).unref()
  }

  /**
   * Does what somebody wants, or tells of the errand that does it already. A refusal leaves nothing behind, and the key free. Rejects with a
   * StoreError where PostgreSQL does not take it: then it cannot be promised.
   */
  async place({ request, key, retry }: ErrandWish, actor: string): Promise<Result<PlacedErrand, ErrandRefusal>> {
    const { store, isAway, policyOf } = this.#options
    if (isAway()) throw new StoreError('postgres-away', 'Postgres: it takes nothing now')
    const claimedAtMs = performance.now()
    const text = canonicalJson({ ...request, retry })
    const policy = retry ?? policyOf(request.tenant) ?? ONE_ATTEMPT
    const wish = { id: errandId(newUlid()), tenant: request.tenant, key, request: text, actor, policy }
    const known = key === null ? null : await store.ofKey(request.tenant, key)
    if (known !== null) return sameOf(known, text)
    const put = await store.insert(wish, this.#leaseMs)
    if (put !== null) return this.#beginFirst(put, claimedAtMs)
    const other = key === null ? null : await store.ofKey(request.tenant, key)
    // It was withdrawn in this very moment: whoever asks again begins anew.
    if (other === null) return err({ code: 'service', message: 'the same request was refused at the same time' })
    return sameOf(other, text)
  }

  read(id: ErrandId): Promise<StoredErrand | null> {
    return this.#options.store.read(id)
  }

  list(query: ErrandQuery): ReturnType<ErrandStore['list']> {
    return this.#options.store.list(query)
  }

  /** No further attempt is made, and a telephone that rings stops; a call that was answered goes on. Null: there is no such errand. */
  async cancel(id: ErrandId, actor: string): Promise<StoredErrand | null> {
    const { store, node, hangUpUnanswered } = this.#options
    for (let tries = 0; tries < CANCEL_TRIES; tries++) {
      const stored = await store.read(id)
      if (stored === null || isOver(stored.errand)) return stored
      const written = await this.#step(stored, { kind: 'cancel', by: actor })
      if (written === null) continue
      const { state } = written.errand
      if (state.kind === 'cancelling' && state.node === node) hangUpUnanswered(state.call)
      return written
    }
    throw new StoreError('postgres-away', 'Postgres: an errand changes faster than it can be cancelled')
  }

  /** Looks for what is due, and does it; waits where that is under way already. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#lookAll()
      .catch(this.#options.onError)
      .finally(() => {
        this.#looking = null
      })
    return this.#looking
  }

  /** Looks no more; resolves when nothing is being done. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #lookAll(): Promise<void> {
    const { store, node, isAway, isServing, hangUpUnanswered } = this.#options
    if (isAway()) return
    for (const call of await store.cancelling(node)) hangUpUnanswered(call)
    for (const { stored, call, outcome } of await store.settled(MAX_SETTLED))
      await this.#step(stored, { kind: 'ended', call, outcome })
    if (isServing()) {
      const claimedAtMs = performance.now()
      for (const stored of await store.claim(MAX_BEGUN, this.#leaseMs)) await this.#beginNext(stored, claimedAtMs)
    }
    if (performance.now() - this.#forgottenAtMs < FORGET_EVERY_MS) return
    this.#forgottenAtMs = performance.now()
    await store.forget()
  }

  /** The first attempt, for a client who waits: what cannot be begun is refused, unless it is known from when on it can. */
  async #beginFirst(put: StoredErrand, claimedAtMs: number): Promise<Result<PlacedErrand, ErrandRefusal>> {
    const { stored, placed } = await this.#begin(put, claimedAtMs)
    if (placed === null) return ok({ stored, row: null, isNew: true })
    if (placed.ok) return ok({ stored, row: placed.value, isNew: true })
    const { notBefore } = placed.error
    if (notBefore !== undefined && notBefore < stored.errand.expiresAt)
      return ok({ stored: await this.#heldUp(stored, placed.error), row: null, isNew: true })
    await this.#options.store.withdraw(stored)
    return placed
  }

  async #beginNext(stored: StoredErrand, claimedAtMs: number): Promise<void> {
    const { stored: begun, placed } = await this.#begin(stored, claimedAtMs)
    if (placed?.ok === false) await this.#heldUp(begun, placed.error)
  }

  /** The attempt that could not be begun waits, where another time may be better. */
  async #heldUp(begun: StoredErrand, { code, message, notBefore }: PlaceRefusal): Promise<StoredErrand> {
    const { state } = begun.errand
    if (state.kind !== 'calling') return begun
    const soon = later(begun.now, HELD_UP_MS + Math.random() * HELD_UP_SPREAD_MS)
    const until = notBefore ?? (code === 'request' ? null : soon)
    return (await this.#step(begun, { kind: 'refused', call: state.call, until, reason: message })) ?? begun
  }

  /** Writes that a telephone may ring from now on, and rings it: nobody who was slower does. `placed` is null where nothing was to be begun. */
  async #begin(
    stored: StoredErrand,
    claimedAtMs: number,
  ): Promise<{ readonly stored: StoredErrand; readonly placed: Result<CallRow, PlaceRefusal> | null }> {
    const { node, place } = this.#options
    const written = await this.#step(stored, { kind: 'begins', node })
    if (written === null) return { stored, placed: null }
    const { errand, request } = written
    if (errand.state.kind !== 'calling') return { stored: written, placed: null }
    // A node that stood still for longer has no right to ring any more.
    const isLate = performance.now() - claimedAtMs > this.#leaseMs
    const placed = isLate ? TOO_LATE : place(requestOf(request), { call: errand.state.call, errand: errand.id })
    return { stored: written, placed }
  }

  /** What an event makes of an errand, once it is written; null where somebody was faster. */
  async #step(stored: StoredErrand, event: ErrandEvent): Promise<StoredErrand | null> {
    const context = { now: stored.now, random: Math.random(), nextCall: callId(newUlid()) }
    const after: Errand = stepErrand(stored.errand, event, context)
    if (after === stored.errand) return stored
    const written = await this.#options.store.write(stored, after)
    if (written !== null && !('node' in written.errand.state)) this.#options.onChanged(written)
    return written
  }

  get #leaseMs(): number {
    return this.#options.leaseMs ?? LEASE_MS
  }
}

const TOO_LATE: Result<CallRow, PlaceRefusal> = err({ code: 'service', message: 'this node stood still for too long' })

const sameOf = (known: StoredErrand, request: string): Result<PlacedErrand, ErrandRefusal> =>
  known.request === request
    ? ok({ stored: known, row: null, isNew: false })
    : err({ code: 'key-reused', message: 'this Idempotency-Key came with another request before' })

/** The request of an errand, as this version or another one has written it. */
function requestOf(text: string): PlaceRequest {
  const { retry: _retry, ...request }: PlaceRequest & Pick<ErrandWish, 'retry'> = JSON.parse(text)
  return request
}
