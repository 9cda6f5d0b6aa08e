import assert from 'node:assert/strict'
import { callAnswer, errandAnswer, errandsAnswer } from '../../../app/api/answers.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { type CallId, callId, errandId } from '../../../lib/core/ids.ts'
import { stepErrand } from '../../../lib/outbound/errand.ts'
import { ONE_ATTEMPT } from '../../../lib/outbound/retry-policy.ts'
import { startPostgres, type TestPostgres } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'
import { BUSY, type ErrandNode, HUNG_UP, startErrandNode } from './errand-nodes.ts'

const BODY = { to: '+12025550123', tenant: 'clinic' }
const SOON = { attempts: 2, afterSec: 1, on: ['busy'] }

describe('errands on PostgreSQL', function () {
  this.timeout(60_000)
  let postgres: TestPostgres
  let east: ErrandNode
  let west: ErrandNode

  before(async () => {
    postgres = await startPostgres()
    ;[east, west] = await Promise.all([
      startErrandNode('east-1', postgres.url),
      startErrandNode('west-1', postgres.url),
    ])
  })
  after(async () => {
    await Promise.all([east.stop(), west.stop()])
    await postgres.stop()
  })
  afterEach(() => {
    for (const node of [east, west]) Object.assign(node, { refusal: null, draining: false, policy: null })
  })

  const rungFor = (errand: string) => [...east.rung, ...west.rung].filter((row) => row.errand === errand)
  const errandOf = async (id: string) => errandAnswer.strict().parse((await east.get(`/api/v1/errands/${id}`)).json())
  const stateIs = (id: string, state: string) =>
    until(async () => (await errandOf(id)).state === state, `errand ${id} to be ${state}`, 20_000)
  const placed = async (node: ErrandNode, body: object, key?: string) => {
    const response = await node.post(body, key)
    assert.equal(response.statusCode, 202, response.body)
    return callAnswer.strict().parse(response.json())
  }
  /** An errand whose node has died before it began its call, or right after it wrote that it would. */
  const abandoned = async (leaseMs: number, hasBegun: boolean): Promise<CallId> => {
    const id = callId(`01KAVEQ0000000000000${String(Math.random()).slice(2, 8)}`)
    const wish = { id: errandId(id), tenant: 'clinic', key: null, actor: 'otto', policy: ONE_ATTEMPT }
    const put = await east.store.errands.insert({ ...wish, request: JSON.stringify(BODY) }, leaseMs)
    assert.ok(put !== null)
    const context = { now: put.now, random: 0, nextCall: id }
    if (hasBegun)
      await east.store.errands.write(put, stepErrand(put.errand, { kind: 'begins', node: east.id }, context))
    return id
  }

  it('rings once for a key, whichever node is asked and however often, at the same time too', async () => {
    const nodes = [east, west, east, west, east, west]
    const calls = await Promise.all(nodes.map((node) => placed(node, BODY, 'once')))
    const [id] = new Set(calls.map((call) => call.id))
    assert.ok(id !== undefined)
    assert.deepEqual(new Set(calls.map((call) => `${call.id} ${call.errand}`)), new Set([`${id} ${id}`]))
    assert.equal(rungFor(id).length, 1)
    const [rung] = rungFor(id)
    const home = rung?.node === east.id ? east : west
    home.end(callId(id), HUNG_UP, true)
    await stateIs(id, 'done')
    const again = await placed(east, BODY, '"once"')
    assert.deepEqual([again.id, again.state, again.end?.cause], [id, 'ended', 'normal'])
    assert.equal(rungFor(id).length, 1)
  })

  it('refuses a key that came with another request', async () => {
    await placed(east, BODY, 'reused')
    const before = west.rung.length
    for (const body of [
      { ...BODY, to: '+12025550124' },
      { ...BODY, retry: SOON },
    ]) {
      const response = await west.post(body, 'reused')
      assert.equal(response.statusCode, 422)
      assert.equal(response.json().error.code, 'key-reused')
    }
    assert.equal(west.rung.length, before)
    await placed(west, { ...BODY, tenant: 'office' }, 'reused')
    assert.equal(west.rung.length, before + 1, 'another tenant has keys of its own')
  })

  it('leaves a key free whose call was refused', async () => {
    east.refusal = { code: 'limit', message: 'tenant "clinic" is at its limit of calls' }
    assert.equal((await east.post(BODY, 'refused')).statusCode, 429)
    east.refusal = null
    const call = await placed(east, BODY, 'refused')
    assert.equal(rungFor(call.id).length, 1)
  })

  it('waits, and tells so, where it is known from when on it may call', async () => {
    const notBefore = new Date(Date.now() + 1_500)
    const closed = { code: 'hours', message: 'nobody is called before nine', notBefore } as const
    Object.assign(east, { refusal: closed })
    Object.assign(west, { refusal: closed })
    const call = await placed(east, BODY, 'early')
    const { state, reason, dueAt, attempts } = await errandOf(call.id)
    assert.deepEqual([state, reason, dueAt, attempts], ['waiting', closed.message, notBefore.toISOString(), []])
    Object.assign(east, { refusal: null })
    Object.assign(west, { refusal: null })
    await until(async () => rungFor(call.id).length === 1, 'the call to be made')
    const [rung] = rungFor(call.id)
    assert.ok(rung !== undefined && rung.startedAt >= notBefore)
    assert.equal(rung.id, call.id)
    ;(rung.node === east.id ? east : west).end(rung.id, HUNG_UP, true)
    await stateIs(call.id, 'done')
    east.refusal = { ...closed, notBefore: new Date(Date.now() + 2 * 86_400_000) }
    const tooEarly = await east.post(BODY, 'much-too-early')
    assert.equal(tooEarly.statusCode, 409, 'not within its time')
    assert.deepEqual(tooEarly.json().error, { code: 'outside-calling-hours', message: closed.message })
  })

  it('says what is no key, and takes a call without one as ever', async () => {
    const response = await east.post(BODY, 'a b')
    assert.equal(response.statusCode, 400)
    assert.match(response.json().error.message, /idempotency-key: must be 1 to 255 printable/)
    const before = east.rung.length
    assert.equal((await east.post(BODY)).statusCode, 202)
    assert.equal(east.rung.length, before, 'it is no errand')
  })

  it('takes up what a dead node had claimed and not begun, once', async () => {
    const ids = await Promise.all([abandoned(1, false), abandoned(1, false), abandoned(1, false)])
    for (const id of ids) {
      await until(async () => rungFor(id).length > 0, 'the call to be made')
      assert.deepEqual(
        rungFor(id).map((row) => row.id),
        [id],
        'the very call that was promised',
      )
      const [rung] = rungFor(id)
      ;(rung?.node === east.id ? east : west).end(id, HUNG_UP, true)
      await stateIs(id, 'done')
      assert.equal(rungFor(id).length, 1)
    }
  })

  it('never rings again for a call that a dead node may have begun', async () => {
    const id = await abandoned(1, true)
    const sql = "update errands set changed_at = changed_at - interval '5 minutes' where id = $1"
    await askOnce(postgres.url, (client) => client.query(sql, [id]))
    await stateIs(id, 'failed')
    const { reason, attempts } = await errandOf(id)
    assert.deepEqual([reason, attempts.map(({ outcome }) => outcome), rungFor(id)], ['lost', ['lost'], []])
  })

  it('calls again who was busy, from whatever node serves calls, and tells of each attempt', async () => {
    const first = await placed(east, { ...BODY, retry: SOON }, 'busy')
    east.draining = true
    east.end(callId(first.id), BUSY)
    await until(async () => rungFor(first.id).length === 2, 'the second call')
    const second = west.rung.at(-1)
    assert.equal(second?.errand, first.id)
    assert.notEqual(second.id, first.id)
    west.end(second.id, HUNG_UP, true)
    await stateIs(first.id, 'done')
    const { attempts } = await errandOf(first.id)
    assert.deepEqual(
      attempts.map(({ call, node, outcome }) => [call, node, outcome]),
      [
        [first.id, 'east-1', 'busy'],
        [second.id, 'west-1', 'answered'],
      ],
    )
    assert.equal((await placed(west, { ...BODY, retry: SOON }, 'busy')).id, first.id, 'its first call stays the answer')
    const told = () => [...east.told, ...west.told].filter((words) => words.includes(first.id))
    await until(async () => told().length >= 2, 'both events')
    assert.deepEqual(told().toSorted(), [`errand.ended ${first.id} done`, `errand.waiting ${first.id} `])
  })

  it('calls again whose machine has answered, where the policy says so', async () => {
    const call = await placed(east, { ...BODY, retry: { ...SOON, afterSec: 600, on: ['machine'] } })
    east.store.journal.event({ event: 'call.answeredBy', call: callId(call.id), by: 'machine', afterMs: 2_400 })
    east.end(callId(call.id), HUNG_UP, true)
    await stateIs(call.id, 'waiting')
    const { reason, attempts } = await errandOf(call.id)
    assert.deepEqual([reason, attempts.map(({ outcome }) => outcome)], ['machine', ['machine']])
  })

  it('calls again as the tenant has it, where the request says nothing', async () => {
    east.policy = { attempts: 2, afterMs: 60_000, factor: 1, on: ['busy'], withinMs: 600_000 }
    const call = await placed(east, BODY)
    east.end(callId(call.id), BUSY)
    await stateIs(call.id, 'waiting')
    const { retry, dueAt, reason, idempotencyKey } = await errandOf(call.id)
    assert.deepEqual([retry.afterSec, idempotencyKey, reason], [60, null, 'busy'])
    const dueInMs = Date.parse(dueAt ?? '') - Date.now()
    assert.ok(dueInMs > 30_000 && dueInMs < 70_000, `due in ${dueInMs} ms`)
    const cancelled = errandAnswer.parse((await west.remove(`/api/v1/errands/${call.id}`)).json())
    assert.deepEqual([cancelled.state, cancelled.reason], ['cancelled', 'by otto'])
  })

  it('gives up what rings where it is cancelled, on whatever node', async () => {
    const call = await placed(east, { ...BODY, retry: SOON })
    const cancelling = errandAnswer.parse((await west.remove(`/api/v1/errands/${call.id}`)).json())
    assert.equal(cancelling.state, 'cancelling')
    await until(async () => east.givenUp.includes(callId(call.id)), 'the call to be given up')
    east.end(callId(call.id), { by: 'operator', sip: 487, cause: 'cancelled' })
    await stateIs(call.id, 'cancelled')
    assert.equal(rungFor(call.id).length, 1)
  })

  it('lists them, newest first, page by page', async () => {
    const ids: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const after: string = cursor === '' ? '' : `&cursor=${cursor}`
      const page = errandsAnswer.parse((await east.get(`/api/v1/errands?tenant=clinic&limit=2${after}`)).json())
      ids.push(...page.errands.map(({ id }) => id))
      cursor = page.next
    }
    assert.ok(ids.length > 6)
    assert.deepEqual(ids, ids.toSorted().toReversed())
    const done = errandsAnswer.parse((await east.get('/api/v1/errands?state=done')).json())
    assert.ok(done.errands.every(({ state }) => state === 'done'))
    assert.equal((await east.get('/api/v1/errands/nothing')).json().error.code, 'errand-not-found')
  })

  it('promises nothing while PostgreSQL is away, and calls without a key all the same', async () => {
    const call = await placed(east, BODY, 'before-the-outage')
    await postgres.interrupt()
    await until(async () => east.store.state().postgresAway !== null, 'the outage to be noticed', 30_000)
    const before = east.rung.length
    const response = await east.post(BODY, 'in-the-outage')
    assert.deepEqual([response.statusCode, response.headers['retry-after']], [503, '5'])
    assert.match(response.json().error.message, /nothing can be promised/)
    assert.equal(east.rung.length, before)
    assert.equal((await east.post(BODY)).statusCode, 202)
    east.end(callId(call.id), BUSY)
    await postgres.resume()
    await until(async () => east.store.state().postgresAway === null, 'PostgreSQL to be back', 30_000)
    await stateIs(call.id, 'failed')
  })
})
