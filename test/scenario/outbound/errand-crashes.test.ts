import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type CallId, callId, errandId, type NodeId, nodeId } from '../../../lib/core/ids.ts'
import type { AttemptOutcome } from '../../../lib/outbound/attempt-outcome.ts'
import { type Errand, type ErrandEvent, isOver, newErrand, stepErrand } from '../../../lib/outbound/errand.ts'
import { RETRY_DEFAULTS, RETRY_REASONS, type RetryPolicy } from '../../../lib/outbound/retry-policy.ts'

const LEASE_MS = 10_000
/** After so long a call of which there is no record is lost. */
const RECORD_MS = 300_000

/** What a node is at: between its statements and its INVITE it may stand still for as long as it likes, or die. */
type Work =
  | { readonly at: 'idle' }
  | { readonly at: 'claimed'; readonly read: Errand; readonly version: number; readonly claimedAtMs: number }
  | { readonly at: 'begun'; readonly call: CallId; readonly claimedAtMs: number }

/** The fleet: one row that compares and sets, and nodes that do what app/outbound/errands.ts does, a step at a time. */
class Fleet {
  readonly rung: CallId[] = []
  row: Errand
  #version = 1
  #leasedUntilMs = 0
  #changedAtMs = 0
  #calls = 1
  #nowMs = 0
  readonly #nodes = new Map<NodeId, Work>()

  constructor(policy: RetryPolicy) {
    this.row = newErrand(callId('call-1'), errandId('call-1'), policy, new Date(0))
  }

  wait(ms: number): void {
    this.#nowMs += ms
  }

