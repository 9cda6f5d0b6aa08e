import assert from 'node:assert/strict'
import { nodeId } from '../../../lib/core/ids.ts'
import { fleetVerdict, REPORT_TTL_MS, type TrunkReport } from '../../../lib/fleet/verdict.ts'
import type { TrunkState } from '../../../lib/trunk/state.ts'

const NOW_MS = 100_000

const report = (node: string, channels: TrunkReport['channels'], ageMs = 0): TrunkReport => ({
  node: nodeId(node),
  channels,
  receivedAtMs: NOW_MS - ageMs,
})

/** A letter a node: active, standby, failed, or `-` for one without evidence. */
function verdictOf(letters: string): TrunkState {
  const channels: Readonly<Record<string, TrunkReport['channels']>> = {
    a: { probe: 'active', calls: 'active' },
    s: { probe: 'standby', calls: 'active' },
    f: { probe: 'active', calls: 'failed' },
  }
  return fleetVerdict(
    letters.split('').map((letter, i) => report(`n${i}`, channels[letter] ?? {})),
    NOW_MS,
  ).state
}

describe('the verdict of the fleet', () => {
  const rows: readonly [why: string, votes: string, want: TrunkState][] = [
    ['is active where nobody knows anything', '---', 'active'],
    ['is that of a single node', 'f', 'failed'],
    ['is that of the only voter', '--s', 'standby'],
    ['needs both of two voters', 'fa', 'active'],
    ['takes what both of two report or exceed', 'fs', 'standby'],
    ['needs two of three: one broken uplink fails no carrier', 'faa', 'active'],
    ['has the worse state that two of three report', 'ffa', 'failed'],
    ['counts a worse report for the better state', 'fsa', 'standby'],
    ['needs more than half of four', 'ffaa', 'active'],
    ['has it with three of four', 'fffa', 'failed'],
    ['does not count those who abstain', 'ff----a', 'failed'],
  ]
  for (const [why, votes, want] of rows) it(`${why}: ${votes}`, () => assert.equal(verdictOf(votes), want))

  it('does not hear a node that has fallen silent', () => {
    const stale = report('n1', { calls: 'failed' }, REPORT_TTL_MS)
    const fresh = report('n1', { calls: 'failed' }, REPORT_TTL_MS - 1)
    const others = [report('n2', { probe: 'failed' }), report('n3', { probe: 'active' })]
    assert.equal(fleetVerdict([stale, ...others], NOW_MS).state, 'active')
    assert.equal(fleetVerdict([fresh, ...others], NOW_MS).state, 'failed')
  })

  it('counts a node once, by its latest report', () => {
    const twice = [report('n1', { calls: 'active' }), report('n1', { calls: 'failed' }, 1_000)]
    const { state, votes } = fleetVerdict([...twice, report('n2', { calls: 'active' })], NOW_MS)
    assert.deepEqual([state, [...votes.values()]], ['active', ['active', 'active']])
    assert.equal(fleetVerdict([report('n1', { calls: 'failed' }, 1_000), report('n1', {})], NOW_MS).votes.size, 0)
  })
})
