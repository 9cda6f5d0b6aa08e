import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type BackendEvent,
  backendConfig,
  backendDeadlineMs,
  backendFigures,
  backendVerdict,
  isInDoubt,
  isLimited,
  isOut,
  isTryDue,
  newBackend,
  type ProbeResult,
  stepBackend,
} from '../../../lib/agent/backend-health.ts'
import type { BackendOutcome } from '../../../lib/agent/backend-outcome.ts'
import { backends } from '../../../lib/config/backends.ts'

const CONFIG = backendConfig(backends.parse({}), true)
const UNPROBED = backendConfig(backends.parse({}), false)
const REASON = 'why'

/** A server of agents in virtual time; `answer` is what its probes find. */
class World {
  nowMs = 0
  answer: ProbeResult = { kind: 'good' }
  readonly states: string[] = []
  readonly probesAtMs: number[] = []
  readonly config
  health

  constructor(config = CONFIG) {
    this.config = config
    this.health = newBackend(0, config)
  }

  feed(event: BackendEvent): void {
    const { state, effects } = stepBackend(this.health, event, this.nowMs, this.config)
    this.health = state
    const { state: said, channel } = backendVerdict(state)
    const now = `${said} by ${channel ?? 'nobody'}`
    if (now !== (this.states.at(-1) ?? 'active by nobody')) this.states.push(now)
    for (const { serial } of effects) {
      this.probesAtMs.push(this.nowMs)
      this.nowMs += 50
      this.feed({ kind: 'probed', serial, result: this.answer })
    }
  }

  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; ; ) {
      const atMs = backendDeadlineMs(this.health)
      if (atMs > endMs) {
        this.nowMs = endMs
        return
      }
      this.nowMs = Math.max(this.nowMs, atMs)
      this.feed({ kind: 'tick', random: 0.5 })
    }
  }

  call(outcome: BackendOutcome, canary = false, retryAfterMs: number | null = null): void {
    this.feed({ kind: 'report', outcome, reason: REASON, retryAfterMs, tookMs: 5, canary })
  }

  /** A call that is the canary, if one may go out. */
  canary(outcome: BackendOutcome): boolean {
    if (!isTryDue(this.health, this.config)) return false
    this.feed({ kind: 'canary' })
    assert.ok(!isTryDue(this.health, this.config), 'one at a time')
    this.call(outcome, true)
    return true
  }
}

const failed = (): World => {
  const world = new World()
  world.pass(1_000)
  for (let i = 0; i < 3; i++) world.call('unreachable')
  return world
}

