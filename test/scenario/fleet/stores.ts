import { type CallRow, supersedesRow } from '../../../lib/observe/call-record.ts'
import { REVISIONS_A_TERM, type SessionRow } from '../../../lib/session/record.ts'

/** What a call's record is made of, as far as it is about who owns it. */
export type CallLine = Pick<CallRow, 'id' | 'revision' | 'epoch' | 'node' | 'state' | 'end'> & {
  readonly session: string
}

export type SessionLine = Pick<
  SessionRow,
  'id' | 'revision' | 'epoch' | 'tenant' | 'caller' | 'state' | 'callId' | 'node'
>

/** One entry of a journal. */
export type Entry =
  | { readonly kind: 'call'; readonly row: CallLine; readonly claim?: number }
  | { readonly kind: 'session'; readonly row: SessionLine }

/** A call as it was taken: in which term it is from now on, and in which it was. */
export interface Taken {
  readonly row: CallLine
  readonly epoch: number
  readonly termBefore: number
}

interface Owned {
  readonly row: CallLine
  /** Who may act for the call, the term of its rows, and what tells one claim from the next. */
  readonly owner: string
  readonly ownerTerm: number
  readonly ownerEpoch: number
}

/** What the statements in app/store/sql do, exactly: each is one step that no other one comes between. */
export class PostgresModel {
  readonly calls = new Map<string, Owned>()
  readonly sessions = new Map<string, SessionLine>()
  /** For each parking of a session, by the term in which it was parked, the terms in which it was given to a call, and not put back. */
  readonly takenUp = new Map<string, number[]>()
  #epochs = 0

  write(entry: Entry): void {
    if (entry.kind === 'session') return this.#writeSession(entry.row)
    const { row, claim } = entry
    const stored = this.calls.get(row.id)
    if (stored === undefined) this.calls.set(row.id, { row, owner: row.node, ownerTerm: 0, ownerEpoch: 0 })
    else if (this.stands(claim, stored.ownerTerm) && this.supersedes(row, stored.row))
      this.calls.set(row.id, { ...stored, row })
  }

  /** Replaced where a test shows what the order is for. */
  supersedes(row: CallLine, stored: CallLine): boolean {
    return supersedesRow(row, stored)
  }

  /** Whether nobody has claimed a call since somebody did who closes its record. */
  stands(claim: number | undefined, ownerTerm: number): boolean {
    return claim === undefined || claim === ownerTerm
  }

  /** The calls that a node has, each with the term of its owner. */
  note(node: string): readonly { readonly id: string; readonly ownerEpoch: number }[] {
    return [...this.calls.values()]
      .filter(({ owner, row }) => owner === node && row.state !== 'ended')
      .map(({ row, ownerEpoch }) => ({ id: row.id, ownerEpoch }))
  }

  /** Gives a call to a node, in a term of its own, where the term of its owner is as it was noted. */
  take(id: string, noted: number, node: string): Taken | null {
    const stored = this.calls.get(id)
    if (stored === undefined || stored.ownerEpoch !== noted || stored.row.state === 'ended') return null
    const epoch = ++this.#epochs
    this.calls.set(id, { ...stored, owner: node, ownerTerm: epoch, ownerEpoch: epoch })
    return { row: stored.row, epoch, termBefore: stored.ownerTerm }
  }

  /** A node's live calls, each in a term of its own from now on; the others are another node's. */
  verify(node: string, held: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    const mine = new Map<string, number>()
    for (const [id, ownerEpoch] of held) {
      const stored = this.calls.get(id)
      // Not on record yet: nobody can have taken what nobody knows.
      if (stored === undefined) mine.set(id, ownerEpoch)
      else if (stored.owner === node) {
        const epoch = ++this.#epochs
        this.calls.set(id, { ...stored, ownerEpoch: epoch })
        mine.set(id, epoch)
      }
    }
    return mine
  }

  takeUp(caller: string, callId: SessionLine['callId'], node: SessionLine['node']): SessionLine | null {
    const row = [...this.sessions.values()].find((one) => one.caller === caller && one.state === 'parked')
    if (row === undefined) return null
    const parking = `session ${row.id}, parked in term ${row.epoch} by revision ${row.revision},`
    const epoch = ++this.#epochs
    this.takenUp.set(parking, [...(this.takenUp.get(parking) ?? []), epoch])
    return this.#put({ ...row, epoch, revision: nextTerm(row), state: 'live', callId, node })
  }

  /** A session that was taken up for a call that does not come to it waits for the next one. */
  putBack({ id, epoch }: SessionLine): void {
    const row = this.sessions.get(id)
    for (const [parking, terms] of this.takenUp)
      this.takenUp.set(
        parking,
        terms.filter((term) => term !== epoch),
      )
    if (row?.state === 'live' && row.epoch === epoch) this.#put({ ...row, revision: row.revision + 1, state: 'parked' })
  }

  /** Ends sessions that are live on a call that is over, or is in another session: nobody has them any more. */
  endStrays(): void {
    for (const row of this.sessions.values()) {
      const call = this.calls.get(row.callId)?.row
      const isStray = call !== undefined && (call.state === 'ended' || call.session !== row.id)
      if (row.state === 'live' && isStray) this.#put({ ...row, revision: row.revision + 1, state: 'ended' })
    }
  }

  takeOverSession(id: string, callId: string, epoch: number, node: SessionLine['node']): SessionLine | null {
    const row = this.#liveSession(id, callId, epoch)
    return row === null ? null : this.#put({ ...row, epoch, revision: nextTerm(row), node })
  }

  park(id: string, callId: string, epoch: number): void {
    const row = this.#liveSession(id, callId, epoch)
    if (row !== null) this.#put({ ...row, epoch, revision: nextTerm(row), state: 'parked' })
  }

  #liveSession(id: string, callId: string, epoch: number): SessionLine | null {
    const row = this.sessions.get(id)
    return row?.state === 'live' && row.callId === callId && row.epoch < epoch ? row : null
  }

  #writeSession(row: SessionLine): void {
    const stored = this.sessions.get(row.id)
    const isLater =
      stored === undefined || stored.epoch < row.epoch || (stored.epoch === row.epoch && stored.revision < row.revision)
    if (isLater) this.#put(row)
  }

  #put(row: SessionLine): SessionLine {
    this.sessions.set(row.id, row)
    return row
  }
}

const nextTerm = ({ revision }: SessionLine): number => (Math.floor(revision / REVISIONS_A_TERM) + 1) * REVISIONS_A_TERM

/** Heartbeats with an end; all of it may be lost at any moment. */
export class SharedModel {
  readonly #ends = new Map<string, number>()
  readonly #known = new Set<string>()

  beat(node: string, nowMs: number, ttlMs: number): void {
    this.#ends.set(node, nowMs + ttlMs)
  }

  has(node: string, nowMs: number): boolean {
    return (this.#ends.get(node) ?? 0) > nowMs
  }

  /** Whether it has known the reader for longer than this question; what it has forgotten says nothing about the others. */
  remembers(node: string): boolean {
    const known = this.#known.has(node)
    this.#known.add(node)
    return known
  }

  flush(): void {
    this.#ends.clear()
    this.#known.clear()
  }
}
