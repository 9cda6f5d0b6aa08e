import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { prepareDatabase } from '../../app/store/migrate.ts'
import { askOnce } from '../../app/store/postmaster.ts'
import { type Store, type StoreOptions, startStore } from '../../app/store/store.ts'
import { callId, type NodeId, nodeId, tenantId, trunkId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { at, attempt, callIdOf, callRow, ended, trace, turn } from '../helpers/records.ts'
import { emptyCalls } from '../helpers/store.ts'

const east = nodeId('east-1')

/** What every PostgreSQL keeps for a node: calls, events, and what a start puts right. `url` names a database that is the suite's alone. */
export function describeDurableStore(name: string, url: () => string): void {
  describe(`the durable store in ${name}`, function () {
    this.timeout(60_000)
    let dataDir: string
    const started: Store[] = []

    before(() => prepareDatabase(url(), at(0)))

    beforeEach(async () => {
      dataDir = await tempFolder()
    })

    afterEach(async () => {
      for (const store of started.splice(0)) await store.close()
      await rm(dataDir, { recursive: true, force: true })
      await emptyCalls(url())
    })

    async function start(options: Partial<StoreOptions> = {}): Promise<Store> {
      const store = await startStore({ postgres: url(), dataDir, node: east, ...options })
      started.push(store)
      return store
    }

    async function restart(store: Store): Promise<Store> {
      await store.close()
      return start()
    }

    const whole = (n: number, fields: Partial<CallRow> = {}): CallRow =>
      callRow(n, {
        ...ended(3, at(90_000)),
        answeredAt: at(1000),
        attestation: 'A',
        agent: { backend: 'local', firstAudioMs: 12, turns: 2, bargeIns: 1, reconnects: 0, tokens: 345 },
        media: {
          codec: 'PCMU',
          srtp: false,
          in: { packets: 4500, lost: 3, jitterMs: 0.25, mos: 4.3 },
          out: { packets: 4500, lost: 0, jitterMs: 0, mos: null },
        },
        recording: 'recordings/1.wav',
        ...fields,
      })

    it('shows a call as it was journaled, with its attempts and turns in order', async () => {
      const { journal, calls } = await start()
      const row = whole(1)
      journal.turn(row.id, 1, turn('Good bye.', 30))
      journal.turn(row.id, 0, turn('Hello.', 20))
      journal.attempt(row.id, 1, attempt({ trunk: trunkId('beta') }))
      journal.attempt(row.id, 0, attempt({ sip: null, reason: null, pddMs: null, trunk: null }))
      journal.call(row)
      assert.deepEqual(await calls.call(row.id), {
        ...row,
        attempts: [attempt({ sip: null, reason: null, pddMs: null, trunk: null }), attempt({ trunk: trunkId('beta') })],
        transcript: [turn('Hello.', 20), turn('Good bye.', 30)],
      })
      assert.equal(await calls.call(callIdOf(2)), null)
      assert.equal(await calls.call(callId('\0')), null)
    })

    it('keeps the newest revision of a call, in whatever order they come', async () => {
      const { journal, calls } = await start()
      const states = ['incoming', 'ringing', 'active', 'held'] as const
      for (const n of [1, 2]) {
        const rows = states.map((state, index) => callRow(n, { state, revision: index + 1 }))
        for (const row of n === 1 ? rows : rows.toReversed()) journal.call(row)
        await journal.written(5000)
        journal.call(callRow(n, { revision: 2 }))
      }
      const page = await calls.calls({ limit: 10 })
      assert.deepEqual(
        page.calls.map(({ state, revision }) => [state, revision]),
        [
          ['held', 4],
          ['held', 4],
        ],
      )
    })

    it('keeps what was said last about an attempt and a turn, and the first of a message', async () => {
      const { journal, calls } = await start()
      const id = callIdOf(1)
      journal.call(callRow(1))
      journal.attempt(id, 0, attempt({ sip: null }))
      journal.turn(id, 0, turn('Hello, how can I help you?'))
      journal.sip(id, 0, trace('INVITE'))
      await journal.written(5000)
      journal.attempt(id, 0, attempt({ sip: 486 }))
      journal.turn(id, 0, turn('Hello, how'))
      journal.sip(id, 0, trace('INVITE again'))
      const record = await calls.call(id)
      assert.equal(record?.attempts[0]?.sip, 486)
      assert.equal(record?.transcript[0]?.text, 'Hello, how')
      assert.deepEqual(await calls.ladder(id), [trace('INVITE')])
    })

    it('changes nothing when the journal is replayed as a whole', async () => {
      const dump = (): Promise<string> =>
        askOnce(url(), async (client) => {
          const tables = ['calls', 'attempts', 'turns', 'sip_messages', 'call_events']
          const texts = []
          for (const table of tables) texts.push((await client.query(`select * from ${table} order by 1, 2`)).rows)
          return JSON.stringify(texts)
        })
      const first = await start()
      for (let n = 1; n <= 50; n++) {
        const row = whole(n)
        first.journal.call(callRow(n))
        first.journal.attempt(row.id, 0, attempt({ sip: null }))
        first.journal.event({ event: 'call.incoming', call: row.id })
        first.journal.sip(row.id, 0, trace('INVITE'))
        first.journal.attempt(row.id, 0, attempt())
        first.journal.turn(row.id, 0, turn('Hello'))
        first.journal.turn(row.id, 0, turn('Hel'))
        first.journal.call(row)
      }
      await first.journal.written(5000)
      const kept = await tempFolder()
      await cp(join(dataDir, 'journal'), kept, { recursive: true })
      const before = await dump()
      for (let replay = 0; replay < 2; replay++) {
        await started.pop()?.close()
        await rm(join(dataDir, 'journal'), { recursive: true })
        await cp(kept, join(dataDir, 'journal'), { recursive: true })
        await rm(join(dataDir, 'journal', 'checkpoint.json'), { force: true })
        await start()
        assert.equal(await dump(), before)
      }
      await rm(kept, { recursive: true })
    })

    describe('asked for calls', () => {
      const ids = (page: { readonly calls: readonly { readonly id: string }[] }): number[] =>
        page.calls.map(({ id }) => Number(id.slice(-6)))

      const [ALICE, BOB] = ['a'.repeat(32), 'b'.repeat(32)]

      async function seeded(): Promise<Store> {
        const store = await start()
        for (let n = 1; n <= 25; n++) store.journal.call(n % 5 === 0 ? callRow(n, ended(2, at(n + 1))) : callRow(n))
        store.journal.call(callRow(26, { tenant: tenantId('shop'), trunk: trunkId('beta'), from: '+12025550142' }))
        const sip = { callId: 'c', sessionId: `${ALICE};remote=${BOB}` }
        store.journal.call(callRow(27, { to: '+12025550143', startedAt: at(-40 * 86_400_000), sip }))
        return store
      }

      it('gives them page by page, newest first, each once, over the months', async () => {
        const { calls } = await seeded()
        const seen: number[] = []
        let cursor: string | null = ''
        for (let pages = 0; cursor !== null; pages++) {
          assert.ok(pages < 5)
          const page = await calls.calls({ limit: 10, ...(cursor === '' ? {} : { cursor }) })
          seen.push(...ids(page))
          cursor = page.next
        }
        assert.deepEqual(seen, [26, ...Array.from({ length: 25 }, (_, n) => 25 - n), 27])
      })

      it('has no next page after a page that is just full', async () => {
        const { calls } = await seeded()
        assert.equal((await calls.calls({ limit: 27 })).next, null)
      })

      it('gives those that are asked for', async () => {
        const { calls } = await seeded()
        const table: [query: Parameters<typeof calls.calls>[0], want: number[]][] = [
          [{ limit: 9, active: false }, [25, 20, 15, 10, 5]],
          [{ limit: 2, active: true }, [26, 24]],
          [{ limit: 9, cause: 'normal' }, [25, 20, 15, 10, 5]],
          [{ limit: 9, state: 'ended', trunk: trunkId('beta') }, []],
          [{ limit: 9, tenant: 'shop' }, [26]],
          [{ limit: 9, trunk: 'beta' }, [26]],
          [{ limit: 9, from: '+12025550142' }, [26]],
          [{ limit: 9, to: '+12025550143' }, [27]],
          [{ limit: 9, sipSessionId: ALICE }, [27]],
          [{ limit: 9, sipSessionId: BOB }, [27]],
          [{ limit: 9, sipSessionId: BOB.slice(1) }, []],
          [{ limit: 9, until: at(0) }, [27]],
          [{ limit: 9, since: at(25) }, [26, 25]],
          [{ limit: 9, since: at(3), until: at(5) }, [4, 3]],
          [{ limit: 1, cursor: callIdOf(10) }, [9]],
          [{ limit: 9, cursor: 'zzz', tenant: 'shop' }, [26]],
          [{ limit: 9, tenant: "'; drop table calls; --" }, []],
          [{ limit: 9, tenant: '\0' }, []],
          [{ limit: 9, from: '\ud800' }, []],
          [{ limit: -5, tenant: 'shop' }, [26]],
        ]
        for (const [query, want] of table) {
          assert.deepEqual(ids(await calls.calls(query)), want, JSON.stringify(query))
        }
      })
    })

    describe('asked for events', () => {
      it('gives those of a call in order, and those after the last one seen', async () => {
        const { journal, calls } = await start()
        const sent = Array.from({ length: 9 }, (_, n) =>
          journal.event({ event: 'dtmf', n, ...(n % 2 === 0 ? { call: callIdOf(1) } : {}) }),
        )
        assert.deepEqual(
          await calls.events(callIdOf(1)),
          sent.filter((_, n) => n % 2 === 0),
        )
        const eventsAfter = (seen: [NodeId, number][], limit = 99) => calls.eventsAfter(new Map(seen), limit)
        assert.deepEqual(await eventsAfter([]), sent)
        assert.deepEqual(await eventsAfter([], 2), sent.slice(0, 2))
        assert.deepEqual(await eventsAfter([[east, 7]]), sent.slice(7))
        assert.deepEqual(await eventsAfter([[east, 99]]), [])
      })

      it('gives of a node that the reader has not met only what came after all that it has seen', async () => {
        const first = await start()
        const old = first.journal.event({ event: 'dtmf', n: 1 })
        const west = await start({ dataDir: join(dataDir, 'west'), node: nodeId('west-1') })
        await first.journal.written(5000)
        while (Date.now() <= Date.parse(old.at)) await first.journal.synced()
        const seen = west.journal.event({ event: 'dtmf', n: 2 })
        await west.journal.written(5000)
        while (Date.now() <= Date.parse(seen.at)) await first.journal.synced()
        const fresh = first.journal.event({ event: 'dtmf', n: 3 })
        await first.journal.written(5000)
        assert.deepEqual(await west.calls.eventsAfter(new Map([[nodeId('west-1'), 1]]), 9), [fresh])
      })
    })

    describe('started after a node died', () => {
      it('ends the calls that it left open, at the time of the last thing on record', async () => {
        const first = await start()
        const [talking, silent, over] = [callRow(1, { state: 'active', revision: 5 }), callRow(2), whole(3)]
        for (const row of [talking, silent, over]) first.journal.call(row)
        first.journal.turn(talking.id, 0, turn('Hello?', 5000))
        first.journal.sip(talking.id, 0, trace('INVITE', 7000))
        const others = callRow(4, { node: nodeId('west-1') })
        first.journal.call(others)

        const { calls } = await restart(first)
        const { attempts: _a, transcript: _t, ...closed } = (await calls.call(talking.id)) ?? assert.fail()
        const lost = { state: 'ended', end: { by: 'system', sip: null, cause: 'node-lost' } } as const
        assert.deepEqual(closed, { ...talking, ...lost, revision: 6, endedAt: at(7000) })
        assert.deepEqual((await calls.call(silent.id))?.endedAt, silent.startedAt)
        assert.equal((await calls.call(over.id))?.end?.cause, 'normal')
        assert.equal((await calls.call(others.id))?.state, 'incoming')
        const [event] = await calls.events(talking.id)
        assert.deepEqual([event?.event, event?.trunk, event?.tenant], ['call.ended', 'alpha', 'clinic'])
        assert.deepEqual(event?.end, lost.end)
      })

      it('ends them once, and none of its own', async () => {
        const first = await start()
        first.journal.call(callRow(1))
        const second = await restart(first)
        second.journal.call(callRow(2))
        await second.journal.written(5000)
        assert.equal((await second.calls.call(callIdOf(2)))?.state, 'incoming')
        const third = await restart(second)
        assert.deepEqual(
          (await third.calls.calls({ limit: 9 })).calls.map(({ state, revision }) => [state, revision]),
          [
            ['ended', 2],
            ['ended', 2],
          ],
        )
        assert.equal((await third.calls.events(callIdOf(1))).length, 1)
      })

      it('numbers events above what Postgres has of it where the journal is lost', async () => {
        const first = await start()
        const lost = first.journal.event({ event: 'dtmf' })
        await first.close()
        await rm(join(dataDir, 'journal'), { recursive: true })
        const { journal } = await start()
        const next = journal.event({ event: 'dtmf' })
        assert.equal(lost.id, 'east-1-1')
        assert.ok(Number(next.id.slice('east-1-'.length)) > 1_700_000_000_000)
      })
    })

    it('stores hostile texts: U+0000, halves of surrogate pairs, escapes, huge ones', async () => {
      const { journal, calls } = await start()
      const texts = [
        'a\0b',
        '\ud800',
        '\udc00\ud83d',
        '\\u0000',
        '\u0001\u001f\u007f',
        'x'.repeat(1_000_000),
        '😀'.repeat(50_000),
      ]
      for (const [n, text] of texts.entries()) {
        const row = callRow(n, {
          from: text,
          to: text,
          raw: { from: text, to: text },
          sip: { callId: text, sessionId: null },
        })
        journal.call(row)
        journal.attempt(row.id, 0, attempt({ target: text, reason: text }))
        journal.turn(row.id, 0, turn(text))
        journal.sip(row.id, 0, trace(text))
        journal.event({ event: 'dtmf', call: row.id, [text.slice(0, 40)]: { nested: [text] } })
      }
      await journal.written(10_000)
      assert.equal(started[0]?.state().deadLetters, 0)
      const { calls: stored } = await calls.calls({ limit: 99 })
      assert.equal(stored.length, texts.length)
      assert.ok(stored.every(({ attempts, transcript }) => attempts.length === 1 && transcript.length === 1))
      const [record] = stored.slice(-1)
      assert.deepEqual([record?.from, record?.transcript[0]?.text], ['a\ufffdb', 'a\ufffdb'])
      assert.deepEqual((await calls.call(callIdOf(3)))?.raw, { from: '\\u0000', to: '\\u0000' })
      for (const n of texts.keys()) {
        assert.equal((await calls.ladder(callIdOf(n))).length, 1)
        assert.equal((await calls.events(callIdOf(n))).length, 1)
      }
    })
  })
}
