import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MAX_ANSWER_BYTES, runHttpTool } from '../../../app/agent/http-tool.ts'
import type { ToolResult } from '../../../lib/agent/session-state.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

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
    { timeoutMs = 2_000, signal = new AbortController().signal, at = url } = {},
  ): Promise<ToolResult> => {
    handle = answer
    const tool = { name: 'lookup', description: '', url: at, parameters: {}, timeoutMs }
    return runHttpTool(tool, { callId: 'c1', arguments: { id: 7 }, call: { caller: '+12025550100' }, signal })
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
})
