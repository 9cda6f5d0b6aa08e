import assert from 'node:assert/strict'
import type { SharedState } from '../../app/fleet/shared-state.ts'
import { codeOf } from '../../app/store/store-error.ts'

/** Two nodes' views of one shared state, and what ends them. */
export interface SharedStatePair {
  readonly here: SharedState
  readonly there: SharedState
}

/** What every carrier of shared state keeps to. `pair` gives the same two views to all tests; keys are theirs alone. */
export function describeSharedState(carrier: string, pair: () => SharedStatePair): void {
  describe(`shared state in ${carrier}`, () => {
    const long = 60_000

    it('shows every node what one has put', async () => {
      const value = { text: 'Größe ☎ 😀', list: [1, null, true], nul: 'a\0b', half: '\ud83d' }
      await pair().here.put('call:1', value, long)
      assert.deepEqual(await pair().there.get('call:1'), value)
    })

    it('has nothing where nothing was put, and tells it from null', async () => {
      assert.equal(await pair().here.get('call:none'), undefined)
      await pair().here.put('call:null', null, long)
      assert.equal(await pair().here.get('call:null'), null)
    })

    it('replaces a value as a whole', async () => {
      await pair().here.put('call:2', { a: 1, b: 2 }, long)
      await pair().there.put('call:2', { b: 3 }, long)
      assert.deepEqual(await pair().here.get('call:2'), { b: 3 })
    })

    it('forgets what was deleted, and does not mind deleting it twice', async () => {
      await pair().here.put('call:3', 1, long)
      await pair().there.delete('call:3')
      await pair().here.delete('call:3')
      assert.equal(await pair().here.get('call:3'), undefined)
    })

    it('shows a value no longer than its time, unless it is put again', async () => {
      const { here, there } = pair()
      await here.put('short:kept', 1, 40)
      await here.put('short:kept', 2, long)
      await here.put('short:gone', 1, 40)
      while ((await there.get('short:gone')) !== undefined);
      assert.deepEqual([...(await there.list('short:'))], [['short:kept', 2]])
    })

    it('lists what begins with a prefix, by key, and takes no character of it for a wildcard', async () => {
      const { here, there } = pair()
      for (const key of ['list:b', 'list:a', 'list:a%', 'list:a_1', 'lisp:a', 'listing']) await here.put(key, key, long)
      assert.deepEqual([...(await there.list('list:')).keys()], ['list:a', 'list:a%', 'list:a_1', 'list:b'])
      assert.deepEqual([...(await there.list('list:a%')).values()], ['list:a%'])
      assert.equal((await there.list('nothing:')).size, 0)
    })

    it('gives a place to one holder at a time, who can keep it, and frees it for nobody else', async () => {
      const { here, there } = pair()
      assert.equal(await here.claim('place:1', 'anna', long), true)
      assert.equal(await there.claim('place:1', 'otto', long), false)
      assert.equal(await here.claim('place:1', 'anna', long), true)
      assert.equal(await there.get('place:1'), 'anna')
      assert.deepEqual([...(await there.list('place:')).keys()], ['place:1'])
      assert.equal(await there.release('place:1', 'otto'), false)
      assert.equal(await here.release('place:1', 'anna'), true)
      assert.equal(await here.release('place:1', 'anna'), false)
      assert.equal((await there.list('place:')).size, 0)
      assert.equal(await there.claim('place:1', 'otto', long), true)
      assert.equal(await there.release('place:1', 'otto'), true)
    })

    it('gives a place to another one when its time is over, and the first can neither keep nor free it then', async () => {
      const { here, there } = pair()
      await here.claim('place:2', 'anna', 40)
      while (!(await there.claim('place:2', 'otto', long)));
      assert.equal(await here.claim('place:2', 'anna', long), false)
      assert.equal(await here.release('place:2', 'anna'), false)
      assert.equal(await there.get('place:2'), 'otto')
    })

    it('gives a place to one of many who want it at the same time', async () => {
      const wants = (at: number) => (at % 2 === 0 ? pair().here : pair().there).claim('place:3', `holder ${at}`, long)
      const got = await Promise.all(Array.from({ length: 40 }, (_, at) => wants(at)))
      assert.equal(got.filter(Boolean).length, 1)
    })

    it('rings for everyone who listens on that channel, the ringer included', async () => {
      const { here, there } = pair()
      const heard: unknown[] = []
      const both = new Promise<void>((resolve) => {
        const hear = (message: unknown): void => void (heard.push(message) === 3 && resolve())
        void Promise.all([
          here.subscribe('doors', hear),
          there.subscribe('doors', hear),
          there.subscribe('doors', hear),
          there.subscribe('windows', () => assert.fail('rang on another channel')),
        ]).then(() => here.publish('doors', { trunk: 'alpha', words: 'Tür\0' }))
      })
      await both
      assert.deepEqual(heard, Array(3).fill({ trunk: 'alpha', words: 'Tür\0' }))
    })

    it('keeps the order of rings, and stops when it is told to', async () => {
      const { here, there } = pair()
      const heard: unknown[] = []
      const stop = await there.subscribe('order', (message) => heard.push(message))
      const last = new Promise<void>((resolve) => {
        void there.subscribe('order', (message) => message === 99 && resolve())
      })
      for (let ring = 0; ring < 99; ring++) await here.publish('order', ring)
      await stop()
      await here.publish('order', 99)
      await last
      assert.deepEqual(
        heard.filter((ring) => ring !== 99),
        Array.from({ length: heard.filter((ring) => ring !== 99).length }, (_, ring) => ring),
      )
      assert.equal(heard.includes(99), false)
    })

    it('carries 7000 bytes at a ring', async () => {
      const { here, there } = pair()
      const longest = 'x'.repeat(6998)
      const heard = new Promise((resolve) => {
        void there.subscribe('long', resolve).then(() => here.publish('long', longest))
      })
      assert.equal(await heard, longest)
    })

    it('refuses what no carrier takes, with the figures, and goes on', async () => {
      const { here } = pair()
      const cycle: Record<string, unknown> = {}
      cycle.self = cycle
      const refused: [why: string, attempt: () => Promise<unknown>, words: RegExp][] = [
        [
          'a long message',
          () => here.publish('long', 'x'.repeat(6999)),
          /at most 7000 bytes of JSON, this one has 7001/,
        ],
        ['a long value', () => here.put('a:b', 'x'.repeat(300_000), long), /at most 262144 bytes of JSON/],
        ['no JSON', () => here.put('a:b', undefined, long), /must be JSON, not undefined/],
        ['a cycle', () => here.put('a:b', cycle, long), /must be JSON/],
        ['an empty key', () => here.put('', 1, long), /1 to 512 bytes/],
        ['a long key', () => here.get('k'.repeat(513)), /1 to 512 bytes, this one has 513/],
        ['U+0000 in a key', () => here.delete('a\0b'), /no control characters/],
        ['half a pair in a channel', () => here.subscribe('\ud83d', () => undefined), /no control characters/],
        ['no time to live', () => here.put('a:b', 1, 0), /above 0/],
        ['an endless one', () => here.put('a:b', 1, Number.POSITIVE_INFINITY), /above 0 and at most/],
        ['one that is no number', () => here.put('a:b', 1, Number.NaN), /above 0/],
      ]
      for (const [why, attempt, words] of refused) {
        await assert.rejects(attempt, (error: Error) => {
          assert.equal(codeOf(error), 'shared-state-input', why)
          assert.match(error.message, words)
          return true
        })
      }
      await here.put('a:b', 1, long)
    })
  })
}
