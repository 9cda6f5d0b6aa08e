import assert from 'node:assert/strict'
import { Turns } from '../../app/turns.ts'

describe('Turns', () => {
  it('lets no more run at a time than it may, in order, and goes on behind one that fails', async () => {
    const turns = new Turns(2)
    const began: number[] = []
    const ends: (() => void)[] = []
    let running = 0
    let most = 0
    const work = async (n: number): Promise<number> => {
      began.push(n)
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => ends.push(resolve))
      running -= 1
      if (n === 1) throw new Error('one')
      return n
    }
    const all = Promise.allSettled([0, 1, 2, 3, 4].map((n) => turns.run(() => work(n))))
    for (let i = 0; i < 5; i++) {
      while (ends.length === 0) await Promise.resolve()
      ends.shift()?.()
    }
    const outcomes = await all
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
    )
    assert.deepEqual(began, [0, 1, 2, 3, 4])
    assert.equal(most, 2)
    assert.equal(await turns.run(async () => 5), 5)
  })
})
