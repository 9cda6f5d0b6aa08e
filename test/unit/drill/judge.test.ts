import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { DrillFacts } from '../../../lib/drill/facts.ts'
import { type DrillFigures, judgeDrill, measureDrill as measureBy } from '../../../lib/drill/judge.ts'
import type { DrillPromises } from '../../../lib/drill/scenario.ts'
import {
  agentEvent,
  attempt,
  type CallStory,
  FAULT,
  inbound,
  inboundRecord,
  NOTHING,
  outbound,
  rings,
  state,
  together,
} from './story.ts'

const PROMISES: DrillPromises = {
  detectedWithinMs: 3_000,
  shiftedWithinMs: 2_500,
  setupWithinMs: 2_500,
  gapWithinMs: null,
  faultsToFall: 3,
  returnsWhileBroken: 0,
  recoveredWithinMs: 10_000,
  takenBackWithinMs: 1_000,
  mosAfterAtLeast: 4,
}

const measureDrill = (facts: DrillFacts): DrillFigures => measureBy(facts, PROMISES)

const before = outbound({ number: '1', atMs: -3_000, answeredMs: -2_900, endedMs: -900, over: 'a' })
const shifted = outbound({ number: '2', atMs: 100, answeredMs: 2_250, endedMs: 4_250, over: 'b', mos: 4.2 })
const afterwards = outbound({ number: '3', atMs: 3_000, answeredMs: 3_100, endedMs: 5_100, over: 'b' })
const health = {
  nodeEvents: [
    ...[2_100, 2_200, 2_400].map((atMs) => attempt('east', atMs, 'trunk')),
    state('east', 2_400, 'active', 'failed'),
    ...[2_150, 2_350, 2_550].map((atMs) => attempt('west', atMs, 'trunk')),
    state('west', 2_550, 'active', 'failed'),
    state('east', 11_000, 'failed', 'active'),
    state('west', 12_000, 'failed', 'active'),
  ],
}
const OUTAGE = together(before, shifted, afterwards, health)