  claim(node: NodeId): void {
    const { state } = this.row
    if (state.kind !== 'waiting' || state.dueAt.getTime() > this.#nowMs || this.#leasedUntilMs > this.#nowMs) return
    this.#version += 1
    this.#leasedUntilMs = this.#nowMs + LEASE_MS
    const [read, version, claimedAtMs] = [this.row, this.#version, this.#nowMs]
    this.#nodes.set(node, { at: 'claimed', read, version, claimedAtMs })
  }

  begin(node: NodeId): void {
    const work = this.#nodes.get(node)
    if (work?.at !== 'claimed') return
    const after = this.#write(work.read, work.version, { kind: 'begins', node })
    const { claimedAtMs } = work
    const isMine = after?.state.kind === 'calling'
    this.#nodes.set(node, isMine ? { at: 'begun', call: after.state.call, claimedAtMs } : { at: 'idle' })
  }

  ring(node: NodeId): void {
    const work = this.#nodes.get(node)
    if (work?.at !== 'begun') return
    this.#nodes.set(node, { at: 'idle' })
    const { call, claimedAtMs } = work
    if (this.#nowMs - claimedAtMs <= LEASE_MS) return void this.rung.push(call)
    this.#write(this.row, this.#version, { kind: 'refused', call, until: new Date(this.#nowMs), reason: 'late' })
  }

  die(node: NodeId): void {
    this.#nodes.delete(node)
  }

  /** The record of the call that is under way is closed; where nothing rang there is none, and time has to tell. */
  settle(outcome: AttemptOutcome): void {
    const { state } = this.row
    if (state.kind !== 'calling' && state.kind !== 'cancelling') return
    const { call } = state
    if (this.rung.includes(call)) this.#write(this.row, this.#version, { kind: 'ended', call, outcome })
    else if (this.#nowMs - this.#changedAtMs >= RECORD_MS)
      this.#write(this.row, this.#version, { kind: 'ended', call, outcome: 'lost' })
  }

  cancel(): void {
    this.#write(this.row, this.#version, { kind: 'cancel', by: 'otto' })
  }

  #write(read: Errand, version: number, event: ErrandEvent): Errand | null {
    const nextCall = callId(`call-${this.#calls + 1}`)
    const after = stepErrand(read, event, { now: new Date(this.#nowMs), random: 0.5, nextCall })
    if (after === read) return after
    if (version !== this.#version) return null
    if (after.state.kind === 'waiting' && after.state.call === nextCall) this.#calls += 1
    this.row = after
    this.#version += 1
    this.#leasedUntilMs = 0
    this.#changedAtMs = this.#nowMs
    return after
  }
}

type Move =
  | { readonly kind: 'claim' | 'begin' | 'ring' | 'die'; readonly node: NodeId }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'settle'; readonly outcome: AttemptOutcome }
  | { readonly kind: 'cancel' }

const node = fc.constantFrom('east-1', 'west-1', 'west-2').map(nodeId)
const nodeMove = (kind: 'claim' | 'begin' | 'ring' | 'die') => fc.record({ kind: fc.constant(kind), node })
const move: fc.Arbitrary<Move> = fc.oneof(
  { arbitrary: nodeMove('claim'), weight: 4 },
  { arbitrary: nodeMove('begin'), weight: 4 },
  { arbitrary: nodeMove('ring'), weight: 4 },
  { arbitrary: nodeMove('die'), weight: 1 },
  {
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(500, 11_000, 60_000, 301_000) }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      outcome: fc.constantFrom<AttemptOutcome>('answered', 'rejected', ...RETRY_REASONS, ...RETRY_REASONS),
    }),
    weight: 3,
  },
  { arbitrary: fc.constant<Move>({ kind: 'cancel' }), weight: 1 },
)

function play(fleet: Fleet, next: Move): void {
  switch (next.kind) {
    case 'wait':
      return fleet.wait(next.ms)
    case 'settle':
      return fleet.settle(next.outcome)
    case 'cancel':
      return fleet.cancel()
    default:
      return fleet[next.kind](next.node)
  }
}

describe('an errand whose nodes die or stand still between any two steps', () => {
  const policies = fc.record({
    attempts: fc.integer({ min: 1, max: 3 }),
    on: fc.subarray([...RETRY_REASONS]),
  })

  it('rings no call twice, no more often than its policy says, and one at a time', () => {
    fc.assert(
      fc.property(policies, fc.array(move, { minLength: 60, maxLength: 60 }), ({ attempts, on }, moves) => {
        const fleet = new Fleet({ ...RETRY_DEFAULTS, attempts, on, afterMs: 1_000 })
        for (const next of moves) {
          const before = fleet.row
          const rungBefore = fleet.rung.length
          play(fleet, next)
          assert.equal(new Set(fleet.rung).size, fleet.rung.length)
          assert.ok(fleet.rung.length <= attempts)
          if (fleet.rung.length === rungBefore) continue
          // What rings is the call that the row tells of, and no other one is under way or was answered.
          assert.ok('call' in before.state && before.state.call === fleet.rung.at(-1))
          assert.ok(before.state.kind === 'calling' || before.state.kind === 'cancelling')
          const past = before.history.slice(0, -1).map(({ outcome }) => outcome)
          assert.ok(past.every((outcome) => on.some((reason) => reason === outcome)))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('is over or rung in the end, wherever a node dies, as long as one lives', () => {
    const [east, west] = [nodeId('east-1'), nodeId('west-1')]
    const early: fc.Arbitrary<Move> = fc.oneof(nodeMove('claim'), nodeMove('begin'), nodeMove('die'))
    fc.assert(
      fc.property(fc.array(early, { minLength: 6, maxLength: 12 }), (moves) => {
        const fleet = new Fleet({ ...RETRY_DEFAULTS, attempts: 1, on: [] })
        for (const next of moves) play(fleet, next)
        for (const dead of [east, nodeId('west-2')]) fleet.die(dead)
        fleet.die(west)
        for (const ms of [LEASE_MS + 1, RECORD_MS]) {
          fleet.wait(ms)
          for (const kind of ['claim', 'begin', 'ring'] as const) fleet[kind](west)
          fleet.settle('answered')
        }
        assert.ok(isOver(fleet.row), fleet.row.state.kind)
        assert.ok(fleet.rung.length === 1 || fleet.row.reason === 'lost')
      }),
    )
  })
})
