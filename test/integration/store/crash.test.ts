import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { startStore } from '../../../app/store/store.ts'
import { nodeId } from '../../../lib/core/ids.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { callIdOf } from '../../helpers/records.ts'

const script = new URL('../../helpers/journal-writer.js', import.meta.url)

describe('a node that is killed while it journals', function () {
  this.timeout(60_000)
  let postgres: TestPostgres
  let dataDir: string
  let child: ChildProcess | null = null

  before(async () => {
    postgres = await startPostgres()
    dataDir = await tempFolder()
  })

  after(async () => {
    child?.kill('SIGKILL')
    await postgres.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  /** Lets the child write until so many calls are on disk, kills it, and says how many it had told to be on disk. */
  async function killAfter(calls: number): Promise<number> {
    child = fork(script, [postgres.url, dataDir], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    let synced = 0
    child.on('message', (count) => {
      synced = Number(count)
    })
    while (synced < calls) await once(child, 'message')
    child.kill('SIGKILL')
    await once(child, 'exit')
    return synced
  }

  for (const away of [false, true]) {
    it(`loses nothing that was on disk${away ? ', though Postgres was away all the time' : ''}`, async () => {
      if (away) await postgres.interrupt()
      const synced = await killAfter(2000)
      if (away) await postgres.resume()
      const store = await startStore({ postgres: postgres.url, dataDir, node: nodeId('east-1') })
      try {
        for (let n = 1; n <= synced; n += 97) {
          const record = await store.calls.call(callIdOf(n))
          assert.deepEqual(record?.end, { by: 'system', sip: null, cause: 'node-lost' }, `call ${n} of ${synced}`)
          assert.equal(record?.transcript[0]?.text, `turn of ${n}`)
          assert.equal((await store.calls.ladder(callIdOf(n))).length, 1)
          const events = (await store.calls.events(callIdOf(n))).map(({ event }) => event)
          // The second run journals the same calls once more.
          assert.deepEqual(new Set(events), new Set(['call.incoming', 'call.ended']))
        }
        const last = await store.calls.call(callIdOf(synced))
        assert.equal(last?.state, 'ended')
        assert.equal((await store.calls.calls({ limit: 1, active: true })).calls.length, 0)
      } finally {
        await store.close()
      }
    })
  }
})
