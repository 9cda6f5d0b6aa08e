import assert from 'node:assert/strict'
import type { AgentSpec } from '../../../lib/agent/spec.ts'
import { configured, type Script, ScriptedRealtime } from '../../helpers/scripted-realtime.ts'
import { AgentUnderTest, agentSpec, backend } from './agent-fixture.ts'

const AUDIO = Buffer.alloc(4_801, 0x55).toString('base64')

const created = (id: string, mark: unknown = null): object => ({
  type: 'response.created',
  response: { id, metadata: mark },
})
const delta = (id: string, item: string): object => ({
  type: 'response.output_audio.delta',
  response_id: id,
  item_id: item,
  output_index: 0,
  content_index: 0,
  delta: AUDIO,
})
const speechStarted = (item: string): object => ({
  type: 'input_audio_buffer.speech_started',
  item_id: item,
  audio_start_ms: 10,
})

/** Answers each `response.create` with the beginning of a response `r1` that speaks item `a1`. */
const speaking = configured((event, socket) => {
  if (event.type !== 'response.create') return
  for (const frame of [created('r1'), delta('r1', 'a1')]) socket.send(JSON.stringify(frame))
})

describe('an agent whose realtime server misbehaves', () => {
  let server: ScriptedRealtime
  let agent: AgentUnderTest
  let second: ScriptedRealtime | undefined

  const open = async (script: Script, rest: Partial<AgentSpec> = {}, refuse: string | null = null): Promise<void> => {
    server = await ScriptedRealtime.start(script, refuse)
    agent = new AgentUnderTest(agentSpec(backend(server.baseUrl), rest))
    agent.talker.attach(agent.line)
  }

  afterEach(async () => {
    await agent.talker.close()
    await server.close()
    await second?.close()
    second = undefined
  })

  const refusals: readonly (readonly [string, string, RegExp])[] = [
    ['a wrong key', '401 Unauthorized', /401 Unauthorized/],
    ['too many requests', '429 Too Many Requests', /429/],
    ['a server that is out of service', '503 Service Unavailable', /503/],
  ]
  for (const [why, status, message] of refusals) {
    it(`is refused at the upgrade: ${why}`, async () => {
      await open(() => undefined, {}, status)
      const ready = await agent.talker.ready()
      assert.ok(!ready.ok && ready.error.code === 'agent-refused')
      assert.match(ready.error.message, message)
      assert.equal(await agent.talker.close(), null)
    })
  }

  it('is unreachable where nothing listens', async () => {
    await open(configured())
    await server.close()
    const unreachable = new AgentUnderTest(agentSpec(backend('ws://127.0.0.1:1/v1')))
    const ready = await unreachable.talker.ready()
    assert.ok(!ready.ok && ready.error.code === 'agent-unreachable', JSON.stringify(ready))
    await unreachable.talker.close()
    server = await ScriptedRealtime.start()
  })

  it('does not send its key in clear to another host', async () => {
    await open(configured())
    const careful = new AgentUnderTest(agentSpec(backend('ws://192.0.2.1/v1')))
    const ready = await careful.talker.ready()
    assert.ok(!ready.ok && ready.error.code === 'agent-refused')
    assert.match(ready.error.message, /in clear/)
    await careful.talker.close()
  })

  it('shows its key, and at Azure in the header that Azure reads', async () => {
    await open(configured())
    assert.ok((await agent.talker.ready()).ok)
    assert.equal(server.upgrades[0]?.headers.authorization, 'Bearer test-key')
    assert.equal(server.upgrades[0]?.headers['api-key'], undefined)
    assert.equal(server.upgrades[0]?.headers['sec-websocket-extensions'], undefined)
    assert.equal(server.upgrades[0]?.url, '/v1/realtime?model=gpt-realtime-2.1')
    const azure = new AgentUnderTest(agentSpec(backend(server.baseUrl, { kind: 'azure' })))
    assert.ok((await azure.talker.ready()).ok)
    assert.equal(server.upgrades[1]?.headers['api-key'], 'test-key')
    await azure.talker.close()
  })

  it('gives up on a session that is never configured', async () => {
    await open(() => undefined, { connectTimeoutMs: 100 })
    const ready = await agent.talker.ready()
    assert.ok(!ready.ok && ready.error.code === 'agent-timeout')
    assert.match(ready.error.message, /configured/)
  })

  it('is refused by an error during setup, with its code', async () => {
    await open((_event, socket) =>
      socket.send('{"type":"error","error":{"type":"invalid_request_error","code":"model_not_found","message":"no"}}'),
    )
    const ready = await agent.talker.ready()
    assert.deepEqual(ready, { ok: false, error: { code: 'agent-refused', message: 'model_not_found: no' } })
  })

  it('refuses a server that would speak another format than the leg', async () => {
    await open((_event, socket) =>
      socket.send('{"type":"session.updated","session":{"audio":{"output":{"format":{"type":"audio/pcm"}}}}}'),
    )
    const ready = await agent.talker.ready()
    assert.ok(!ready.ok)
    assert.match(ready.error.message, /audio\/pcm, not audio\/pcmu/)
  })

  it('takes the next backend where the first refuses, and the one after it where that hangs', async () => {
    second = await ScriptedRealtime.start(() => undefined)
    server = await ScriptedRealtime.start(configured())
    const refusing = await ScriptedRealtime.start(() => undefined, '503 Service Unavailable')
    agent = new AgentUnderTest({
      ...agentSpec(backend(refusing.baseUrl), { connectTimeoutMs: 400 }),
      backends: [backend(refusing.baseUrl), backend(second.baseUrl), backend(server.baseUrl, { kind: 'custom' })],
    })
    agent.talker.attach(agent.line)
    assert.ok((await agent.talker.ready()).ok)
    assert.equal((await agent.next('agent.connected')).backend, 'custom')
    await refusing.close()
  })

  it('counts frames that are no events and goes on', async () => {
    await open(speaking)
    await agent.answer()
    await agent.until(() => agent.line.queuedSamples() > 0)
    const hostile = [
      '{"type":"constructor"}',
      '{"type":"__proto__"}',
      'not json',
      'null',
      '[]',
      '{"type":5}',
      '{"type":"response.output_audio.delta","response_id":7}',
      '{"type":"response.done","response":null}',
      '{"type":"brand.new","x":1}',
      '{"type":"error","error":null}',
    ]
    server.say(...hostile)
    for (const socket of server.sockets) socket.send(Buffer.from([1, 2, 3]))
    server.say(speechStarted('u1'))
    await agent.next('agent.bargeIn')
    assert.equal(agent.meter.faults.malformedEvent, 7)
    assert.equal(agent.meter.faults.internalError, 0)
    assert.ok(!agent.events.some(({ kind }) => kind === 'agent.lost'))
  })

  it('is silent in the handler of the event itself and truncates at what was sent', async () => {
    await open(speaking)
    await agent.answer()
    await agent.until(() => agent.line.queuedSamples() === 4_801)
    agent.line.advance(100, agent.talker)
    server.say(speechStarted('u1'))
    const truncate = await server.next('conversation.item.truncate')
    assert.equal(truncate.item_id, 'a1')
    assert.equal(truncate.audio_end_ms, 100)
    assert.equal(agent.line.flushes, 1)
    server.say(delta('r1', 'a1'))
    server.say({ type: 'response.done', response: { id: 'r1', status: 'cancelled', output: [] } })
    server.say({ type: 'input_audio_buffer.speech_stopped', item_id: 'u1', audio_end_ms: 900 })
    server.say(created('r2'), delta('r2', 'a2'))
    await agent.until(() => agent.line.queuedSamples() > 0)
    assert.equal(agent.line.queuedSamples(), 4_801)
    assert.equal(agent.meter.faults.lateAudio, 1)
  })

  it('is lost when the socket is cut in the middle of a delta, and keeps what is queued', async () => {
    await open(speaking)
    await agent.answer()
    await agent.until(() => agent.line.queuedSamples() > 0)
    for (const socket of server.sockets) socket.terminate()
    const lost = await agent.next('agent.lost')
    assert.equal(lost.code, 'ws-1006')
    assert.equal(agent.line.queuedSamples(), 4_801)
    assert.equal((await agent.talker.close())?.backend, 'local')
  })

  it('is lost once, with the code of the close', async () => {
    await open(configured(), { greeting: '' })
    await agent.answer()
    for (const socket of server.sockets) socket.close(1011, 'internal error')
    const lost = await agent.next('agent.lost')
    assert.deepEqual([lost.code, lost.message], ['ws-1011', 'internal error'])
    await agent.talker.close()
    assert.equal(agent.events.filter(({ kind }) => kind === 'agent.lost').length, 1)
  })

  it('ends on a frame that is larger than any event', async () => {
    await open(configured(), { greeting: '' })
    await agent.answer()
    server.say(`{"type":"x","y":"${'z'.repeat(5 * 1024 * 1024)}"}`)
    assert.match((await agent.next('agent.lost')).message, /payload size exceeded/i)
  })

  it('asks for no more of a response than its line can hold', async () => {
    await open(speaking)
    agent.line.full = true
    await agent.answer()
    const cancel = await server.next('response.cancel')
    assert.equal(cancel.response_id, 'r1')
    assert.equal(agent.meter.faults.overflow, 1)
  })

  it('loses the oldest audio of the caller, and no more, while its server does not read', async () => {
    await open(configured(), { greeting: '' })
    await agent.answer()
    for (const socket of server.sockets) socket.pause()
    await agent.until(
      () => agent.meter.faults.droppedAudio > 0,
      () => agent.hear(new Uint8Array(160_000)),
    )
    assert.ok(!agent.events.some(({ kind }) => kind === 'agent.lost'))
  })

  it('sends the caller in batches of the configured length, as the leg has it', async () => {
    await open(configured(), { greeting: '' })
    await agent.answer()
    agent.hear(new Uint8Array(160 * 5).map((_, i) => i & 0xff))
    const append = await server.next('input_audio_buffer.append', 2)
    const audio = Buffer.from(String(append.audio), 'base64')
    assert.equal(audio.length, 320)
    assert.equal(audio[0], 320 & 0xff)
    assert.equal(server.types().filter((type) => type === 'input_audio_buffer.append').length, 2)
    assert.ok(agent.meter.appendDelay.count === 2)
  })

  it('is ready before the codec is known, and follows the leg when it is', async () => {
    server = await ScriptedRealtime.start(configured())
    agent = new AgentUnderTest(agentSpec(backend(server.baseUrl)))
    assert.ok((await agent.talker.ready()).ok)
    agent.line.codec = 'PCMA'
    agent.talker.attach(agent.line)
    agent.talker.start()
    await server.next('response.create')
    assert.deepEqual(server.types(), ['session.update', 'session.update', 'response.create'])
    assert.deepEqual(server.received[1]?.session, {
      type: 'realtime',
      audio: { input: { format: { type: 'audio/pcma' } }, output: { format: { type: 'audio/pcma' } } },
    })
  })

  it('closes its socket with the call, also while it is still being opened', async () => {
    await open(() => undefined)
    const ready = agent.talker.ready()
    assert.equal(await agent.talker.close(), null)
    assert.ok(!(await ready).ok)
  })
})
