import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import fc from 'fast-check'
import { callAnswer, callsAnswer } from '../../../app/api/answers.ts'
import { type RunningApi, startApi } from '../../../app/api/server.ts'
import { EventLog } from '../../../app/observe/event-log.ts'
import { type Store, startStore } from '../../../app/store/store.ts'
import { nodeId } from '../../../lib/core/ids.ts'
import { type ApiParts, apiParts, bearer, KEYS } from '../../helpers/api.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { at, attempt, callIdOf, callRow, ended, turn } from '../../helpers/records.ts'
import { OFFER, trace } from '../../unit/observe/messages.ts'
import { EventReader } from './event-reader.ts'

const NODE = nodeId('east-1')

describe('the HTTP API on PostgreSQL', function () {
  this.timeout(60_000)
  let postgres: TestPostgres
  let folder: string
  let store: Store
  let events: EventLog
  let parts: ApiParts
  let api: RunningApi

  const get = (path: string) => fetch(`${api.url}${path}`, { headers: bearer(KEYS.viewer) })
  const json = async (path: string): Promise<unknown> => (await get(path)).json()

  before(async () => {
    postgres = await startPostgres()
    folder = await tempFolder()
    store = await startStore({ postgres: postgres.url, dataDir: folder, node: NODE })
    const inMemory = apiParts()
    events = new EventLog({
      node: NODE,
      journal: store.journal,
      store: store.calls,
      log: inMemory.options.log,
      ringSize: 256,
    })
    parts = { ...inMemory, options: { ...inMemory.options, calls: store.calls, events } }
    api = await startApi(parts.options)
  })
  after(async () => {
    await api.close()
    parts.metrics.close()
    await store.close()
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('shows a call with all that belongs to it as soon as it is journaled', async () => {
    const id = callIdOf(1)
    store.journal.call(callRow(1))
    store.journal.attempt(id, 0, attempt())
    store.journal.turn(id, 0, turn('Hello'))
    store.journal.sip(
      id,
      0,
      trace({ atMs: 0, direction: 'in', start: 'INVITE sip:+12025550100@x SIP/2.0', cseq: '1 INVITE', sdp: OFFER }),
    )
    events.emit({ event: 'call.incoming', call: id })
    store.journal.call(callRow(1, ended(2, at(60_000))))
    const call = callAnswer.strict().parse(await json(`/api/v1/calls/${id}`))
    assert.deepEqual([call.state, call.attempts.length, call.transcript[0]?.text], ['ended', 1, 'Hello'])
    const ladder = await (await get(`/api/v1/calls/${id}/ladder`)).text()
    assert.match(ladder, /INVITE \+12025550100[\s\S]*call\.incoming|call\.incoming[\s\S]*INVITE \+12025550100/)
  })

  it('finds calls by number, state and time, page after page', async () => {
    for (let n = 2; n <= 9; n += 1) store.journal.call(callRow(n, n % 2 === 0 ? {} : ended(1, at(n))))
    const numbers = '&from=+12025550101&to=%2B12025550100'
    const active = callsAnswer.parse(await json(`/api/v1/calls?active=true${numbers}`))
    assert.deepEqual(
      active.calls.map((call) => call.id),
      [8, 6, 4, 2].map((n) => callIdOf(n)),
    )
    const found: string[] = []
    let cursor = ''
    do {
      const page = callsAnswer.parse(await json(`/api/v1/calls?limit=3&since=${at(3).toISOString()}${cursor}`))
      found.push(...page.calls.map((call) => call.id))
      cursor = page.next === null ? '' : `&cursor=${page.next}`
    } while (cursor !== '')
    assert.deepEqual(
      found,
      [9, 8, 7, 6, 5, 4, 3].map((n) => callIdOf(n)),
    )
  })

  it('lets a reader of events come back after hundreds of them, losing and doubling nothing', async () => {
    const { id } = events.emit({ event: 'dtmf', n: 0 })
    for (let n = 1; n <= 1_200; n += 1) {
      events.emit({ event: 'dtmf', n })
      if (n % 7 === 0) store.journal.turn(callIdOf(1), n, turn(`turn ${n}`))
    }
    const reader = await EventReader.open(`${api.url}/api/v1/events`, { ...bearer(KEYS.viewer), 'last-event-id': id })
    const first = await reader.numbers(600)
    for (let n = 1_201; n <= 1_300; n += 1) events.emit({ event: 'dtmf', n })
    const rest = await reader.numbers(700)
    await reader.close()
    assert.deepEqual(
      [...first, ...rest],
      Array.from({ length: 1_300 }, (_, i) => i + 1),
    )
  })

  it('answers any filter with 200 or 400, whatever Postgres thinks of it', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom("' or 1=1 --", '9'.repeat(30), '0000-01-01', '9999-12-31', '+'),
    )
    const pair = fc.tuple(
      fc.constantFrom('tenant', 'trunk', 'from', 'to', 'since', 'until', 'cursor', 'limit', 'active'),
      text,
    )
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { maxLength: 3 }), async (pairs) => {
        const { status } = await get(`/api/v1/calls?${new URLSearchParams(pairs).toString()}`)
        assert.ok(status === 200 || status === 400, `${status} for ${JSON.stringify(pairs)}`)
      }),
      { numRuns: 150 },
    )
    for (const day of ['0000-01-01', '0001-01-01', '9999-12-31']) {
      assert.equal((await get(`/api/v1/calls?since=${day}&until=${day}`)).status, 200, day)
    }
  })

  it('says 503 while Postgres is away, and answers again when it is back', async () => {
    await postgres.interrupt()
    const answer = await get('/api/v1/calls')
    assert.equal(answer.status, 503)
    assert.match(await answer.text(), /"code":"store-unavailable"/)
    await postgres.resume()
    while ((await get('/api/v1/calls')).status !== 200);
  })
})
