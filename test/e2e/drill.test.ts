import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { tandem } from '../helpers/run.ts'

/** A drill as `--json` prints it, as far as this test looks at it. */
interface Report {
  readonly scenario: string
  readonly detectedMs: number | null
  readonly shiftedMs: number | null
  readonly callsPlaced: number
  readonly callsLost: number
  readonly doubleRings: number
  readonly mosBefore: number | null
  readonly mosAfter: number | null
  readonly recordsMissing: number
  readonly failures: readonly string[]
}

const folders = (): readonly string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tandem-demo-'))

describe('./tandem drill', () => {
  it('loses no call, rings nobody twice and misses no record, whatever breaks at a carrier', async function () {
    this.timeout(330_000)
    const before = folders()
    const { code, stdout, stderr } = await tandem(['drill', '--short', '--json'], {}, 320_000)
    const reports: readonly Report[] = JSON.parse(stdout)
    assert.deepEqual(
      reports.map(({ scenario }) => scenario),
      ['outage', 'reject-storm', 'blackhole', 'flap', 'ai-drop', 'media-loss', 'node-kill', 'store-outage'],
      stderr,
    )
    for (const report of reports) {
      const { scenario, callsPlaced, callsLost, doubleRings, recordsMissing, failures } = report
      const cost = { callsLost, doubleRings, recordsMissing }
      assert.deepEqual(
        cost,
        { callsLost: 0, doubleRings: 0, recordsMissing: 0 },
        `${scenario}: ${failures.join('; ')}\n${stderr}`,
      )
      assert.ok(callsPlaced > 20, scenario)
      assert.deepEqual(failures, [], scenario)
      for (const figure of ['detectedMs', 'shiftedMs', 'mosBefore', 'mosAfter'] as const) {
        assert.equal(typeof report[figure], 'number', `${scenario}: ${figure}`)
      }
    }
    assert.equal(code, 0)
    assert.deepEqual(folders(), before)
  })

  it('says what it does not know', async () => {
    const unknown = await tandem(['drill', '--scenario', 'outages'])
    assert.equal(unknown.code, 2)
    assert.match(unknown.stderr, /there is no scenario 'outages'; there are: outage, /)
  })
})