describe('the judge of a drill', () => {
  it('tells an outage as it went', () => {
    const { figures, failures } = judgeDrill(OUTAGE, PROMISES)
    const want: DrillFigures = {
      detectedMs: 2_400,
      shiftedMs: 2_250,
      callsPlaced: 3,
      callsLost: 0,
      doubleRings: 0,
      lateRings: 0,
      mosBefore: 4.4,
      mosDuring: null,
      mosAfter: 4.3,
      recordsMissing: 0,
      recordsDoubled: 0,
      liveCallsDropped: 0,
      slowestSetupMs: 2_150,
      faultsToFall: 3,
      returnsWhileBroken: 0,
      agentsLost: 0,
      agentsBack: 0,
      longestGapMs: null,
      callsOnNode: 0,
      callsMoved: 0,
      sessionsParked: 0,
      medianGapMs: null,
      recoveredMs: 6_000,
    }
    assert.deepEqual(figures, want)
    assert.deepEqual(failures, [])
  })

  it('names every promise that was not kept', () => {
    const { failures } = judgeDrill(NOTHING, PROMISES)
    assert.deepEqual(
      failures.map((failure) => failure.replace(/:.*/, '')),
      [
        'trunk taken out',
        'first call over the standby',
        'slowest call from INVITE to answer',
        'failed attempts before the trunk was taken out',
        'active again after the carrier was well',
        'MOS over the standby',
      ],
    )
  })

  it('tells of conversations that were broken off and went on, and of those that did not', () => {
    const promises = { ...PROMISES, gapWithinMs: 1_500, faultsToFall: null, recoveredWithinMs: null }
    const talking = ['1', '2'].map((number) =>
      outbound({ number, atMs: -900, answeredMs: -800, endedMs: 4_000, over: 'a' }),
    )
    const later = outbound({ number: '3', atMs: 900, answeredMs: 1_000, endedMs: 5_000, over: 'a' })
    const lost = { nodeEvents: [agentEvent(40, 'id-1'), agentEvent(60, 'id-2')] }
    const back = { nodeEvents: [agentEvent(400, 'id-1', 360), agentEvent(1_900, 'id-2', 1_840)] }
    const cut = { ...together(...talking, later, lost, back), subject: 'agents' } as const
    const { figures, failures } = judgeDrill(cut, promises)
    const { detectedMs, shiftedMs, agentsLost, agentsBack, longestGapMs, liveCallsDropped, mosAfter } = figures
    assert.deepEqual([detectedMs, shiftedMs, agentsLost, agentsBack], [40, 400, 2, 2])
    assert.deepEqual([longestGapMs, liveCallsDropped, mosAfter], [1_840, 0, 4.4])
    assert.deepEqual(failures, ['longest time without an agent: 1840 ms, promised at most 1500 ms'])
    const ended = cut.records.map((record) => (record.id === 'id-2' ? { ...record, cause: 'agent-fault' } : record))
    const dropped = judgeDrill({ ...cut, records: ended, nodeEvents: lost.nodeEvents }, promises)
    assert.deepEqual(dropped.failures, [
      'first conversation that went on: never, promised within 2500 ms',
      'longest time without an agent: never, promised within 1500 ms',
      'live calls dropped: 1, promised none',
    ])
  })

  it('tells of each lost call what its record and the carriers say', () => {
    const lost = outbound({ number: '9', atMs: 500, answeredMs: null, endedMs: 4_600, over: 'a' })
    const invite = { carrier: 'alpha', kind: 'invite', sipCallId: 'x', number: '9', longestGapMs: null } as const
    const seen = { ...invite, atMs: FAULT + 510 }
    const { failures } = judgeDrill(together(OUTAGE, lost, { carrierEvents: [seen] }), PROMISES)
    assert.deepEqual(failures, [
      'calls lost: 1, promised none',
      'calls lost: outbound 9 +0.50 s; record: over a, INVITEs: 1, trunk-fault +4.60 s; alpha: invite +0.51 s',
    ])
  })

  it('tells of a lost caller what he heard', () => {
    const { failures } = judgeDrill(together(OUTAGE, { calls: [inbound('9', -500, 503)] }), PROMISES)
    assert.deepEqual(
      failures.filter((failure) => failure.startsWith('calls lost')),
      [
        'calls lost before anything was broken: 1, promised none',
        'calls lost before anything was broken: inbound 9 -0.50 s, answer: 503',
      ],
    )
  })

  const OF_CALLS: readonly (readonly [why: string, story: Partial<DrillFacts>, want: Partial<DrillFigures>])[] = [
    [
      'a call that was never answered is lost',
      outbound({ number: '9', atMs: 500, answeredMs: null, endedMs: 20_000, over: null }),
      { callsLost: 1, recordsMissing: 0 },
    ],
    [
      'one whose INVITE was out when the fault came is lost too',
      outbound({ number: '9', atMs: -50, answeredMs: null, endedMs: 20_000, over: 'a' }),
      { callsLost: 1, liveCallsDropped: 0 },
    ],
    [
      'one that had failed before the fault is none of its cost',
      outbound({ number: '9', atMs: -2_000, answeredMs: null, endedMs: -1_000, over: null }),
      { callsLost: 0 },
    ],
    [
      'an order that was refused is a lost call without a record',
      { calls: [{ ...inbound('9', 500, null), direction: 'outbound' }] },
      { callsLost: 1, recordsMissing: 0 },
    ],
    [
      'a caller who got 503 is lost',
      { calls: [inbound('9', 500, 503)], records: [inboundRecord('9')] },
      { callsLost: 1 },
    ],
    [
      'a caller who got nothing is lost',
      { calls: [inbound('9', 500, null)], records: [inboundRecord('9')] },
      { callsLost: 1 },
    ],
    [
      'a caller who followed a 302 has two records and is answered',
      { calls: [inbound('9', 500, 200)], records: [inboundRecord('9', 'redirected'), inboundRecord('9')] },
      { callsLost: 0, recordsMissing: 0, recordsDoubled: 0 },
    ],
    ['a call without a record', { calls: [inbound('9', 500, 200)] }, { recordsMissing: 1 }],
    [
      'a record that never ended',
      outbound({ number: '9', atMs: 500, answeredMs: 600, endedMs: null, over: 'b' }),
      { recordsMissing: 1 },
    ],
    [
      'a call with two records',
      { calls: [inbound('9', 500, 200)], records: [inboundRecord('9'), inboundRecord('9', 'cancelled')] },
      { recordsDoubled: 1 },
    ],
    [
      'a call that was up and heard nothing from the fault on is dropped, and not lost',
      outbound({ number: '9', atMs: -1_000, answeredMs: -900, endedMs: 1_100, over: 'a', packets: 45 }),
      { liveCallsDropped: 1, callsLost: 0 },
    ],
    [
      'one that was heard to its end is not',
      outbound({ number: '9', atMs: -1_000, answeredMs: -900, endedMs: 1_100, over: 'a', packets: 95 }),
      { liveCallsDropped: 0 },
    ],
    [
      'one that rang there and was never answered is dropped too, as no other trunk may ring after it',
      {
        ...outbound({ number: '9', atMs: -100, answeredMs: null, endedMs: 20_000, over: 'a' }),
        carrierEvents: rings('alpha', '9', 0, null).slice(0, 2),
      },
      { liveCallsDropped: 1, callsLost: 0 },
    ],
    [
      'a call of which nothing was heard has the worst MOS there is',
      outbound({ number: '9', atMs: 3_000, answeredMs: 3_100, endedMs: 5_100, over: 'b', packets: 0 }),
      { mosAfter: 3.2 },
    ],
  ]
  for (const [why, story, want] of OF_CALLS) {
    it(why, () => {
      const figures = measureDrill(together(before, shifted, afterwards, health, story))
      for (const [figure, value] of Object.entries(want)) {
        assert.equal(figures[figure as keyof DrillFigures], value, figure)
      }
    })
  }

  it('counts a callee who is rung by a second INVITE that nobody takes back at once', () => {
    const again = (endedMs: number | null) =>
      measureDrill(together(shifted, { carrierEvents: rings('alpha', '2', 6_100, endedMs) }))
    assert.deepEqual(pick(again(null)), { doubleRings: 1, lateRings: 0 })
    assert.deepEqual(pick(again(8_000)), { doubleRings: 1, lateRings: 0 })
    assert.deepEqual(pick(again(6_150)), { doubleRings: 0, lateRings: 1 })
  })

  it('takes a ring behind a line just cut for late, until its carrier is heard again', () => {
    const cut = (silence: DrillFacts['silence'], endedMs: number | null, answeredMs = 55) =>
      pick(measureDrill({ ...together({ carrierEvents: rings('alpha', '2', answeredMs, endedMs) }, shifted), silence }))
    // Well at 6 s, its 200 sent again by 10 s at the latest, taken back at once.
    assert.deepEqual(cut('unheard', 10_900), { doubleRings: 0, lateRings: 1 })
    assert.deepEqual(cut('unheard', 11_100), { doubleRings: 1, lateRings: 0 })
    assert.deepEqual(cut('unheard', null), { doubleRings: 1, lateRings: 0 })
    assert.deepEqual(cut(null, 10_900), { doubleRings: 1, lateRings: 0 })
    // Whatever rang in a process that died rings no more.
    assert.deepEqual(cut('dead', null, 30), { doubleRings: 0, lateRings: 1 })
  })

  it('reckons no call as slow of a silent trunk that had got through to it before its line was cut', () => {
    const late = outbound({ number: '7', atMs: 200, answeredMs: 8_000, endedMs: 9_000, over: 'a' })
    const slow = (silence: DrillFacts['silence']) =>
      measureDrill({ ...together(late, shifted), silence }).slowestSetupMs
    assert.equal(slow(null), 7_800)
    assert.ok((slow('unheard') ?? Infinity) < 7_800)
  })

  it('knows of two long rings one as the call itself, whichever came first', () => {
    const first = { carrierEvents: rings('alpha', '2', 150, 9_000) }
    assert.deepEqual(pick(measureDrill(together(first, shifted))), { doubleRings: 1, lateRings: 0 })
  })

  it('takes no node for recovered that has taken the trunk out again', () => {
    const again = { nodeEvents: [...health.nodeEvents, state('east', 13_000, 'active', 'standby', 'media')] }
    assert.equal(measureDrill(together(again)).recoveredMs, null)
  })

  it('counts a node that called the trunk active while it was broken', () => {
    const soon = { nodeEvents: [state('east', 100, 'active', 'failed'), state('east', 5_900, 'failed', 'active')] }
    assert.equal(measureDrill(together(soon)).returnsWhileBroken, 1)
  })

  const stories = fc.array(
    fc.record({
      atMs: fc.integer({ min: -5_000, max: 10_000 }),
      setupMs: fc.option(fc.integer({ min: 0, max: 5_000 })),
      talkMs: fc.integer({ min: 0, max: 5_000 }),
      over: fc.constantFrom('a' as const, 'b' as const),
      twice: fc.boolean(),
    }),
    { maxLength: 20 },
  )

  it('counts no call twice, and none below zero, whatever happened', () => {
    fc.assert(
      fc.property(stories, (calls) => {
        const told = calls.map(({ atMs, setupMs, talkMs, over, twice }, i): Partial<DrillFacts> => {
          const answeredMs = setupMs === null ? null : atMs + setupMs
          const story: CallStory = { number: String(i), atMs, answeredMs, endedMs: (answeredMs ?? atMs) + talkMs, over }
          const call = outbound(story)
          if (!twice) return call
          return { ...call, carrierEvents: [...call.carrierEvents, ...rings('gamma', String(i), atMs + 50, null)] }
        })
        const figures = measureDrill(together(...told))
        const unanswered = calls.filter(({ setupMs }) => setupMs === null).length
        assert.equal(figures.callsPlaced, calls.length)
        assert.ok(figures.callsLost <= unanswered)
        assert.equal(figures.recordsMissing + figures.recordsDoubled, 0)
        const twice = calls.filter((call) => call.twice && call.setupMs !== null).length
        assert.equal(figures.doubleRings + figures.lateRings, twice)
        for (const value of Object.values(figures)) assert.ok(value === null || value >= 0, JSON.stringify(figures))
      }),
    )
  })

  it('says the same in whatever order the facts are told, those of a node apart', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...OUTAGE.calls], { minLength: 3 }),
        fc.shuffledSubarray([...OUTAGE.records], { minLength: 3 }),
        (calls, records) => {
          const carrierEvents = OUTAGE.carrierEvents.toReversed()
          assert.deepEqual(measureDrill({ ...OUTAGE, calls, records, carrierEvents }), measureDrill(OUTAGE))
        },
      ),
    )
  })
})

const pick = ({ doubleRings, lateRings }: DrillFigures) => ({ doubleRings, lateRings })
