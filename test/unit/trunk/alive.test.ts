import assert from 'node:assert/strict'
import { type AlivePolicy, isAlive } from '../../../lib/trunk/alive.ts'

const FINAL = Array.from({ length: 500 }, (_, i) => 200 + i)

describe('which answers to OPTIONS count as alive', () => {
  const rows: readonly [why: string, policy: AlivePolicy, dead: (status: number) => boolean][] = [
    ['default: any final answer but 408, 500, 502, 503, 504', 'default', (s) => [408, 500, 502, 503, 504].includes(s)],
    ['any: any final answer', 'any', () => false],
    ['200: nothing else', '200', (s) => s !== 200],
    ['2xx: any success', '2xx', (s) => s > 299],
    ['a list: exactly its codes', [200, 404, 503], (s) => ![200, 404, 503].includes(s)],
  ]
  for (const [why, policy, dead] of rows) {
    it(`${why}, for every code from 200 to 699`, () => {
      assert.deepEqual(
        FINAL.filter((status) => !isAlive(status, policy)),
        FINAL.filter(dead),
      )
    })
  }

  it('takes no provisional answer and nothing beyond 699 under any policy', () => {
    for (const policy of ['default', 'any', '200', '2xx', [100, 700]] as const) {
      for (const status of [0, 100, 180, 199, 700, 999, Number.NaN]) assert.equal(isAlive(status, policy), false)
    }
  })
})
