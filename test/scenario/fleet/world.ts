import { nodeId } from '../../../lib/core/ids.ts'
import { Clock } from './clock.ts'
import { Net, type Place } from './net.ts'
import { NodeRun } from './node.ts'
import { type Entry, PostgresModel, SharedModel } from './stores.ts'

const NAMES = ['a', 'b', 'c'] as const
/** How long faults go on, and then how long everything is well. */
const STORM_MS = 30_000
const CALM_MS = 45_000
/** From when on everybody has hung up. */
const LAST_MS = 20_000
/** How long a leg may be silent. */
const SILENCE_MS = 5_000
const LOOK_MS = 500
/** From the moment that a node has all of its ways back, or a term of a call begins, to that from which it must know. */
const GRACE_MS = 6_000

/** What goes wrong at most at one time. */
const MOST_FAULTS = 2

interface CallFact {
  readonly id: string
  readonly caller: string
  /** Where the far end's dialog is; null: it has hung up. */
  at: string | null
}

/** A fleet, its callers, and what befalls them, all by one seed. */
export class World {
  readonly clock: Clock
  readonly net: Net
  readonly postgres: PostgresModel
  readonly shared = new SharedModel()
  readonly nodes: readonly string[]
  readonly faults: string[] = []
  readonly violations: string[] = []
  readonly #disks = new Map<string, Entry[]>()
  readonly #runs = new Map<string, NodeRun>()
  readonly #calls = new Map<string, CallFact>()
  /** When a node was last stopped, killed or cut off. */
  readonly #disturbedMs = new Map<string, number>()
  /** When a call's term of ownership was last seen to change. */
  readonly #terms = new Map<string, { readonly epoch: number; readonly atMs: number }>()
  /** Of each call the latest term that anybody journaled, and that in which a real end was. */
  readonly #written = new Map<string, { readonly epoch: number; readonly heardIn: number | null }>()
  /** Calls that have ended on record. */
  readonly #ended = new Set<string>()
  readonly #sessionTerms = new Map<string, number>()
  #serial = 0
  #faultsNow = 0

  constructor(seed: number, postgres: PostgresModel = new PostgresModel()) {
    this.clock = new Clock(seed)
    this.net = new Net(this.clock)
    this.postgres = postgres
    this.nodes = NAMES.slice(0, this.clock.draw(2, NAMES.length))
    for (const node of this.nodes) this.#start(node)
  }

  /** What was wrong; empty: nothing. */
  run(): readonly string[] {
    this.#everyUntil(STORM_MS, 1_500, () => this.#call())
    this.#everyUntil(STORM_MS, 2_000, () => this.#leave())
    if (this.clock.chance(0.9)) this.#everyUntil(STORM_MS, 4_000, () => this.#fault())
    for (let atMs = LOOK_MS; atMs < STORM_MS + CALM_MS; atMs += LOOK_MS) {
      this.clock.runTo(atMs)
      this.#look()
      if (atMs === STORM_MS + CALM_MS - LAST_MS) this.#allEnd()
    }
    this.#judge()
    return this.violations
  }

  /** Everybody hangs up, so that all has an end. */
  #allEnd(): void {
    this.net.isSlow = false
    for (const call of this.#calls.values()) this.#hangUp(call, 'normal')
  }

  isRunning(node: string): boolean {
    return this.#runs.get(node)?.isRunning === true
  }

  /** A node has answered the call. */
  answered(id: string, node: string): void {
    const call = this.#calls.get(id)
    if (call !== undefined) call.at = node
  }

  /** Whether the far end goes on with another node, which offers it a dialog that it knows. */
  moves(id: string, node: string): boolean {
    const call = this.#calls.get(id)
    if (call === undefined || call.at === null || this.clock.chance(0.4)) return false
    call.at = node
    return true
  }

