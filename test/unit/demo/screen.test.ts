import assert from 'node:assert/strict'
import { type DemoView, drawScreen, formatTally, formatTrunkStates } from '../../../lib/demo/screen.ts'
import { EMPTY_TALLY, stepTally } from '../../../lib/demo/tally.ts'

const trunk = (id: string, state: 'active' | 'failed') => ({
  id,
  state,
  fleet: state,
  probe: { rttMs: state === 'active' ? 1.4 : null, misses: 0 },
  calls: { attempts: 12, faults: 3 },
  reason: state === 'active' ? null : '3 calls in a row found it unreachable',
})

const VIEW: DemoView = {
  runningMs: 65_000,
  nodes: [
    { id: 'east', url: 'http://127.0.0.1:8080', trunks: [trunk('alpha', 'failed'), trunk('beta', 'active')] },
    { id: 'west', url: 'http://127.0.0.2:8080', trunks: null },
  ],
  apiKey: 'secret-of-the-demo',
  carriers: [
    { id: 'alpha', condition: 'killed' },
    { id: 'beta', condition: 'well' },
  ],
  tally: stepTally(EMPTY_TALLY, { kind: 'placed', call: 'a', direction: 'inbound' }),
  events: Array.from({ length: 100 }, (_, i) => `event ${i}`),
}

const draw = (columns: number, rows: number, view = VIEW): readonly string[] =>
  drawScreen(view, 'alpha', 'beta is not running', { columns, rows }).map((line) =>
    line.map(({ text }) => text).join(''),
  )

describe('the screen of a demo', () => {
  it('shows both nodes with how to ask them, every trunk, carriers, calls, the newest events and the keys', () => {
    const lines = draw(120, 40)
    const text = lines.join('\n')
    for (const part of [
      /TANDEM_URL=http:\/\/127\.0\.0\.2:8080 TANDEM_API_KEY=secret-of-the-demo .\/tandem trunks/,
      /east +alpha +failed +failed +- +0 +12 +3 +3 calls in a row/,
      /west +does not answer/,
      /> alpha +killed/,
      /inbound +1 +0 +0 +1 +0 +0/,
      /event 99/,
      /k kill.*q quit/,
    ]) {
      assert.match(text, part)
    }
    assert.ok(!text.includes('event 0'))
    assert.equal(lines.length, 40)
    assert.match(lines.at(-2) ?? '', /beta is not running/)
  })

  it('fits any terminal, and keeps the keys to the last', () => {
    for (const [columns, rows] of [
      [80, 24],
      [40, 10],
      [10, 2],
      [1, 1],
    ] as const) {
      const lines = draw(columns, rows)
      assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`)
      for (const line of lines) assert.ok(Array.from(line).length <= columns, line)
    }
    assert.match(draw(80, 3).at(-1) ?? '', /k kill/)
  })

  it('lets nothing move the cursor that comes from elsewhere', () => {
    const text = draw(200, 60, { ...VIEW, events: ['\u001b[2Jgone', 'a\r\nb'] }).join('')
    assert.doesNotMatch(text, /\p{Cc}/u)
  })

  it('says the same on single lines for scripts', () => {
    assert.equal(
      formatTally(VIEW.tally),
      'inbound placed=1 answered=0 redirected=0 lost=0 dropped=0 live=1; ' +
        'outbound placed=0 answered=0 redirected=0 lost=0 dropped=0 live=0',
    )
    assert.equal(formatTrunkStates(VIEW.nodes), 'east alpha=failed beta=active; west does not answer')
  })
})
