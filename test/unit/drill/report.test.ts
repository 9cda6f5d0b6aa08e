import assert from 'node:assert/strict'
import { judgeDrill } from '../../../lib/drill/judge.ts'
import { DRILL_NUMBERS, drillNumber } from '../../../lib/drill/numbers.ts'
import { reportScenario } from '../../../lib/drill/report.ts'
import { drillHtml } from '../../../lib/drill/report-html.ts'
import { drillText } from '../../../lib/drill/report-text.ts'
import { drillScenarios } from '../../../lib/drill/scenarios.ts'
import { drillMoments, drillSeconds } from '../../../lib/drill/timeline.ts'
import { outbound, state, together } from './story.ts'

const HOSTILE = '<script>alert("1")</script>\u001b[31m'

function report() {
  const scenario = drillScenarios('usual')[0]
  assert.ok(scenario !== undefined)
  const facts = together(
    outbound({ number: '1', atMs: -1_500, answeredMs: -1_400, endedMs: -900, over: 'a' }),
    outbound({ number: '2', atMs: 100, answeredMs: 2_250, endedMs: 4_250, over: 'b' }),
    outbound({ number: '3', atMs: 2_900, answeredMs: null, endedMs: 4_250, over: 'b' }),
    { nodeEvents: [{ ...state('east', 2_400, 'active', 'failed'), reason: HOSTILE }] },
  )
  const outcomes = scenario.runs.map((run) => ({
    run,
    subject: facts.subject,
    verdict: judgeDrill(facts, run.promises),
    moments: drillMoments(facts, run.what),
    seconds: drillSeconds(facts),
    wellMs: 6_000,
  }))
  return reportScenario(scenario, outcomes)
}

describe('the report of a drill', () => {
  it('has the figures of the worst run, and counts of all', () => {
    const { scenario, detectedMs, shiftedMs, callsPlaced, callsLost, recoveredMs, passed, runs } = report()
    assert.deepEqual(
      { scenario, detectedMs, shiftedMs, callsPlaced, callsLost, recoveredMs, passed, runs: runs.length },
      {
        scenario: 'outage',
        detectedMs: 2_400,
        shiftedMs: 2_250,
        callsPlaced: 9,
        callsLost: 3,
        recoveredMs: null,
        passed: false,
        runs: 3,
      },
    )
  })

  it('has a line for each second, empty ones included', () => {
    const seconds = report().runs[0]?.seconds ?? []
    assert.deepEqual(
      seconds.map(({ second, placed, overBroken, overStandby, lost }) => [
        second,
        placed,
        overBroken,
        overStandby,
        lost,
      ]),
      [
        [-2, 1, 1, 0, 0],
        [-1, 0, 0, 0, 0],
        [0, 1, 0, 1, 0],
        [1, 0, 0, 0, 0],
        [2, 1, 0, 0, 1],
      ],
    )
  })

  it('shows on a terminal what was not kept, and nothing that moves its cursor', () => {
    const text = drillText(report(), (_style, plain) => plain)
    assert.match(text, /outage {2}FAILED/)
    assert.match(text, /not kept: calls lost: 1, promised none/)
    assert.match(text, /\+2\.40 s {2}east: a active → failed/)
    assert.ok(!text.includes('\u001b'))
  })

  it('is a page that needs nothing else, in which no word of a peer is markup', () => {
    const page = drillHtml([report()], new Date(0))
    assert.ok(!page.includes('<script'))
    assert.ok(page.includes('&lt;script&gt;'))
    assert.ok(!/(?:src|href|url)\s*[=(]/.test(page))
    assert.match(page, /<svg viewBox/)
  })
})

describe('the scenarios of drills', () => {
  it('name each run once, as its trunks are named after it', () => {
    for (const pace of ['usual', 'short'] as const) {
      const runs = drillScenarios(pace).flatMap((scenario) => scenario.runs.map(({ name }) => name))
      assert.equal(new Set(runs).size, runs.length)
    }
  })

  it('are those of the contract', () => {
    const names = drillScenarios('usual').map(({ name }) => name)
    const want = ['outage', 'reject-storm', 'blackhole', 'flap', 'ai-drop', 'media-loss', 'node-kill', 'store-outage']
    assert.deepEqual(names, want)
  })

  it('have a number for each call', () => {
    const numbers = Array.from({ length: DRILL_NUMBERS }, (_, i) => drillNumber(i))
    assert.equal(new Set(numbers).size, DRILL_NUMBERS)
    assert.ok(numbers.every((number) => /^\+1[2-9]\d\d55501\d\d$/.test(number)))
    assert.throws(() => drillNumber(DRILL_NUMBERS), RangeError)
  })
})
