import { type LiveCall, liveCallKey } from '../../lib/call/live-call.ts'
import type { CallId } from '../../lib/core/ids.ts'
import type { SharedState } from './shared-state.ts'

export interface LiveCallsOptions {
  readonly shared: Pick<SharedState, 'put' | 'delete' | 'onState'>
  /** An entry that nobody refreshes is gone after this. */
  readonly ttlMs?: number
  /** Each entry is put anew this often. */
  readonly refreshMs?: number
  /** Once an entry, at most: what became of it is the next refresh's to say. */
  readonly onError: (error: unknown) => void
}

/** Long enough for a survivor to be sure that the owner is dead, and to get to the last of its calls. */
const TTL_MS = 60_000
const REFRESH_MS = 20_000
/** Operations under way at a time: a slow carrier is not flooded. */
const MAX_UNDER_WAY = 16

/** The owner's hold on one entry. */
export interface LiveCallEntry {
  /** What the entry says has changed. */
  changed(): void
  /** The call is over: the entry goes. */
  end(): void
  /** The call is another node's now, and so is the entry: it stays as it is. */
  leave(): void
}

interface Kept {
  readonly id: CallId
  /** What the entry says now; null: nothing that another node could use. */
  readonly read: () => LiveCall | null
  state: 'kept' | 'ended' | 'left'
  /** Something is in the shared state, or was on its way there. */
  isPut: boolean
  isQueued: boolean
  isUnderWay: boolean
}

/**
 * Keeps the entries of this node's calls in the shared state: what another node needs to go on with them. Calls never wait for it, and a carrier
 * that is slow or away costs nothing but the entries: all are put again when it is back.
 */
export class LiveCalls {
  readonly #options: LiveCallsOptions
  readonly #kept = new Map<CallId, Kept>()
  readonly #queue: Kept[] = []
  readonly #timer: NodeJS.Timeout
  readonly #stop: () => void
  #underWay = 0
  #isUp = true
  #whenIdle: (() => void) | null = null

  constructor(options: LiveCallsOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#putAll(), options.refreshMs ?? REFRESH_MS).unref()
    this.#stop = options.shared.onState(({ state }) => {
      this.#isUp = state === 'up'
      if (this.#isUp) this.#putAll()
    })
  }

  /** Calls that are kept. */
  get size(): number {
    return this.#kept.size
  }

  /** Puts an entry now, and keeps it until it is given up. `read` is asked at each change and refresh. */
  keep(id: CallId, read: () => LiveCall | null): LiveCallEntry {
    const kept: Kept = { id, read, state: 'kept', isPut: false, isQueued: false, isUnderWay: false }
    this.#kept.set(id, kept)
    this.#enqueue(kept)
    return {
      changed: () => {
        if (kept.state === 'kept') this.#enqueue(kept)
      },
      end: () => this.#giveUp(kept, 'ended'),
      leave: () => this.#giveUp(kept, 'left'),
    }
  }

  /** Resolves when what was asked for is done, or has failed. Entries that are still kept stay until their time is over. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop()
    if (this.#underWay === 0 && this.#queue.length === 0) return
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve
    })
  }

  #giveUp(kept: Kept, state: 'ended' | 'left'): void {
    if (kept.state !== 'kept') return
    kept.state = state
    if (this.#kept.get(kept.id) === kept) this.#kept.delete(kept.id)
    if (state === 'ended') this.#enqueue(kept)
  }

  #putAll(): void {
    for (const kept of this.#kept.values()) this.#enqueue(kept)
  }

  #enqueue(kept: Kept): void {
    if (!kept.isQueued) this.#queue.push(kept)
    kept.isQueued = true
    this.#pump()
  }

  #pump(): void {
    while (this.#underWay < MAX_UNDER_WAY) {
      const at = this.#queue.findIndex(({ isUnderWay }) => !isUnderWay)
      const [kept] = at < 0 ? [] : this.#queue.splice(at, 1)
      if (kept === undefined) break
      kept.isQueued = false
      kept.isUnderWay = true
      this.#underWay += 1
      void this.#perform(kept).finally(() => {
        kept.isUnderWay = false
        this.#underWay -= 1
        this.#pump()
      })
    }
    if (this.#underWay > 0 || this.#queue.length > 0) return
    this.#whenIdle?.()
    this.#whenIdle = null
  }

  /** One operation an entry at a time, so that a put never overtakes the deletion. */
  async #perform(kept: Kept): Promise<void> {
    // While the carrier is away nothing is tried: what is kept is put when it is back, what has ended goes by its end.
    if (!this.#isUp || kept.state === 'left') return
    const { shared, ttlMs = TTL_MS, onError } = this.#options
    const key = liveCallKey(kept.id)
    const entry = kept.state === 'kept' ? kept.read() : null
    try {
      if (entry !== null) {
        kept.isPut = true
        await shared.put(key, entry, ttlMs)
      } else if (kept.isPut) {
        await shared.delete(key)
        kept.isPut = false
      }
    } catch (error) {
      onError(error)
    }
  }
}
