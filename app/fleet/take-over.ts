import { setTimeout as delay } from 'node:timers/promises'
import { LIVE_CALL_PREFIX, type LiveCall, readLiveCall } from '../../lib/call/live-call.ts'
import type { CallId, NodeId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import { parkedEvent } from '../../lib/session/parked-event.ts'
import type { Sessions } from '../session/sessions.ts'
import type { CallOwners, OpenCall } from '../store/call-owners.ts'
import { closeDead } from '../store/orphans.ts'
import type { Journal } from '../store/port.ts'
import { Turns } from '../turns.ts'
import { type NodeEntry, readGoodbye } from './node-registry.ts'
import type { SharedState } from './shared-state.ts'

/**
 * Goes on with a call of a dead node: `entry` is what that node shared of it; `row` is its record, in this node's name and in the term that it
 * has of the call. `refused`: it cannot be gone on with. Never rejects.
 */
export type Move = (entry: LiveCall, row: CallRow) => Promise<'moved' | 'refused'>

export interface TakeOverOptions {
  readonly self: NodeId
  readonly owners: Pick<CallOwners, 'record' | 'open' | 'claim' | 'owns'>
  readonly leaseMs: number
  /** Whether this node is sure that it has not been taken for dead itself. */
  readonly isHeld: () => boolean
  readonly shared: Pick<SharedState, 'get' | 'list'>
  readonly journal: Pick<Journal, 'call'>
  readonly sessions: Pick<Sessions, 'parkDead'>
  readonly move: Move
  readonly emit: EmitEvent
  readonly onError: (error: unknown) => void
}

/** The calls of a node as they stood when it had gone silent, and what it shared of those that were up. */
export interface Notes {
  readonly calls: readonly OpenCall[]
  readonly entries: ReadonlyMap<CallId, LiveCall>
}

/** Calls that are moved or closed at a time: each asks PostgreSQL, and opens a session with an agent, while calls go on here. */
const AT_A_TIME = 32
/** How often it is looked whether a doubt is over. */
const DOUBT_MS = 250

/** Takes the calls of a dead node over: goes on with those that it can, and closes the others, their sessions parked. */
export class TakeOver {
  readonly #options: TakeOverOptions
  readonly #turns = new Turns(AT_A_TIME)
  readonly #underWay = new Map<CallId, Promise<void>>()

  constructor(options: TakeOverOptions) {
    this.#options = options
  }

  /** What a node has; null: it went on purpose. Rejects where one of the stores does not answer. */
  async note(node: NodeEntry): Promise<Notes | null> {
    const { shared, owners } = this.#options
    if (await readGoodbye(shared, node)) return null
    const entries = new Map<CallId, LiveCall>()
    for (const value of (await shared.list(LIVE_CALL_PREFIX)).values()) {
      const read = readLiveCall(value)
      if (read.ok && isOf(node.id, read.value.row.node)) entries.set(read.value.row.id, read.value)
    }
    // The node may have died with records that had not got beyond its disk.
    await owners.record([...entries.values()].map(({ row }) => row))
    return { calls: await owners.open(node.id, true), entries }
  }

  /** Resolves when this node has what it could get; what becomes of it takes its time. Rejects where PostgreSQL is away. */
  async take({ calls, entries }: Notes): Promise<void> {
    const claimedAtMs = performance.now()
    for (const call of await this.#options.owners.claim(calls, this.#options.self)) {
      const work = this.#turns
        .run(() => this.#settle(call, claimedAtMs, entries.get(call.row.id) ?? null))
        .catch((error: unknown) => this.#options.onError(error))
        .finally(() => this.#underWay.delete(call.row.id))
      this.#underWay.set(call.row.id, work)
    }
  }

  /** Whether a call is being taken over. */
  has(call: CallId): boolean {
    return this.#underWay.has(call)
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }

  async #settle(call: OpenCall, claimedAtMs: number, entry: LiveCall | null): Promise<void> {
    const { self, move, journal, emit } = this.#options
    if (!(await this.#isStillOurs(call, claimedAtMs))) return
    const row = { ...call.row, node: self, epoch: call.ownerEpoch }
    if (entry !== null && (await move(entry, row)) === 'moved') return
    closeDead({ journal, emit }, call)
    await parkLost(this.#options, call)
  }

  /**
   * Whether nobody has taken the call from us in turn: this process may have stood still since it asked, or the call has waited for its
   * turn. An answer is believed for half a lease, in which nobody can have proved us dead; from the move on the lease watches over the call.
   */
  async #isStillOurs(call: OpenCall, claimedAtMs: number): Promise<boolean> {
    const { owners, leaseMs, isHeld } = this.#options
    for (let askedAtMs = claimedAtMs; ; ) {
      const isInDoubt = !isHeld()
      if (!isInDoubt && performance.now() - askedAtMs < leaseMs / 2) return true
      if (isInDoubt) await delay(DOUBT_MS)
      askedAtMs = performance.now()
      if (!(await owners.owns(call))) return false
    }
  }
}

/** Parks the session of a call that was closed as its node was gone. */
export async function parkLost(
  { sessions, emit }: Pick<TakeOverOptions, 'sessions' | 'emit'>,
  { row, ownerEpoch, lastAt }: OpenCall,
): Promise<void> {
  const parked = await sessions.parkDead(
    { session: row.session.id, call: row.id, epoch: ownerEpoch },
    'node-lost',
    lastAt,
  )
  if (parked?.state !== 'parked') return
  const trunk = row.trunk === null ? {} : { trunk: row.trunk }
  emit({ call: row.id, tenant: parked.tenant, ...trunk, ...parkedEvent(parked) })
}

/** Whether a call is a node's, or one of its further processes' (`east-1.w2`). */
const isOf = (node: NodeId, owner: NodeId): boolean =>
  owner === node || (owner.startsWith(`${node}.w`) && /^\d+$/.test(owner.slice(node.length + 2)))