describe('the health of a backend', () => {
  it('is probed at once, and every five seconds', () => {
    const world = new World()
    world.pass(12_000)
    assert.deepEqual(world.probesAtMs, [0, 5_000, 10_000])
    assert.equal(backendFigures(world.health, world.nowMs, CONFIG).probe.rttMs, 50)
  })

  it('is on standby after two probes in a row that found nobody, within seven seconds, and out at once', () => {
    const world = new World()
    world.pass(6_000)
    world.answer = { kind: 'missed', reason: 'connection refused' }
    world.pass(6_000)
    assert.deepEqual(world.states.at(-1), 'standby by probe')
    assert.match(backendVerdict(world.health).reason, /2 probes missed in a row: connection refused/)
    assert.ok(isOut(world.health, CONFIG))
    assert.ok(isInDoubt(world.health))
    world.answer = { kind: 'good' }
    world.pass(1_500)
    assert.ok(!isOut(world.health, CONFIG), 'the next good probe says that a call would be served')
    world.pass(60_000)
    assert.match(world.states.at(-1) ?? '', /^active/)
  })

  it('fails at the third session that never came up, is held down, and comes back by three canaries, one at a time', () => {
    const world = failed()
    assert.equal(world.states.at(-1), 'failed by calls')
    assert.ok(!world.canary('fine'), 'not before its hold-down is over')
    world.pass(31_000)
    for (let i = 0; i < 3; i++) assert.ok(world.canary('fine'))
    assert.equal(world.states.at(-1), 'active by calls')
  })

  it('is held down twice as long where its canary fails', () => {
    const world = failed()
    world.pass(31_000)
    assert.ok(world.canary('fault'))
    world.pass(45_000)
    assert.ok(!world.canary('fine'))
    world.pass(20_000)
    assert.ok(world.canary('fine'))
  })

  it('gives the place of a canary back that said nothing', () => {
    const world = failed()
    world.pass(31_000)
    assert.ok(world.canary('nothing'))
    assert.ok(world.canary('fine'))
  })

  it('waits with canaries until a session could be opened', () => {
    const world = failed()
    world.answer = { kind: 'missed', reason: 'no session' }
    world.pass(120_000)
    assert.ok(!world.canary('fine'))
    world.answer = { kind: 'good' }
    world.pass(120_000)
    assert.ok(world.canary('fine'))
  })

  it('fails where half of its sessions go wrong, and not by now and then', () => {
    const world = new World()
    for (let i = 0; i < 20; i++) {
      world.call('fine')
      if (i % 3 === 0) world.call('fault')
    }
    assert.deepEqual(world.states, [])
    const bad = new World()
    for (let i = 0; i < 4; i++) {
      bad.call('fine')
      bad.call('fault')
    }
    assert.equal(bad.states.at(-1), 'failed by calls')
  })

  it('is left alone for a while where it limits our rate, and is no worse for it', () => {
    const world = new World()
    world.pass(1_000)
    world.call('limited')
    assert.equal(world.states.at(-1), 'standby by probe')
    assert.ok(isLimited(world.health) && !isOut(world.health, CONFIG))
    assert.match(backendVerdict(world.health).reason, /limits our rate/)
    world.pass(16_000)
    assert.match(world.states.at(-1) ?? '', /^active/)
    world.call('limited', false, 3_000)
    world.pass(4_000)
    assert.match(world.states.at(-1) ?? '', /^active/, 'as long as it says')
    world.answer = { kind: 'limited', retryAfterMs: 40_000 }
    world.pass(10_000)
    assert.match(world.states.at(-1) ?? '', /^standby/)
  })

  it('fails at once by an account that is refused, and says so, not by its reach', () => {
    const world = new World()
    world.answer = { kind: 'account', reason: 'http-401: the server answered 401 Unauthorized' }
    world.pass(2_000)
    assert.equal(world.states.at(-1), 'failed by account')
    assert.ok(isOut(world.health, CONFIG))
    world.pass(600_000)
    assert.ok(!world.canary('fine'), 'no caller meets it')
    world.answer = { kind: 'good' }
    world.pass(700_000)
    for (let i = 0; i < 3; i++) assert.ok(world.canary('fine'))
    assert.match(world.states.at(-1) ?? '', /^active/)
    assert.equal(world.health.account, null)
  })

  it('fails by the account where a call meets it, as with a quota that sessions do not show', () => {
    const world = new World()
    world.pass(1_000)
    world.call('account')
    assert.equal(world.states.at(-1), 'failed by account')
    assert.ok(!isOut(world.health, CONFIG), 'with no other backend a call still tries')
    world.pass(31_000)
    assert.ok(world.canary('account'))
    assert.equal(world.states.at(-1), 'failed by account')
  })

  it('goes by calls alone where it is not probed', () => {
    const world = new World(UNPROBED)
    world.pass(100_000)
    assert.deepEqual(world.probesAtMs, [])
    for (let i = 0; i < 3; i++) world.call('unreachable')
    assert.equal(world.states.at(-1), 'failed by calls')
    assert.ok(!isOut(world.health, UNPROBED))
    world.pass(31_000)
    for (let i = 0; i < 3; i++) assert.ok(world.canary('fine'))
    assert.match(world.states.at(-1) ?? '', /^active/)
  })

  it('has one canary at most, wants to be woken after now, and comes back in the end, whatever happens before', () => {
    const outcome = fc.constantFrom<BackendOutcome>('fine', 'unreachable', 'fault', 'limited', 'account', 'nothing')
    const probe = fc.constantFrom<ProbeResult>(
      { kind: 'good' },
      { kind: 'missed', reason: REASON },
      { kind: 'limited', retryAfterMs: 3_000 },
      { kind: 'account', reason: REASON },
    )
    const move = fc.record({ ms: fc.nat(40_000), outcome, probe, canary: fc.boolean() })
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const world = new World()
        for (const { ms, outcome, probe, canary } of moves) {
          world.answer = probe
          world.pass(ms)
          if (canary) world.canary(outcome)
          else world.call(outcome)
          world.feed({ kind: 'tick', random: 0.5 })
          assert.ok(backendDeadlineMs(world.health) > world.nowMs)
        }
        world.answer = { kind: 'good' }
        for (let i = 0; i < 40; i++) {
          world.pass(60_000)
          world.canary('fine')
        }
        assert.equal(backendVerdict(world.health).state, 'active')
      }),
      { numRuns: 200 },
    )
  })
})
