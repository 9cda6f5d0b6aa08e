import assert from 'node:assert/strict'
import type { DrillFacts } from '../../../lib/drill/facts.ts'
import { judgeDrill } from '../../../lib/drill/judge.ts'
import type { DrillPromises } from '../../../lib/drill/scenario.ts'
import { outbound, together, told } from './story.ts'

const PROMISES: DrillPromises = {
  detectedWithinMs: 5_000,
  shiftedWithinMs: 9_000,
  setupWithinMs: 1_000,
  gapWithinMs: null,
  faultsToFall: null,
  returnsWhileBroken: 0,
  recoveredWithinMs: 9_000,
  takenBackWithinMs: 1_000,
  mosAfterAtLeast: 4,
}

const before = outbound({ number: '1', atMs: -3_000, answeredMs: -2_900, endedMs: -900, over: 'a' })
const across = outbound({ number: '2', atMs: -1_000, answeredMs: -900, endedMs: 1_100, over: 'a' })
const since = outbound({ number: '3', atMs: 200, answeredMs: 300, endedMs: 2_300, over: 'a' })

describe('the judge of a drill that takes a store away', () => {
  const outage = (...parts: readonly Partial<DrillFacts>[]): DrillFacts => ({
    ...together(before, across, since, ...parts),
    subject: 'stores',
  })
  const noticed = { nodeEvents: [told('east', 20, 'store.degraded'), told('west', 30, 'store.degraded')] }
  const back = { nodeEvents: [told('east', 7_000, 'store.recovered'), told('west', 8_500, 'store.recovered')] }

  it('wants calls to go on as if nothing had happened, and every node to use it again', () => {
    const { figures, failures } = judgeDrill(outage(noticed, back), PROMISES)
    assert.deepEqual(failures, [])
    const { detectedMs, shiftedMs, recoveredMs, liveCallsDropped, mosAfter } = figures
    assert.deepEqual([detectedMs, shiftedMs, recoveredMs, liveCallsDropped, mosAfter], [20, 300, 2_500, 0, 4.4])
  })

  it('says which node does not use it again, by no figure', () => {
    const { figures, failures } = judgeDrill(
      outage(noticed, { nodeEvents: [told('east', 7_000, 'store.recovered')] }),
      PROMISES,
    )
    assert.equal(figures.recoveredMs, null)
    assert.deepEqual(failures, ['used again after it was well: never, promised within 9000 ms'])
  })

  it('excuses no call: one that was ringing at the fault, or up, must not be lost', () => {
    const rang = outbound({ number: '4', atMs: -50, answeredMs: null, endedMs: 900, over: 'a' })
    const cut = outbound({ number: '5', atMs: -900, answeredMs: -800, endedMs: 1_200, over: 'a', packets: 50 })
    const { figures } = judgeDrill(outage(noticed, back, rang, cut), PROMISES)
    assert.deepEqual([figures.callsLost, figures.liveCallsDropped], [1, 1])
  })
})

describe('the judge of a drill that kills a node', () => {
  const onEast = (number: string, ...events: readonly string[]): Partial<DrillFacts> => ({
    nodeEvents: events.map((event) => told('east', -500, event, { call: `id-${number}` })),
  })
  const gap = (number: string, longestGapMs: number): Partial<DrillFacts> => ({
    carrierEvents: [
      { carrier: 'alpha', kind: 'ended', atMs: 200_000, sipCallId: `alpha-${number}`, number, longestGapMs },
    ],
  })
  const kill = (...parts: readonly Partial<DrillFacts>[]): DrillFacts => ({
    ...together(before, since, ...parts),
    subject: 'node',
    deadNode: 'east',
  })
  const promises = { ...PROMISES, recoveredWithinMs: null, moved: { shareAtLeast: 0.95, medianGapWithinMs: 8_000 } }
  const lost = { nodeEvents: [told('west', 3_000, 'node.lost', { lost: 'east' })] }
  const moved = { nodeEvents: [told('west', 5_400, 'call.moved', { call: 'id-2' })] }

  it('wants calls that were up on it to go on, and tells how long nothing was heard', () => {
    const facts = kill(across, onEast('2', 'call.answered'), lost, moved, gap('2', 5_400))
    const { figures, failures } = judgeDrill(facts, promises)
    assert.deepEqual(failures, [])
    const { detectedMs, shiftedMs, callsOnNode, callsMoved, medianGapMs, liveCallsDropped } = figures
    assert.deepEqual(
      [detectedMs, shiftedMs, callsOnNode, callsMoved, medianGapMs, liveCallsDropped],
      [3_000, 5_400, 1, 1, 5_400, 0],
    )
  })

  it('counts calls that nobody goes on with, and does not excuse them', () => {
    const other = outbound({ number: '4', atMs: -1_000, answeredMs: -900, endedMs: 1_100, over: 'a' })
    const facts = kill(
      across,
      other,
      onEast('2', 'call.answered'),
      onEast('4', 'call.answered'),
      lost,
      moved,
      gap('2', 5_400),
    )
    const { figures, failures } = judgeDrill(facts, promises)
    assert.equal(figures.liveCallsDropped, 1)
    assert.deepEqual(failures, ['calls moved: 1 of 2, promised at least 95 %'])
  })

  it('leaves calls out that had ended there, and those that it was placing', () => {
    const placing = outbound({ number: '4', atMs: -50, answeredMs: null, endedMs: -10, over: 'a' })
    const over = onEast('1', 'call.answered', 'call.ended')
    const facts = kill(
      across,
      placing,
      over,
      onEast('2', 'call.answered'),
      onEast('4', 'call.attempt'),
      lost,
      moved,
      gap('2', 5_400),
    )
    const { figures, failures } = judgeDrill(facts, promises)
    assert.deepEqual([figures.callsOnNode, figures.callsLost], [1, 0])
    assert.deepEqual(failures, [])
  })
})
