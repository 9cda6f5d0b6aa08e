import assert from 'node:assert/strict'
import pg from 'pg'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { codeOf } from '../../../app/store/store-error.ts'
import { debianBinaries, startPostgres, type TestPostgres } from '../../helpers/postgres.ts'

const november = new Date('2026-11-22T12:00:00Z')

const engines = [
  { name: 'the embedded PostgreSQL', binaries: undefined },
  { name: 'PostgreSQL 15 of Debian', binaries: debianBinaries() },
]

for (const { name, binaries } of engines) {
  describe(`the schema on ${name}`, function () {
    this.timeout(60_000)
    let postgres: TestPostgres

    before(async function () {
      if (binaries === null) return this.skip()
      postgres = await startPostgres(binaries)
    })

    after(() => postgres?.stop())

    const tables = (): Promise<string[]> =>
      askOnce(postgres.url, async (client) => {
        const text =
          "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
        const { rows } = await client.query<{ relname: string }>(`${text} order by 1`)
        return rows.map(({ relname }) => relname)
      })

    it('is made once, though many nodes start at the same moment', async () => {
      await Promise.all(Array.from({ length: 8 }, () => prepareDatabase(postgres.url, november)))
      const made = await tables()
      for (const table of ['calls', 'attempts', 'turns', 'sip_messages', 'call_events']) {
        const parts = ['', '_2026_11', '_2026_12', '_2027_01', '_rest'].map((suffix) => table + suffix)
        assert.deepEqual(
          made.filter((own) => own === table || own.startsWith(`${table}_`)),
          parts,
        )
      }
    })

    it('is left alone by later starts, and gets the partitions of later months', async () => {
      const before = await tables()
      await prepareDatabase(postgres.url, november)
      assert.deepEqual(await tables(), before)
      await prepareDatabase(postgres.url, new Date('2027-01-31T23:59:59Z'))
      assert.deepEqual(
        (await tables()).filter((table) => table.startsWith('calls_2027')),
        ['calls_2027_01', 'calls_2027_02', 'calls_2027_03'],
      )
    })

    it('keeps rows of a month whose partition comes too late where they are', async () => {
      const insert = `insert into turns (call_id, ordinal, sequence, at, who, text)
        values ($1, 0, 1, now(), 'agent', 'early')`
      // 2027-06-15, beyond every partition there is.
      await askOnce(postgres.url, (client) => client.query(insert, ['01NTQZ0000AAAAAAAAAAAAAAAA']))
      await prepareDatabase(postgres.url, new Date('2027-06-01T00:00:00Z'))
      const { rows } = await askOnce(postgres.url, (client) => client.query('select count(*) as n from turns'))
      assert.equal(rows[0]?.n, 1)
    })

    it('of a newer Tandem is refused with words', async () => {
      const newer = "insert into kysely_migration (name, timestamp) values ('9999-future', now()::text)"
      await askOnce(postgres.url, (client) => client.query(newer))
      await assert.rejects(prepareDatabase(postgres.url, november), (error: Error) => {
        assert.equal(codeOf(error), 'postgres-refused')
        assert.match(error.message, /another version of Tandem.*9999-future/)
        return true
      })
    })

    it('needs a database in UTF-8', async () => {
      const create = "create database ascii encoding 'SQL_ASCII' template template0"
      await askOnce(postgres.url, (client) => client.query(create))
      const url = postgres.url.replace('/tandem?', '/ascii?')
      await assert.rejects(prepareDatabase(url, november), /must be in encoding UTF8, this one is in SQL_ASCII/)
    })

    it('says which database there is none of', async () => {
      const url = postgres.url.replace('/tandem?', '/missing?')
      await assert.rejects(prepareDatabase(url, november), (error: Error) => {
        assert.equal(codeOf(error), 'postgres-refused')
        assert.ok(error.cause instanceof pg.DatabaseError)
        assert.match(error.message, /"missing" does not exist/)
        return true
      })
    })
  })
}
