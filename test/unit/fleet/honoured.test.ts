import assert from 'node:assert/strict'
import { nodeId } from '../../../lib/core/ids.ts'
import { type HonouredState, honour } from '../../../lib/fleet/honoured.ts'
import type { FleetVerdict } from '../../../lib/fleet/verdict.ts'
import type { EffectiveState } from '../../../lib/trunk/health.ts'
import type { Channel, TrunkState } from '../../../lib/trunk/state.ts'

const own = (state: TrunkState, channel: Channel | null, sinceAtMs = 0): EffectiveState => ({
  state,
  channel,
  sinceAtMs,
  reason: 'ours',
})
const fleet = (state: TrunkState): FleetVerdict => ({
  state,
  votes: new Map([
    [nodeId('n1'), state],
    [nodeId('n2'), state],
    [nodeId('n3'), 'active'],
  ]),
})

describe('what a node goes by', () => {
  const rows: readonly [why: string, own: EffectiveState, fleet: TrunkState, want: string][] = [
    ['its own worse verdict', own('failed', 'calls'), 'active', 'failed by calls: ours'],
    [
      "the fleet's worse verdict",
      own('active', null),
      'standby',
      'standby by fleet: 2 of 3 nodes with evidence have it as standby or worse',
    ],
    [
      "the fleet's against its own better one",
      own('standby', 'probe'),
      'failed',
      'failed by fleet: 2 of 3 nodes with evidence have it as failed',
    ],
    ['its own where both say the same', own('standby', 'probe'), 'standby', 'standby by probe: ours'],
    ['an operator against the fleet', own('active', 'operator'), 'failed', 'active by operator: ours'],
    ['an operator against itself', own('failed', 'operator'), 'active', 'failed by operator: ours'],
  ]
  for (const [why, mine, theirs, want] of rows) {
    it(`is ${why}`, () => {
      const { state, channel, reason } = honour(null, mine, fleet(theirs), 1)
      assert.equal(`${state} by ${channel}: ${reason}`, want)
    })
  }

  it('has the moment of its last change, whoever brought that about', () => {
    let now: HonouredState = honour(null, own('active', null, -500), fleet('active'), 0)
    assert.equal(now.sinceAtMs, -500)
    now = honour(now, own('active', null, -500), fleet('failed'), 1_000)
    now = honour(now, own('failed', 'calls', 2_000), fleet('failed'), 2_000)
    assert.deepEqual([now.channel, now.sinceAtMs], ['calls', 1_000])
  })

  it('says that it was the fleet that cleared a trunk which nothing here was against, until something here changes', () => {
    const failed = honour(null, own('active', null), fleet('failed'), 0)
    const back = honour(failed, own('active', null), fleet('active'), 1_000)
    assert.deepEqual([back.state, back.channel, back.sinceAtMs], ['active', 'fleet', 1_000])
    assert.deepEqual(honour(back, own('active', null), fleet('active'), 2_000), back)
    assert.equal(honour(back, own('standby', 'probe'), fleet('active'), 3_000).channel, 'probe')
  })
})
