import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MAX_ANSWER_BYTES, runHttpTool } from '../../../app/agent/http-tool.ts'
import type { ToolResult } from '../../../lib/agent/session-state.ts'
import type { HttpToolSpec } from '../../../lib/agent/spec.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

interface RunOptions extends Partial<HttpToolSpec> {
  readonly signal?: AbortSignal
  readonly at?: string
}

describe('an HTTP tool of a tenant', () => {
  let server: Server
  let handle: Handler
  let url: string
  let requests: number

  before(async () => {
    server = createServer((request, response) => {
      requests += 1
      handle(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address: AddressInfo | string | null = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    url = `http://127.0.0.1:${address.port}/tool`
  })

  beforeEach(() => {
    requests = 0
  })

  after(() => {
    server.close()
    server.closeAllConnections()
  })

  const run = (
    answer: Handler,
    { signal = new AbortController().signal, at = url, ...rest }: RunOptions = {},
  ): Promise<ToolResult> => {
    handle = answer
    const tool = { name: 'lookup', description: '', url: at, parameters: {}, timeoutMs: 2_000, ...rest }
    const call = { caller: '+12025550100' }
    return runHttpTool(tool, { callId: 'c1', key: 'CALL-x', arguments: { id: 7 }, call, signal })
  }

  it('gets the arguments and the facts of the call, and its answer goes to the agent as it is', async () => {
    let body = ''
    let method = ''
    const result = await run((request, response) => {
      method = `${request.method} ${request.headers['content-type']}`
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => response.end('{"name":"Zoë"}'))
    })
    assert.equal(method, 'POST application/json')
    assert.equal(body, '{"arguments":{"id":7},"call":{"caller":"+12025550100"}}')
    assert.deepEqual([result.ok, result.output, result.name], [true, '{"name":"Zoë"}', 'lookup'])
  })

  const cases: readonly (readonly [string, Handler, string])[] = [
    ['an error status', (_, response) => response.writeHead(500).end('stack trace'), 'the tool answered 500'],
    [
      'a redirect, which is not followed',
      (_, response) => response.writeHead(307, { location: 'http://192.0.2.1/' }).end(),
      'the tool answered 307: redirects are not followed',
    ],
    [
      'more than can be read',
      (_, response) => response.end('x'.repeat(MAX_ANSWER_BYTES + 1)),
      `the tool answered more than ${MAX_ANSWER_BYTES} bytes`,
    ],
    ['a cut connection', (request) => request.socket.destroy(), 'the tool could not be reached: other side closed'],
  ]
  for (const [why, answer, message] of cases) {
    it(`that answers with ${why} is an error for the agent, and is not called again`, async () => {
      const result = await run(answer)
      assert.deepEqual([result.ok, result.output, result.message], [false, JSON.stringify({ error: message }), message])
      assert.equal(requests, 1)
    })
  }

  it('that hangs is given up after its time, also in the middle of its answer', async () => {
    const silent = await run(() => undefined, { timeoutMs: 50 })
    assert.equal(silent.message, 'the tool did not answer within 50 ms')
    const slow = await run((_, response) => response.write('{"par'), { timeoutMs: 50 })
    assert.equal(slow.message, 'the tool did not answer within 50 ms')
  })

  it('that nobody serves is an error for the agent', async () => {
    const result = await run(() => undefined, { at: 'http://127.0.0.1:1/' })
    assert.match(result.message ?? '', /^the tool could not be reached/)
  })

  it('is given up when the call ends', async () => {
    const call = new AbortController()
    const result = await run(() => call.abort(), { signal: call.signal })
    assert.equal(result.message, 'the call ended')
  })

  it('may answer anything: text, nothing, bytes that are no text', async () => {
    assert.equal((await run((_, response) => response.end('plain'))).output, 'plain')
    assert.equal((await run((_, response) => response.writeHead(204).end())).output, '')
    assert.equal((await run((_, response) => response.end(Buffer.from([0xff, 0x41])))).output, '\uFFFDA')
  })

  it('is tried again where its config allows it, under one key, and only for what passes', async () => {
    const keys: (string | undefined)[] = []
    const busyOnce: Handler = (request, response) => {
      keys.push(request.headers['idempotency-key']?.toString())
      if (keys.length < 3) response.writeHead(503).end()
      else response.end('at last')
    }
    assert.equal((await run(busyOnce, { retries: 2 })).output, 'at last')
    assert.deepEqual(keys, ['CALL-x', 'CALL-x', 'CALL-x'])
    requests = 0
    assert.equal((await run((_, response) => response.writeHead(500).end(), { retries: 2 })).ok, false)
    assert.equal(requests, 1)
  })

  it('has one time for all tries, and says what the last one brought', async () => {
    const result = await run((_, response) => response.writeHead(503).end(), { retries: 5, timeoutMs: 250 })
    assert.equal(result.message, 'the tool answered 503')
    assert.ok(result.tookMs < 1_500 && requests === 2, `${result.tookMs} ms, ${requests} requests`)
  })

  it('can tell that a request is ours by its signature', async () => {
    let seen: readonly (string | string[] | undefined)[] = []
    let body = ''
    await run(
      (request, response) => {
        const { headers } = request
        seen = [headers['webhook-id'], headers['webhook-timestamp'], headers['webhook-signature']]
        request.on('data', (chunk: Buffer) => {
          body += chunk.toString()
        })
        request.on('end', () => response.end())
      },
      { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
    )
    const atS = Number(seen[1])
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
    const want = createHmac('sha256', secret).update(`CALL-x.${atS}.${body}`).digest('base64')
    assert.deepEqual([seen[0], seen[2]], ['CALL-x', `v1,${want}`])
    assert.ok(Math.abs(Date.now() / 1_000 - atS) < 10)
  })

  const SCHEMA = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }
  const results: readonly (readonly [string, string, RegExp | null])[] = [
    ['fits', '{"name":"Zoe"}', null],
    ['lacks something', '{}', /^the tool answered something unexpected: it must have required property 'name'$/],
    ['is no JSON', '<html>', /^the tool answered something that is not JSON$/],
  ]
  for (const [why, answer, message] of results) {
    it(`whose answer ${why} is ${message === null ? 'believed' : 'an error for the agent'}, by the schema of its answers`, async () => {
      const result = await run((_, response) => response.end(answer), { result: SCHEMA })
      if (message === null) assert.deepEqual([result.ok, result.output], [true, answer])
      else assert.match(result.message ?? '', message)
    })
  }
})
