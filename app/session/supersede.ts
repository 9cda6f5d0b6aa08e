import type { NodeId, SessionId } from '../../lib/core/ids.ts'
import { sessionId } from '../../lib/core/ids.ts'
import { inTime } from '../deadline.ts'
import type { SharedState, Unsubscribe } from '../fleet/shared-state.ts'
import { newUlid } from '../ulid.ts'

export interface SupersedeParts {
  readonly self: NodeId
  readonly shared: Pick<SharedState, 'publish' | 'subscribe'>
  /** Ends the leg of a live session where it has gone silent; resolves, when PostgreSQL has it parked, with whether it has. */
  readonly giveWay: (session: SessionId) => Promise<boolean>
  readonly onError: (error: unknown) => void
}

/** How long another node may take to end a silent leg and to have that on record. */
const ANSWER_MS = 750
/** Questions of this node that wait for an answer; more are not asked. */
const MAX_ASKED = 1_000

type Ring =
  | { readonly kind: 'ask'; readonly ask: string; readonly from: string; readonly session: string }
  | { readonly kind: 'answer'; readonly ask: string; readonly gaveWay: boolean }

/** Asks the node that a live session is on whether its leg has gone silent, and thus gives way to a new call of the same caller. */
export class Supersede {
  readonly #parts: SupersedeParts
  readonly #asked = new Map<string, (gaveWay: boolean) => void>()
  #stop: Unsubscribe | null = null

  constructor(parts: SupersedeParts) {
    this.#parts = parts
  }

  /** Hears what other nodes ask; rejects where the shared state is away, and may be called again. */
  async start(): Promise<void> {
    const { self, shared } = this.#parts
    this.#stop = await shared.subscribe(channelOf(self), (ring) => this.#onRing(ringOf(ring)))
  }

  /** Whether the session was let go. Never rejects. */
  async ask(node: NodeId, session: SessionId): Promise<boolean> {
    const { self, onError } = this.#parts
    try {
      if (node === self)
        return await inTime(this.#parts.giveWay(session), ANSWER_MS, 'the silent leg is slow to end', ignore)
      return this.#asked.size < MAX_ASKED && (await this.#askNode(node, session))
    } catch (error) {
      onError(error)
      return false
    }
  }

  async close(): Promise<void> {
    await this.#stop?.()
  }

  async #askNode(node: NodeId, session: SessionId): Promise<boolean> {
    const { self, shared } = this.#parts
    const ask = newUlid()
    const answered = new Promise<boolean>((resolve) => this.#asked.set(ask, resolve))
    try {
      const ring: Ring = { kind: 'ask', ask, from: self, session }
      await inTime(shared.publish(channelOf(node), ring), ANSWER_MS, 'the shared state is slow', ignore)
      return await inTime(answered, ANSWER_MS, `node ${node} does not say whether its leg is silent`, ignore)
    } finally {
      this.#asked.delete(ask)
    }
  }

  #onRing(ring: Ring | null): void {
    if (ring?.kind === 'answer') return this.#asked.get(ring.ask)?.(ring.gaveWay)
    if (ring?.kind === 'ask') void this.#answer(ring).catch((error: unknown) => this.#parts.onError(error))
  }

  async #answer({ ask, from, session }: Extract<Ring, { kind: 'ask' }>): Promise<void> {
    const answer: Ring = { kind: 'answer', ask, gaveWay: await this.#parts.giveWay(sessionId(session)) }
    await this.#parts.shared.publish(channelOf(from), answer)
  }
}

const channelOf = (node: string): string => `session:${node}`
const ignore = (): void => undefined

/** Null where it is none: other versions ring here too. */
function ringOf(value: unknown): Ring | null {
  if (typeof value !== 'object' || value === null) return null
  const { kind, ask, from, session, gaveWay } = value as Partial<Record<string, unknown>>
  if (typeof ask !== 'string') return null
  if (kind === 'answer' && typeof gaveWay === 'boolean') return { kind, ask, gaveWay }
  if (kind === 'ask' && typeof from === 'string' && typeof session === 'string') return { kind, ask, from, session }
  return null
}