  #start(node: string): void {
    const disk = this.#disks.get(node) ?? []
    this.#disks.set(node, disk)
    this.#runs.set(node, new NodeRun(this, nodeId(node), disk))
  }

  #everyUntil(endMs: number, meanMs: number, work: () => void): void {
    const { clock } = this
    clock.after(clock.draw(1, 2 * meanMs), () => {
      if (clock.nowMs >= endMs) return
      work()
      this.#everyUntil(endMs, meanMs, work)
    })
  }

  #call(): void {
    const { clock } = this
    const node = clock.pick(this.nodes.filter((one) => this.isRunning(one) && this.net.isOpen(one, 'sip')))
    if (node === undefined) return
    const caller = `+1202555010${clock.draw(0, 4)}`
    // One telephone makes one call at a time.
    if ([...this.#calls.values()].some((call) => call.caller === caller && call.at !== null)) return
    const id = `call-${++this.#serial}`
    this.#calls.set(id, { id, caller, at: null })
    this.#runs.get(node)?.invite(id, caller)
  }

  #leave(): void {
    const call = this.clock.pick([...this.#calls.values()].filter(({ at }) => at !== null))
    if (call !== undefined) this.#hangUp(call, this.clock.chance(0.5) ? 'normal' : 'media-timeout')
  }

  #hangUp(call: CallFact, cause: 'normal' | 'media-timeout'): void {
    const node = call.at
    call.at = null
    if (node !== null && this.net.isOpen(node, 'sip')) this.#runs.get(node)?.end(call.id, cause)
    // Whoever has the call and has not heard it hears no audio.
    this.clock.after(SILENCE_MS, () => {
      for (const run of this.#runs.values()) run.end(call.id, 'media-timeout')
    })
  }

  #fault(): void {
    const { clock, net } = this
    const node = clock.pick(this.nodes)
    if (node === undefined || this.#faultsNow >= MOST_FAULTS) return
    const forMs = clock.draw(500, 14_000)
    const until = (end: () => void): void => {
      this.#faultsNow++
      this.#disturbedMs.set(node, clock.nowMs + forMs)
      clock.after(forMs, () => {
        this.#faultsNow--
        this.#disturbedMs.set(node, clock.nowMs)
        end()
      })
    }
    const what = clock.pick(['kill', 'stop', 'cut', 'cut', 'flush'] as const)
    this.faults.push(`${clock.nowMs} ${what} ${node} ${forMs}`)
    if (what === 'flush') return this.shared.flush()
    if (what === 'stop') {
      this.#runs.get(node)?.stop(forMs)
      return until(() => undefined)
    }
    if (what === 'kill') {
      if (this.#runs.get(node)?.isDead === true) return
      this.#runs.get(node)?.kill()
      return until(() => this.#start(node))
    }
    const places = (['postgres', 'shared', 'sip'] as const).filter(() => clock.chance(0.6)) satisfies readonly Place[]
    for (const place of places) net.cut(node, place)
    until(() => {
      for (const place of places) net.heal(node, place)
    })
  }

  /** What has ended stays so. Whoever acts for a call in an older term than that on record must not have had time to find out. */
  #look(): void {
    const { clock, net, postgres } = this
    for (const [id, { row, ownerEpoch }] of postgres.calls) {
      if (row.state === 'ended') this.#ended.add(id)
      else if (this.#ended.has(id)) this.#violate(`${id} had ended, and is ${row.state} again`)
      if (this.#terms.get(id)?.epoch !== ownerEpoch) this.#terms.set(id, { epoch: ownerEpoch, atMs: clock.nowMs })
    }
    for (const run of this.#runs.values()) {
      const isBusy = !run.isRunning || run.isMuted || !net.isWhole(run.id, GRACE_MS)
      if (isBusy || clock.nowMs - (this.#disturbedMs.get(run.id) ?? -GRACE_MS) < GRACE_MS) continue
      for (const [id, { ownerEpoch }] of run.calls) {
        const term = this.#terms.get(id)
        if (
          term === undefined ||
          postgres.calls.get(id)?.owner === run.id ||
          term.epoch <= ownerEpoch ||
          clock.nowMs - term.atMs < GRACE_MS
        )
          continue
        this.#violate(`${run.id} acts for ${id} in term ${ownerEpoch}, which is another's in term ${term.epoch}`)
      }
    }
  }

  #judge(): void {
    const { calls, sessions, takenUp } = this.postgres
    for (const [node, disk] of this.#disks)
      if (disk.length > 0) this.#violate(`the journal of ${node} holds ${disk.length}`)
    for (const run of this.#runs.values()) {
      if (run.calls.size > 0) this.#violate(`${run.id} has ${[...run.calls.keys()].join()} yet`)
      if (run.isMuted) this.#violate(`${run.id} is muted for ever`)
    }
    for (const { row } of calls.values()) if (row.state !== 'ended') this.#violate(`${row.id} is ${row.state} for ever`)
    for (const { id, state, callId } of sessions.values()) {
      if (state === 'live') this.#violate(`session ${id} is live on ${callId} for ever`)
    }
    for (const [parking, terms] of takenUp)
      if (terms.length > 1) this.#violate(`${parking} was taken up in ${terms.join()}`)
    for (const [id, { epoch, heardIn }] of this.#written) {
      const row = calls.get(id)?.row
      if (row === undefined) this.#violate(`${id} has no record`)
      else if (row.epoch < epoch)
        this.#violate(`${id} is as its owner of term ${row.epoch} wrote, before that of ${epoch}`)
      else if (row.end?.cause === 'node-lost' && heardIn === row.epoch)
        this.#violate(`${id} lost the end that was heard`)
    }
    for (const [id, epoch] of this.#sessionTerms) {
      const stored = sessions.get(id)
      if (stored === undefined || stored.epoch < epoch) this.#violate(`session ${id} is not as its last owner left it`)
    }
  }

  /** A node has this on its disk. */
  journaled(entry: Entry): void {
    const { id, epoch } = entry.row
    if (entry.kind === 'session') {
      this.#sessionTerms.set(id, Math.max(epoch, this.#sessionTerms.get(id) ?? 0))
      return
    }
    const before = this.#written.get(id) ?? { epoch, heardIn: null }
    const isHeard = entry.row.state === 'ended' && entry.row.end?.cause !== 'node-lost'
    this.#written.set(id, { epoch: Math.max(before.epoch, epoch), heardIn: isHeard ? epoch : before.heardIn })
  }

  #violate(what: string): void {
    if (this.violations.length < 10) this.violations.push(`${this.clock.nowMs}: ${what}`)
  }
}
