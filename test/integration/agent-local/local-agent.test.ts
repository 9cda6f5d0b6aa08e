import assert from 'node:assert/strict'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { greetingInstructions } from '../../../lib/agent/greeting.ts'
import { Client, silence } from './client.ts'
import { callerSays } from './voice.ts'

const KEY = 'sk-local-test'
const GREETING = 'Hello, this is the clinic. How can I help?'
const say = { instructions: greetingInstructions(GREETING) }

const ANSWER = [
  'response.output_item.added',
  'conversation.item.added',
  'response.content_part.added',
  'response.output_audio_transcript.delta',
  'response.output_audio.delta',
  'response.output_audio.done',
  'response.output_audio_transcript.done',
  'response.content_part.done',
  'conversation.item.done',
  'response.output_item.done',
  'response.done',
  'rate_limits.updated',
]

/** Types in order, each run of deltas shown once. */
const outline = (types: readonly string[]): string[] =>
  types.filter((type, i) => !type.endsWith('.delta') || types.indexOf(type) === i)

describe('local agent', () => {
  let agent: LocalAgent
  let caller: Buffer

  before(async () => {
    agent = await startLocalAgent({ apiKey: KEY, firstDeltaMs: 20, speedUp: 40 })
    caller = await callerSays('Good morning. I would like to see the doctor.')
  })
  after(() => agent.close())

  it('serves a whole turn to the official client: voice in, events in order, voice out', async () => {
    const client = new Client(agent, KEY)
    await client.useG711()
    client.append(caller)
    client.append(silence(600))
    const done = await client.next('response.done')
    await client.next('rate_limits.updated')
    assert.equal(done.response.status, 'completed')
    assert.deepEqual(outline(client.types()), [
      'session.created',
      'session.updated',
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
      ...ANSWER,
    ])
    assert.match(
      JSON.stringify(done.response.output),
      /You spoke for [23]\.\d seconds\. I am Tandem's local agent, a test voice, not an AI\./,
    )
    assert.ok(client.audio().length > 3 * 8_000, `${client.audio().length} bytes of speech`)
    await client.close()
  })

  it('speaks a greeting word by word and is cut off by the caller', async () => {
    const client = new Client(agent, KEY, 'tandem-local', { 'x-tandem-faults': 'slowMs=1' })
    await client.useG711()
    client.send({ type: 'response.create', response: say })
    const done = await client.next('response.done')
    assert.match(JSON.stringify(done.response.output), new RegExp(GREETING.replace('?', '\\?')))
    const whole = client.audio().length
    client.send({ type: 'response.create', response: say })
    const delta = await client.next('response.output_audio.delta')
    client.append(caller)
    const cut = await client.next('response.done')
    assert.deepEqual(cut.response.status_details, { type: 'cancelled', reason: 'turn_detected' })
    const heard = client.audio(delta.item_id).length
    assert.ok(heard > 0 && heard < whole, `${heard} of ${whole} bytes`)
    client.send({
      type: 'conversation.item.truncate',
      item_id: delta.item_id,
      content_index: 0,
      audio_end_ms: Math.floor(heard / 8),
    })
    assert.equal((await client.next('conversation.item.truncated')).audio_end_ms, Math.floor(heard / 8))
    client.send({
      type: 'conversation.item.truncate',
      event_id: 'trunc-7',
      item_id: delta.item_id,
      content_index: 0,
      audio_end_ms: whole,
    })
    const { error } = await client.next('error')
    assert.equal(error.event_id, 'trunc-7')
    assert.equal(error.param, 'audio_end_ms')
    await client.close()
  })

  it('calls a tool, takes its output and speaks it, then says goodbye and hangs up', async () => {
    const client = new Client(agent, KEY)
    await client.useG711(['hang_up', 'opening_hours'])
    const press = (key: string): void => {
      const content = [{ type: 'input_text' as const, text: `[DTMF ${key}]` }]
      client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } })
      client.send({ type: 'response.create' })
    }
    press('9')
    const call = await client.next('response.function_call_arguments.done')
    assert.equal(call.name, 'opening_hours')
    await client.next('response.done')
    const output = { type: 'function_call_output' as const, call_id: call.call_id, output: 'nine to five' }
    client.send({ type: 'conversation.item.create', item: output })
    client.send({ type: 'response.create' })
    assert.match(JSON.stringify((await client.next('response.done')).response.output), /The tool says: nine to five/)
    press('0')
    assert.equal((await client.next('response.function_call_arguments.done')).name, 'hang_up')
    assert.equal((await client.next('response.done')).response.output?.length, 2)
    await client.close()
  })

  it('takes up a restored conversation and says so', async () => {
    const client = new Client(agent, KEY)
    await client.useG711()
    const message = (role: 'user' | 'assistant', text: string): void =>
      client.sendRaw({
        type: 'conversation.item.create',
        item: { type: 'message', role, content: [{ type: role === 'user' ? 'input_text' : 'output_text', text }] },
      })
    message('assistant', 'How can I help?')
    message('user', 'I need a doctor.')
    await client.next('conversation.item.done')
    await client.next('conversation.item.done')
    client.send({ type: 'response.create' })
    assert.match(JSON.stringify((await client.next('response.done')).response.output), /We had 2 turns before/)
    await client.close()
  })

  it('frees everything of a session when its socket closes', async () => {
    const clients = Array.from({ length: 5 }, () => new Client(agent, KEY))
    await Promise.all(clients.map((client) => client.useG711()))
    const during = await agent.sessions()
    assert.equal(during.live, 5)
    assert.equal(during.detectors, 5)
    for (const client of clients) client.rt.socket.terminate()
    await Promise.all(clients.map((client) => client.closed))
    let left = await agent.sessions()
    for (const deadline = Date.now() + 5_000; left.live > 0 && Date.now() < deadline; ) left = await agent.sessions()
    assert.deepEqual([left.live, left.detectors], [0, 0])
  })

  it('tells what a session was sent, has heard and holds', async () => {
    const client = new Client(agent, KEY, 'tandem-report')
    await client.useG711()
    client.append(silence(1_000))
    client.send({ type: 'input_audio_buffer.clear' })
    await client.next('input_audio_buffer.cleared')
    const report = (await agent.sessions()).sessions.find((session) => session.model === 'tandem-report')
    assert.equal(report?.heardMs, 1_000)
    assert.equal(report?.received['input_audio_buffer.append'], 25)
    assert.equal(report?.closed, null)
    await client.close()
  })

  it('expires on time with the error and the close code of the real one', async () => {
    const brief = await startLocalAgent({ apiKey: KEY, sessionSeconds: 0.2 })
    const client = new Client(brief, KEY)
    assert.equal((await client.next('error')).error.code, 'session_expired')
    const { code, reason } = await client.closed
    assert.equal(code, 1001)
    assert.match(reason, /^Your session hit the maximum duration/)
    await brief.close()
  })

  it('refuses a wrong key and a missing model in JSON, and plain HTTP', async () => {
    const refused = async (path: string, headers: Record<string, string>): Promise<[number | undefined, string]> => {
      const socket = new WebSocket(`ws://127.0.0.1:${agent.port}${path}`, { headers })
      const [, response] = await once(socket, 'unexpected-response')
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      return [response.statusCode, JSON.parse(Buffer.concat(chunks).toString()).error.code]
    }
    assert.deepEqual(await refused('/v1/realtime?model=m', {}), [401, 'invalid_api_key'])
    assert.deepEqual(await refused('/v1/realtime?model=m', { authorization: 'Bearer no' }), [401, 'invalid_api_key'])
    assert.deepEqual(await refused('/v1/realtime', { 'api-key': KEY }), [400, 'missing_model'])
    assert.deepEqual(await refused('/elsewhere', { 'api-key': KEY }), [404, 'not_found'])
    assert.deepEqual(await refused('/v1/realtime?model=m;nonsense=1', { 'api-key': KEY }), [400, 'invalid_faults'])
    assert.equal((await fetch(`http://127.0.0.1:${agent.port}/v1/realtime`)).status, 426)
  })

  it('takes the beta protocol no more: one error, then close 4000', async () => {
    const client = new Client(agent, KEY, 'm', { 'OpenAI-Beta': 'realtime=v1' })
    assert.equal((await client.next('error')).error.code, 'beta_api_shape_disabled')
    assert.equal((await client.closed).code, 4000)
  })

  it('answers binary frames and broken text by an error and stays open', async () => {
    const client = new Client(agent, KEY)
    await client.next('session.created')
    client.rt.socket.send(Buffer.from([1, 2, 3]))
    assert.equal((await client.next('error')).error.code, 'invalid_event')
    client.rt.socket.send('{"type":')
    assert.equal((await client.next('error')).error.code, 'invalid_event')
    await client.close()
  })

  it('closes a socket that sends more than a frame may hold, and serves the next one', async () => {
    const client = new Client(agent, KEY)
    await client.next('session.created')
    client.rt.socket.send('x'.repeat(17 * 1024 * 1024))
    assert.ok([1006, 1009].includes((await client.closed).code))
    const next = new Client(agent, KEY)
    await next.next('session.created')
    await next.close()
  })

  it('takes an append of a minute at once, and one that is not base64 not at all', async () => {
    const client = new Client(agent, KEY)
    await client.useG711()
    client.send({
      type: 'input_audio_buffer.append',
      audio: Buffer.concat([caller, silence(60_000)]).toString('base64'),
    })
    assert.ok((await client.next('input_audio_buffer.speech_stopped')).audio_end_ms > 1_000)
    client.send({ type: 'input_audio_buffer.append', event_id: 'bad', audio: '*not base64*' })
    const { error } = await client.next('error')
    assert.deepEqual([error.code, error.event_id], ['invalid_value', 'bad'])
    await client.close()
  })

  it('refuses a port that is taken, an address that is not loopback, and faults that do not exist', async () => {
    await assert.rejects(startLocalAgent({ apiKey: KEY, port: agent.port }), /EADDRINUSE/)
    await assert.rejects(startLocalAgent({ apiKey: KEY, host: '0.0.0.0' }), /loopback only/)
    await assert.rejects(agent.setFaults(JSON.parse('{"explode":true}')), /explode/)
  })

  it('closes with sessions open, and twice', async () => {
    const short = await startLocalAgent({ apiKey: KEY })
    const client = new Client(short, KEY)
    await client.next('session.created')
    await Promise.all([short.close(), short.close()])
    assert.equal((await client.closed).code, 1001)
    assert.equal((await short.sessions()).live, 0)
  })
})
