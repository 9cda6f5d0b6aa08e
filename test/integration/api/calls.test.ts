import assert from 'node:assert/strict'
import fc from 'fast-check'
import * as z from 'zod'
import {
  callAnswer,
  callsAnswer,
  errorAnswer,
  nodesAnswer,
  readinessAnswer,
  trunksAnswer,
} from '../../../app/api/answers.ts'
import { buildApi } from '../../../app/api/server.ts'
import type { Api } from '../../../app/api/zod-provider.ts'
import { type ApiParts, apiParts, bearer, KEYS } from '../../helpers/api.ts'
import { endedCall } from '../../helpers/memory-store.ts'
import { OFFER, trace } from '../../unit/observe/messages.ts'

const CALL = endedCall(3)
const LIVE = { ...endedCall(5), state: 'active', endedAt: null, end: null } as const

describe('the HTTP API', () => {
  let api: Api
  let parts: ApiParts

  const get = async (url: string) => api.inject({ method: 'GET', url, headers: bearer(KEYS.viewer) })
  const errorCode = (answer: { json(): unknown }) => errorAnswer.parse(answer.json()).error.code

  beforeEach(async () => {
    parts = apiParts()
    for (const call of [endedCall(1), CALL, LIVE]) parts.store.records.set(call.id, call)
    parts.store.traces.set(CALL.id, [
      trace({ atMs: 0, direction: 'in', start: 'INVITE sip:+12025550100@x SIP/2.0', cseq: '1 INVITE', sdp: OFFER }),
      trace({ atMs: 700, direction: 'out', start: 'SIP/2.0 200 OK', cseq: '1 INVITE' }),
    ])
    api = await buildApi(parts.options)
  })
  afterEach(async () => {
    await api.close()
    parts.metrics.close()
  })

  const place = async (payload: object, key = KEYS.operator) =>
    api.inject({ method: 'POST', url: '/api/v1/calls', headers: bearer(key), payload })

  it('places a call for an operator and answers with its record', async () => {
    const answer = await place({ to: '+12025550123', tenant: 'clinic' })
    assert.equal(answer.statusCode, 202)
    const call = callAnswer.parse(answer.json())
    assert.deepEqual([call.direction, call.to, call.state, call.attempts], ['outbound', '+12025550123', 'ringing', []])
    assert.deepEqual(parts.actions, ['place +12025550123 by otto'])
  })

  it('places no call for a viewer, for nobody’s tenant, nor with fields that it does not know', async () => {
    assert.equal((await place({ to: '+12025550123', tenant: 'clinic' }, KEYS.viewer)).statusCode, 403)
    assert.equal(errorCode(await place({ to: '+12025550123', tenant: 'nobody' })), 'bad-parameter')
    assert.equal((await place({ to: '+12025550123', tenant: 'clinic', trunk: 'alpha' })).statusCode, 400)
    assert.equal((await place({ tenant: 'clinic' })).statusCode, 400)
    assert.deepEqual(parts.actions, [])
  })

  it('lists calls, newest first, in pages', async () => {
    const first = callsAnswer.parse((await get('/api/v1/calls?limit=2')).json())
    assert.deepEqual(
      first.calls.map((call) => call.id),
      [LIVE.id, CALL.id],
    )
    const second = callsAnswer.parse((await get(`/api/v1/calls?limit=2&cursor=${first.next}`)).json())
    assert.deepEqual(
      second.calls.map((call) => call.id),
      [endedCall(1).id],
    )
    assert.equal(second.next, null)
  })

  it('hands every filter to the store', async () => {
    const query =
      'active=true&tenant=clinic&trunk=alpha&from=+12025550123&to=%2B12025550100&cause=normal&state=ended&since=2026-01-01T00:00:00Z&until=2026-02-01&limit=7&sipSessionId=C27D9C57-0D7C-4C7D-A9A4-0123456789AB'
    assert.equal((await get(`/api/v1/calls?${query}`)).statusCode, 200)
    assert.deepEqual(parts.store.queries, [
      {
        active: true,
        tenant: 'clinic',
        trunk: 'alpha',
        from: '+12025550123',
        to: '+12025550100',
        cause: 'normal',
        state: 'ended',
        sipSessionId: 'c27d9c570d7c4c7da9a40123456789ab',
        since: new Date('2026-01-01T00:00:00Z'),
        until: new Date('2026-02-01T00:00:00Z'),
        limit: 7,
      },
    ])
  })

  const refusals: readonly [why: string, query: string, words: RegExp][] = [
    ['a parameter that does not exist', 'activ=true', /unknown parameter "activ"/],
    ['a flag that is none', 'active=maybe', /active: must be true or false/],
    ['a limit of zero', 'limit=0', /limit: /],
    ['a limit beyond the maximum', 'limit=501', /limit: /],
    ['a limit that is no number', 'limit=ten', /limit: must be a whole number/],
    ['a time that is none', 'since=yesterday', /since: must be an ISO 8601 time/],
    ['a cause that does not exist', 'cause=boredom', /cause: /],
    ['a parameter given twice', 'tenant=a&tenant=b', /tenant: /],
    ['control characters', 'tenant=%00', /tenant: must not contain control characters/],
    ['a Session-ID that is none', 'sipSessionId=c27d', /sipSessionId: must be a UUID/],
    ['the Session-ID of nobody', `sipSessionId=${'0'.repeat(32)}`, /sipSessionId: must be a UUID/],
    ['a cursor of somebody else', 'cursor=abc', /cursor: is not a cursor/],
    ['a text without end', `tenant=${'x'.repeat(500)}`, /tenant: /],
  ]
  for (const [why, query, words] of refusals) {
    it(`refuses ${why}, naming the parameter`, async () => {
      const answer = await get(`/api/v1/calls?${query}`)
      assert.equal(answer.statusCode, 400)
      assert.equal(errorCode(answer), 'bad-parameter')
      assert.match(answer.json<z.output<typeof errorAnswer>>().error.message, words)
    })
  }

  it('shows one call whole, without what is the journal’s own', async () => {
    const answer = await get(`/api/v1/calls/${CALL.id.toLowerCase()}`)
    const call = callAnswer.strict().parse(answer.json())
    assert.equal(call.id, CALL.id)
    assert.equal(call.answeredAt, '2026-01-01T00:03:00.700Z')
    assert.equal(call.transcript.length, 2)
    assert.equal(call.attempts[0]?.sip, 503)
  })

  it('answers 404 for a call that there is not, whatever its id looks like', async () => {
    for (const id of [endedCall(9).id, 'x', '..%2f..%2fetc', '%00', '8'.repeat(26)]) {
      const answer = await get(`/api/v1/calls/${id}`)
      assert.equal(answer.statusCode, 404, id)
    }
  })

  it('draws the ladder as text and gives it as JSON', async () => {
    const text = await get(`/api/v1/calls/${CALL.id}/ladder`)
    assert.equal(text.headers['content-type'], 'text/plain; charset=utf-8')
    assert.match(text.body, /── INVITE \+12025550100 ─+►/)
    assert.match((await get(`/api/v1/calls/${CALL.id}/ladder?style=ascii`)).body, /-- INVITE \+12025550100 -+>/)
    const json = z
      .looseObject({ rows: z.array(z.unknown()) })
      .parse((await get(`/api/v1/calls/${CALL.id}/ladder?format=json`)).json())
    assert.equal(json.rows.length, 4)
    assert.equal((await get(`/api/v1/calls/${CALL.id}/ladder?format=xml`)).statusCode, 400)
  })

  it('gives the messages of a call as a capture file', async () => {
    const answer = await get(`/api/v1/calls/${CALL.id}/pcap`)
    assert.equal(answer.headers['content-type'], 'application/vnd.tcpdump.pcap')
    assert.equal(answer.rawPayload.readUInt32BE(0), 0xa1b2c3d4)
  })

  it('gives the recording of a call as WAV, and says where there is none', async () => {
    parts.store.records.set(CALL.id, { ...CALL, recording: 'here' })
    const answer = await get(`/api/v1/calls/${CALL.id}/recording`)
    assert.deepEqual([answer.statusCode, answer.headers['content-type'], answer.body], [200, 'audio/wav', 'RIFF'])
    for (const recording of [null, 'elsewhere']) {
      parts.store.records.set(CALL.id, { ...CALL, recording })
      const none = await get(`/api/v1/calls/${CALL.id}/recording`)
      assert.equal(none.statusCode, 404)
      assert.match(none.body, /recording-not-found/)
    }
  })

  it('gives the events of a call', async () => {
    parts.events.emit({ event: 'call.incoming', call: CALL.id })
    parts.events.emit({ event: 'call.incoming', call: LIVE.id })
    await parts.store.written()
    const events = z
      .array(z.looseObject({ call: z.string() }))
      .parse((await get(`/api/v1/calls/${CALL.id}/events`)).json())
    assert.deepEqual(
      events.map((event) => event.call),
      [CALL.id],
    )
  })

  it('hangs up a live call in the name of the key, and says so of one that has ended', async () => {
    const hangUp = (id: string) =>
      api.inject({ method: 'DELETE', url: `/api/v1/calls/${id}`, headers: bearer(KEYS.operator) })
    const answer = await hangUp(LIVE.id)
    assert.equal(answer.statusCode, 202)
    assert.deepEqual(parts.actions, [`hangUp ${LIVE.id} by otto`])
    const ended = await hangUp(CALL.id)
    assert.deepEqual([ended.statusCode, errorCode(ended)], [409, 'call-ended'])
    assert.equal((await hangUp(endedCall(9).id)).statusCode, 404)
  })

  it('hands a live call to whom an operator names, and says why not', async () => {
    const transfer = (id: string, payload: object) =>
      api.inject({ method: 'POST', url: `/api/v1/calls/${id}/transfer`, headers: bearer(KEYS.operator), payload })
    const before = parts.actions.length
    const answer = await transfer(LIVE.id, { to: '+12025550150' })
    assert.equal(answer.statusCode, 202)
    assert.equal(callAnswer.parse(answer.json()).id, LIVE.id)
    assert.deepEqual(parts.actions.slice(before), [`transfer ${LIVE.id} +12025550150 by otto`])
    const refusals: readonly (readonly [id: string, body: object, status: number, code: string])[] = [
      [LIVE.id, { to: 'nobody' }, 400, 'bad-parameter'],
      [LIVE.id, {}, 400, 'bad-parameter'],
      [LIVE.id, { to: '1', whisper: true }, 400, 'bad-parameter'],
      [LIVE.id, { to: '7' }, 409, 'call-state'],
      [CALL.id, { to: '1' }, 409, 'call-ended'],
      [endedCall(9).id, { to: '1' }, 404, 'call-not-found'],
    ]
    for (const [id, body, status, code] of refusals) {
      const refused = await transfer(id, body)
      assert.deepEqual([refused.statusCode, errorCode(refused)], [status, code], JSON.stringify(body))
    }
  })

  it('lists trunks and nodes as documented', async () => {
    assert.equal(trunksAnswer.parse((await get('/api/v1/trunks')).json()).length, 1)
    assert.equal(nodesAnswer.parse((await get('/api/v1/nodes')).json()).length, 1)
  })

  it('is ready only when every part is, and lists those that are not', async () => {
    assert.equal((await api.inject('/readyz')).statusCode, 200)
    const broken = await buildApi(
      apiParts({
        readiness: () => ({
          parts: [
            { part: 'media', ok: true },
            { part: 'agent', ok: false, reason: 'none answers' },
          ],
        }),
      }).options,
    )
    const answer = await broken.inject('/readyz')
    await broken.close()
    assert.equal(answer.statusCode, 503)
    assert.deepEqual(readinessAnswer.parse(answer.json()), {
      ready: false,
      notReady: [{ part: 'agent', reason: 'none answers' }],
      parts: ['media', 'agent'],
    })
  })

  it('answers Prometheus, with its own metrics beside those of Node', async () => {
    parts.metrics.callEnded({ cause: 'normal', by: 'caller' }, 5_000)
    parts.metrics.observe({ activeCalls: () => 3, sipCounters: () => ({ requests_in: 8 }) })
    const dropped = { strangerPackets: 30, forgedPackets: 7 }
    const worker = { worker: 1, maxLagMs: 3, skippedTicks: 2, ...dropped, appendDelayP99Ms: 4 }
    parts.metrics.observe({ mediaWorkers: () => [{ ...worker, agentFaults: { lateAudio: 5 } }] })
    const { body } = await api.inject('/metrics')
    assert.match(body, /tandem_calls_ended_total\{cause="normal",by="caller",node="east-1"\} 1/)
    assert.match(body, /tandem_active_calls\{node="east-1"\} 3/)
    assert.match(body, /tandem_sip_server\{counter="requests_in",node="east-1"\} 8/)
    assert.match(body, /tandem_media_tick_lag_seconds\{worker="1",node="east-1"\} 0.003/)
    assert.match(body, /tandem_media_append_delay_p99_seconds\{worker="1",node="east-1"\} 0.004/)
    assert.match(body, /tandem_media_ticks_skipped\{worker="1",node="east-1"\} 2/)
    assert.match(body, /tandem_media_stranger_packets\{worker="1",node="east-1"\} 30/)
    assert.match(body, /tandem_media_forged_packets\{worker="1",node="east-1"\} 7/)
    assert.match(body, /tandem_agent_faults\{worker="1",fault="lateAudio",node="east-1"\} 5/)
    assert.match(body, /nodejs_eventloop_lag_seconds/)
  })

  it('documents every route in OpenAPI', async () => {
    const document = z
      .looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) })
      .parse((await api.inject('/api/docs/json')).json())
    assert.equal(document.openapi, '3.1.0')
    for (const path of ['/api/v1/calls', '/api/v1/calls/{id}', '/api/v1/events', '/api/v1/nodes', '/readyz']) {
      assert.ok(path in document.paths, path)
    }
    assert.equal((await api.inject('/api/docs')).statusCode, 200)
    assert.equal((await api.inject('/')).headers.location, '/api/docs')
  })

  it('says 503 while the store is away, and nothing of what is inside', async () => {
    parts.store.away = true
    const answer = await get('/api/v1/calls')
    assert.deepEqual([answer.statusCode, errorCode(answer)], [503, 'store-unavailable'])
    assert.doesNotMatch(answer.body, /stack|\.ts|\.js/)
  })

  it('answers what it does not have, and what it cannot read, in the same form', async () => {
    assert.equal(errorCode(await get('/api/v1/nothing')), 'not-found')
    assert.equal(errorCode(await get('/api/v1/calls/%E0%A4%A')), 'bad-request')
    const large = {
      method: 'POST',
      url: '/api/v1/nodes/east-1/drain',
      headers: { ...bearer(KEYS.admin), 'content-type': 'application/json' },
      payload: 'x'.repeat(100_000),
    } as const
    assert.equal(errorCode(await api.inject(large)), 'body-too-large')
  })

  it('forbids every answer to be sniffed, framed or kept', async () => {
    const { headers } = await get('/api/v1/calls')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['x-frame-options'], 'DENY')
    assert.equal(headers['cache-control'], 'no-store')
    assert.match(String(headers['content-security-policy']), /default-src 'none'/)
  })

  it('answers any query string with 200 or 400', async () => {
    const name = fc.oneof(
      fc.constantFrom('active', 'since', 'limit', 'from', 'cursor', '__proto__', 'toString'),
      fc.string(),
    )
    const query = fc.array(fc.tuple(name, fc.string()), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(query, async (pairs) => {
        const text = pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&')
        const { statusCode } = await get(`/api/v1/calls?${text}`)
        assert.ok(statusCode === 200 || statusCode === 400, `${statusCode} for ${text}`)
      }),
      { numRuns: 200 },
    )
  })
})
