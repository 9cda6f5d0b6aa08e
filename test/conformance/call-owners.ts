import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import type { OpenCall } from '../../app/store/call-owners.ts'
import { prepareDatabase } from '../../app/store/migrate.ts'
import { closeDead } from '../../app/store/orphans.ts'
import { askOnce } from '../../app/store/postmaster.ts'
import { type Store, startStore } from '../../app/store/store.ts'
import { nodeId } from '../../lib/core/ids.ts'
import { type CallRow, supersedesRow } from '../../lib/observe/call-record.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { at, callIdOf, callRow, ended } from '../helpers/records.ts'

/** What becomes of the record of a call that several nodes wrote. `url` names a database that is the suite's alone. */
export function describeCallOwners(name: string, url: () => string): void {
  describe(`calls of several owners in ${name}`, function () {
    this.timeout(60_000)
    let store: Store
    let dataDir: string

    beforeEach(async () => {
      await prepareDatabase(url(), at(0))
      dataDir = await tempFolder()
      store = await startStore({ postgres: url(), dataDir, node: nodeId('east-1') })
    })

    afterEach(async () => {
      await store.close()
      await rm(dataDir, { recursive: true, force: true })
      await askOnce(url(), (client) => client.query('truncate calls, call_events'))
    })

    it('keep the same row, in whatever order their writings come and however often', async () => {
      const { journal, calls } = store
      const lost = { state: 'ended', end: { by: 'system', sip: null, cause: 'node-lost' } } as const
      const endings: readonly (readonly [string, readonly Partial<CallRow>[]])[] = [
        [
          'node-lost',
          [
            { revision: 9, state: 'active' },
            { revision: 4, ...lost },
          ],
        ],
        ['normal', [{ revision: 4, ...lost }, ended(3, at(50))]],
        ['active', [{ revision: 2, epoch: 7, state: 'active' }, { ...ended(3, at(50)) }, { revision: 4, ...lost }]],
        [
          'normal',
          [
            { epoch: 7, ...ended(2, at(50)) },
            { revision: 8, epoch: 7, state: 'held' },
            { revision: 4, ...lost },
          ],
        ],
      ]
      let n = 0
      for (const [expected, rows] of endings) {
        for (const order of permutations([{ revision: 1 }, ...rows])) {
          const id = ++n
          const written = order.map((fields) => callRow(id, { ...fields, startedAt: at(0) }))
          for (const row of written) {
            journal.call(row)
            await journal.written(5000)
          }
          journal.call(written[0] ?? callRow(id))
          await journal.written(5000)
          const row = await calls.call(callIdOf(id, at(0)))
          assert.equal(row?.end?.cause ?? row?.state, expected)
          assert.equal(
            written.every((other) => !supersedesRow(other, row ?? other)),
            true,
          )
        }
      }
    })

    it('stay open for who has claimed them last, whatever a claim before that one had been about to say', async () => {
      const { journal, calls, owners } = store
      const [east, west] = [nodeId('east-2'), nodeId('west-1')]
      journal.call(callRow(1, { node: east, state: 'active' }))
      await journal.written(5000)
      const [late] = await owners.claim(await owners.open(east, false), east)
      const [last] = await owners.claim(await owners.open(east, false), west)
      assert.ok(late !== undefined && last !== undefined)
      const stateAfter = async (closing: OpenCall): Promise<string | undefined> => {
        closeDead({ journal, emit: () => undefined }, closing)
        await journal.written(5000)
        return (await calls.call(callIdOf(1)))?.state
      }
      assert.equal(await stateAfter(late), 'active')
      assert.equal(await stateAfter(last), 'ended')
      assert.equal(await stateAfter(late), 'ended')
    })
  })
}

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))
}
