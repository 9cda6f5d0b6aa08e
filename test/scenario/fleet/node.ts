import { type CallId, callId, type NodeId } from '../../../lib/core/ids.ts'
import { type LeaseInput, type LeaseState, startLease, stepLease } from '../../../lib/fleet/lease.ts'
import { startTakeover, stepTakeover, type TakeoverInput, type TakeoverState } from '../../../lib/fleet/takeover.ts'
import type { EndCause } from '../../../lib/observe/call-record.ts'
import { parks } from '../../../lib/session/session.ts'
import { firstLines, nobodysSession } from './lines.ts'
import { BEAT_MS, LEASE, POLICY, PROBE_MS, SWEEP_MS, TAKEOVER, WRITE_MS } from './settings.ts'
import type { CallLine, Entry, SessionLine, Taken } from './stores.ts'
import type { World } from './world.ts'

/** A call that a node has. */
interface Held {
  row: CallLine
  session: SessionLine
  /** The term in which this node may act. */
  ownerEpoch: number
}

/** One run of a node's process: the real machines, and as little around them as a node can have. It dies with its memory; its disk stays. */
export class NodeRun {
  readonly id: NodeId
  readonly calls = new Map<string, Held>()
  isMuted = false
  readonly #world: World
  readonly #disk: Entry[]
  /** Calls that this run is about to have, or to close. */
  readonly #underWay = new Set<string>()
  /** Calls that the last sweep found to be this node's on record, and nowhere else. */
  #strays: ReadonlySet<string> = new Set()
  readonly #takeovers = new Map<string, TakeoverState>()
  #lease: LeaseState
  #isWriting = false
  #isDead = false
  #stoppedUntilMs = 0

  constructor(world: World, id: NodeId, disk: Entry[]) {
    this.id = id
    this.#world = world
    this.#disk = disk
    this.#lease = startLease(world.clock.nowMs)
    // What the run before had, when all that it wrote has come to Postgres.
    this.#every(BEAT_MS, () => this.#beat())
    this.#every(BEAT_MS, () => this.#read())
    this.#every(500, () => this.#tick())
    this.#every(WRITE_MS, () => this.#write())
    this.#every(SWEEP_MS, () => this.#sweep())
  }

  get isDead(): boolean {
    return this.#isDead
  }

  get isRunning(): boolean {
    return !this.#isDead && this.#world.clock.nowMs >= this.#stoppedUntilMs
  }

  kill(): void {
    this.#isDead = true
  }

  stop(forMs: number): void {
    this.#stoppedUntilMs = Math.max(this.#stoppedUntilMs, this.#world.clock.nowMs + forMs)
  }

