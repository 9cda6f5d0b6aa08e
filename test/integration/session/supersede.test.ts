import assert from 'node:assert/strict'
import { Supersede } from '../../../app/session/supersede.ts'
import { nodeId, type SessionId, sessionId } from '../../../lib/core/ids.ts'

const [east, west] = [nodeId('east-1'), nodeId('west-1')]
const session = sessionId('01M81J18G10000000000000001')

describe('a live session that a new call of its caller asks for', () => {
  const heard = new Map<string, (message: unknown) => void>()
  const started: Supersede[] = []
  let errors: number

  const shared = {
    publish: async (channel: string, message: unknown) => {
      const copy: unknown = JSON.parse(JSON.stringify(message))
      queueMicrotask(() => heard.get(channel)?.(copy))
    },
    subscribe: async (channel: string, listener: (message: unknown) => void) => {
      heard.set(channel, listener)
      return async () => void heard.delete(channel)
    },
  }

  beforeEach(() => {
    errors = 0
  })

  afterEach(async () => {
    for (const one of started.splice(0)) await one.close()
    assert.equal(heard.size, 0)
  })

  async function on(self: typeof east, giveWay: (asked: SessionId) => Promise<boolean>): Promise<Supersede> {
    const one = new Supersede({
      self,
      shared,
      giveWay,
      onError: () => {
        errors += 1
      },
    })
    await one.start()
    started.push(one)
    return one
  }

  it('is let go by the node that it is on, where its leg is silent', async () => {
    const asked: SessionId[] = []
    await on(east, async (one) => {
      asked.push(one)
      return true
    })
    const here = await on(west, async () => false)
    assert.equal(await here.ask(east, session), true)
    assert.deepEqual(asked, [session])
  })

  it('is kept where that node says so, or cannot tell', async () => {
    await on(east, async () => false)
    const here = await on(west, () => Promise.reject(new Error('slow')))
    assert.equal(await here.ask(east, session), false)
    assert.equal(await here.ask(west, session), false)
    assert.equal(errors, 1)
  })

  it('is kept where that node is dead: nobody waits for it longer than a second', async () => {
    const here = await on(west, async () => false)
    const startedAtMs = performance.now()
    assert.equal(await here.ask(east, session), false)
    assert.ok(performance.now() - startedAtMs < 1_500)
    assert.equal(errors, 1)
  })

  it('is asked for without the shared state where it is on the same node', async () => {
    const here = await on(west, async () => true)
    assert.equal(await here.ask(west, session), true)
  })

  it('is not moved by what else is rung', async () => {
    let given = 0
    await on(east, async () => {
      given += 1
      return true
    })
    const nonsense = [null, 'x', {}, { kind: 'ask' }, { kind: 'ask', ask: 1 }, { kind: 'answer', ask: 'x', gaveWay: 1 }]
    for (const ring of nonsense) heard.get('session:east-1')?.(ring)
    assert.equal(given, 0)
  })
})
