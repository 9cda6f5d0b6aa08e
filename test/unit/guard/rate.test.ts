import assert from 'node:assert/strict'
import { RateWindow } from '../../../lib/guard/rate.ts'

describe('a limit in calls per second', () => {
  const admitted = (perSecond: number, atMs: readonly number[]): string => {
    const rate = new RateWindow(perSecond)
    return atMs.map((at) => (rate.admit(at) ? 'y' : 'n')).join('')
  }
  const rows: readonly [string, number, number[], string][] = [
    ['admits up to the limit in a second', 2, [0, 1, 2], 'yyn'],
    ['admits again as the second slides on', 2, [0, 500, 999, 1000, 1400, 1500], 'yynyny'],
    ['does not count what it refuses', 1, [0, 900, 1000], 'yny'],
    ['spreads a limit below one over a longer time', 0.5, [0, 1000, 1999, 2000], 'ynny'],
    ['rounds a fraction down', 1.9, [0, 1], 'yn'],
  ]
  for (const [why, perSecond, atMs, want] of rows) it(why, () => assert.equal(admitted(perSecond, atMs), want))
})