  /** A caller comes: the session that he was cut off from goes on, or one begins. */
  invite(id: string, caller: string): void {
    const { row, own } = firstLines(id, this.id, caller)
    this.#underWay.add(id)
    this.#journal({ kind: 'call', row })
    const { postgres } = this.#world
    const answer = (taken: SessionLine | null): void => {
      const session = taken ?? own
      this.#hold({ ...row, revision: 1, session: session.id }, session, 0)
      this.#world.answered(id, this.id)
    }
    const late = (taken: SessionLine | null): void => {
      if (taken !== null)
        this.#ask(
          'postgres',
          () => postgres.putBack(taken),
          () => undefined,
        )
    }
    this.#ask('postgres', () => postgres.takeUp(caller, row.id, this.id), answer, late)
  }

  /** The far end hangs up, or is heard no more. */
  end(id: string, cause: EndCause): void {
    this.#later(0, () => {
      const held = this.calls.get(id)
      if (held === undefined) return
      // Whose call it is must be known first.
      if (this.isMuted) this.#later(500, () => this.end(id, cause))
      else this.#close(held, cause)
    })
  }

  #hold(row: CallLine, session: SessionLine, ownerEpoch: number): void {
    this.#underWay.delete(row.id)
    this.calls.set(row.id, { row, session: { ...session, revision: session.revision + 1 }, ownerEpoch })
    this.#journal({ kind: 'call', row })
    this.#journal({ kind: 'session', row: { ...session, revision: session.revision + 1 } })
  }

  #close({ row, session }: Held, cause: EndCause): void {
    this.calls.delete(row.id)
    const end = { by: 'system', sip: null, cause } as const
    this.#journal({ kind: 'call', row: { ...row, revision: row.revision + 1, state: 'ended', end } })
    const state = parks(session.caller, cause, POLICY) ? 'parked' : 'ended'
    this.#journal({ kind: 'session', row: { ...session, revision: session.revision + 1, state } })
  }

  #journal(entry: Entry): void {
    this.#world.journaled(entry)
    this.#disk.push(entry)
  }

  /** Some of what waits; it may arrive twice, as it leaves the disk only when its arrival is known. */
  #write(): void {
    const batch = this.#disk.slice(0, 20)
    if (this.#isWriting || batch.length === 0) return
    this.#isWriting = true
    const write = (): true => {
      for (const entry of batch) this.#world.postgres.write(entry)
      return true
    }
    this.#ask('postgres', write, (done) => {
      this.#isWriting = false
      if (done !== null) this.#disk.splice(0, batch.length)
    })
  }

  #beat(): void {
    const { clock, shared } = this.#world
    const sentAtMs = clock.nowMs
    const beat = (): true => {
      shared.beat(this.id, clock.nowMs, LEASE.leaseMs)
      return true
    }
    this.#ask('shared', beat, (done) => done !== null && this.#onLease({ kind: 'renewed', sentAtMs }))
  }

  #read(): void {
    const { clock, shared, nodes } = this.#world
    const sentAtMs = clock.nowMs
    const read = (): readonly string[] | null =>
      shared.remembers(this.id) ? nodes.filter((node) => shared.has(node, clock.nowMs)) : null
    this.#ask('shared', read, (there) => {
      for (const node of there ?? []) {
        if (node !== this.id && !this.#takeovers.has(node)) this.#takeovers.set(node, startTakeover(clock.nowMs))
      }
      for (const node of this.#takeovers.keys()) {
        this.#onTakeover(
          node,
          there === null ? { kind: 'broken' } : { kind: 'read', sentAtMs, isThere: there.includes(node) },
        )
      }
    })
  }

  #tick(): void {
    this.#onLease({ kind: 'tick' })
    for (const node of this.#takeovers.keys()) this.#onTakeover(node, { kind: 'tick' })
  }

  #onLease(input: LeaseInput): void {
    const config = { ...LEASE, isAlone: false }
    const { state, effects } = stepLease(this.#lease, input, this.#world.clock.nowMs, config)
    this.#lease = state
    for (const effect of effects) {
      if (effect.kind === 'mute') this.isMuted = true
      else if (effect.kind === 'unmute') this.isMuted = false
      else if (effect.kind === 'fence') for (const id of effect.calls) this.calls.delete(id)
      else this.#verify(effect.round)
    }
  }

  #verify(round: number): void {
    const held = new Map([...this.calls].map(([id, { ownerEpoch }]) => [id, ownerEpoch]))
    this.#ask(
      'postgres',
      () => this.#world.postgres.verify(this.id, held),
      (mine) => {
        if (mine === null) return this.#onLease({ kind: 'unverified', round })
        const lost: CallId[] = []
        for (const id of held.keys()) {
          const call = this.calls.get(id)
          const ownerEpoch = mine.get(id)
          if (ownerEpoch === undefined) lost.push(callId(id))
          else if (call !== undefined) call.ownerEpoch = ownerEpoch
        }
        this.#onLease({ kind: 'verified', round, lost })
      },
    )
  }

  readonly #noted = new Map<string, ReturnType<World['postgres']['note']>>()

  #onTakeover(node: string, input: TakeoverInput): void {
    const before = this.#takeovers.get(node)
    if (before === undefined) return
    const { clock, postgres, net } = this.#world
    const { state, effects } = stepTakeover(before, input, clock.nowMs, TAKEOVER)
    this.#takeovers.set(node, state)
    for (const effect of effects) {
      if (effect === 'note') {
        this.#ask(
          'postgres',
          () => postgres.note(node),
          (noted) => {
            if (noted !== null) this.#noted.set(node, noted)
            this.#onTakeover(node, { kind: noted === null ? 'unnoted' : 'noted' })
          },
        )
      } else if (effect === 'take') this.#take(node)
      else {
        const sentAtMs = clock.nowMs
        const answered = net.isOpen(this.id, 'sip') && net.isOpen(node, 'sip') && this.#world.isRunning(node)
        this.#later(answered ? 20 : PROBE_MS, () => this.#onTakeover(node, { kind: 'probed', sentAtMs, answered }))
      }
    }
  }

  #take(node: string): void {
    const noted = this.#noted.get(node) ?? []
    const { postgres, clock } = this.#world
    const askedAtMs = clock.nowMs
    const take = () => noted.flatMap(({ id, ownerEpoch }) => postgres.take(id, ownerEpoch, this.id) ?? [])
    this.#ask('postgres', take, (taken) => {
      for (const call of taken ?? []) this.#settle(call, askedAtMs)
      this.#onTakeover(node, { kind: taken === null ? 'untaken' : 'taken' })
    })
  }

  /** What was asked long ago, or in doubt, is asked again: the call may have been taken from us in turn. */
  #settle(taken: Taken, askedAtMs: number): void {
    const { postgres, clock } = this.#world
    const { id } = taken.row
    this.#underWay.add(id)
    if (!this.isMuted && clock.nowMs - askedAtMs < LEASE.leaseMs / 2) return this.#move(taken)
    this.#later(250, () => {
      const againAtMs = clock.nowMs
      const owns = () => postgres.calls.get(id)?.ownerEpoch === taken.epoch
      this.#ask('postgres', owns, (isOurs) => {
        if (isOurs === true) this.#settle(taken, againAtMs)
        else this.#underWay.delete(id)
      })
    })
  }

  /** On the line from now on, and watched over: the far end goes on with this node, or the record is closed and the session waits for it. */
  #move(taken: Taken): void {
    const { row, epoch } = taken
    const nobodys: SessionLine = { ...nobodysSession, callId: row.id, node: this.id, epoch }
    const moving = { ...row, revision: row.revision + 1, epoch, node: this.id }
    this.calls.set(row.id, { row: moving, session: nobodys, ownerEpoch: epoch })
    const tell = (): void => {
      const held = this.calls.get(row.id)
      if (held === undefined) return void this.#underWay.delete(row.id)
      if (this.isMuted) return this.#later(250, tell)
      if (!this.#world.moves(row.id, this.id)) {
        this.calls.delete(row.id)
        return this.#closeDead(taken)
      }
      const { postgres } = this.#world
      this.#ask(
        'postgres',
        () => postgres.takeOverSession(row.session, row.id, epoch, this.id),
        (session) => {
          const ownerEpoch = this.calls.get(row.id)?.ownerEpoch
          if (ownerEpoch !== undefined) this.#hold(moving, session ?? nobodys, ownerEpoch)
        },
      )
    }
    this.#later(this.#world.clock.draw(50, 1_500), tell)
  }

  /** In the term of the owner before: an end that is in its journal takes the place of this one. */
  #closeDead({ row, epoch, termBefore }: Taken): void {
    this.#ask(
      'postgres',
      () => this.#world.postgres.park(row.session, row.id, epoch),
      () => {
        const end = { by: 'system', sip: null, cause: 'node-lost' } as const
        const revision = row.revision + 1
        const closed: CallLine = { ...row, epoch: termBefore, revision, state: 'ended', end }
        this.#journal({ kind: 'call', row: closed, claim: epoch })
        this.#underWay.delete(row.id)
      },
    )
  }

  /** Calls that are this node's on record, and that it does not have, twice in a row: of a run before, or taken when the answer was lost. */
  #sweep(): void {
    if (this.#disk.length > 0) return
    const { postgres } = this.#world
    this.#ask(
      'postgres',
      () => postgres.endStrays(),
      () => undefined,
    )
    this.#ask(
      'postgres',
      () => postgres.note(this.id),
      (noted) => {
        const strays = (noted ?? []).filter(({ id }) => !this.calls.has(id) && !this.#underWay.has(id))
        const again = strays.filter(({ id }) => this.#strays.has(id))
        this.#strays = new Set(strays.map(({ id }) => id))
        if (again.length === 0) return
        const take = () => again.flatMap(({ id, ownerEpoch }) => postgres.take(id, ownerEpoch, this.id) ?? [])
        this.#ask('postgres', take, (taken) => {
          for (const call of taken ?? []) {
            this.#underWay.add(call.row.id)
            this.#closeDead(call)
          }
        })
      },
    )
  }

  #ask<T>(
    place: 'postgres' | 'shared',
    question: () => T,
    answer: (word: T | null) => void,
    late?: (word: T) => void,
  ): void {
    const soon =
      <W>(hear: (word: W) => void) =>
      (word: W): void =>
        this.#later(0, () => hear(word))
    this.#world.net.ask(this.id, place, question, soon(answer), late === undefined ? undefined : soon(late))
  }

  #every(ms: number, work: () => void): void {
    const again = (): void => {
      work()
      this.#later(ms, again)
    }
    this.#later(this.#world.clock.draw(0, ms), again)
  }

  /** What is due while the process is stopped is done when it goes on; nothing is done by the dead. */
  #later(ms: number, work: () => void): void {
    const { clock } = this.#world
    clock.after(ms, () => {
      if (this.#isDead) return
      if (clock.nowMs < this.#stoppedUntilMs) this.#later(this.#stoppedUntilMs - clock.nowMs, work)
      else work()
    })
  }
}
