import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { Speech } from '../../../app/agent/local/speech.ts'
import { encodeG711 } from '../../../lib/media/g711.ts'
import { AgentUnderTest, agentSpec, backend } from './agent-fixture.ts'

describe('an agent on the local realtime server', function () {
  this.timeout(20_000)
  let server: LocalAgent
  let speech: Uint8Array

  before(async () => {
    server = await startLocalAgent({ apiKey: 'test-key', firstDeltaMs: 0, speedUp: Number.POSITIVE_INFINITY })
    const voice = new Speech()
    const samples = await voice.say(['I would like to make an appointment for tomorrow morning please.'])
    await voice.close()
    assert.ok(samples !== undefined)
    speech = encodeG711(samples, 'PCMU')
  })

  beforeEach(() => server.setFaults({}))
  after(() => server.close())

  const open = (rest: Parameters<typeof agentSpec>[1] = {}): AgentUnderTest =>
    new AgentUnderTest(agentSpec(backend(server.baseUrl), rest))

  it('speaks the greeting first, word by word, and tells the transcript when it has been played', async () => {
    const agent = open()
    await agent.answer()
    await agent.until(
      () => agent.turns.length > 0,
      () => agent.line.advance(20, agent.talker),
    )
    assert.deepEqual(agent.turns, ['agent: Hello, this is the clinic. How can I help?'])
    assert.ok(agent.line.sentSamples > 8_000)
    const record = await agent.talker.close()
    assert.equal(record?.backend, 'local')
    assert.equal(record?.turns, 1)
    assert.ok((record?.firstAudioMs ?? -1) >= 0)
  })

  it('falls silent when the caller speaks, and tells the server what was heard', async () => {
    const agent = open()
    await agent.answer()
    await agent.until(() => agent.line.queuedSamples() > 16_000)
    agent.line.advance(500, agent.talker)
    agent.hear(speech)
    const { heardMs, silenceAfterMs } = await agent.next('agent.bargeIn')
    assert.equal(agent.line.queuedSamples(), 0)
    assert.equal(heardMs, 500)
    assert.ok(silenceAfterMs <= 40, `${silenceAfterMs} ms`)
    agent.hearSilence(2_000)
    // The agent's answer to the speech: the truncated item is known to the server by then.
    await agent.until(() => agent.line.queuedSamples() > 0)
    const report = await server.sessions()
    // Truncation takes the transcript of an item away (OpenAI Realtime: `conversation.item.truncate`).
    const greeting = report.sessions.at(-1)?.items[0]
    assert.deepEqual(greeting?.content, [{ type: 'output_audio', transcript: '' }])
    await agent.until(
      () => agent.turns.length >= 3,
      () => agent.line.advance(20, agent.talker),
    )
    assert.match(agent.turns[0] ?? '', /^agent: Hello/)
    assert.ok((agent.turns[0] ?? '').length < 'agent: Hello, this is the clinic. How can I help?'.length)
    assert.ok(
      agent.turns.some((turn) => turn.startsWith('caller: (speech')),
      agent.turns.join('\n'),
    )
    assert.equal(agent.meter.faults.serverError, 0)
    assert.equal((await agent.talker.close())?.bargeIns, 1)
  })

  it('hangs up when its farewell has been played', async () => {
    const agent = open({ greeting: '' })
    await agent.answer()
    agent.talker.onDtmf('#', 100)
    await agent.until(() => agent.line.queuedSamples() > 0)
    assert.ok(!agent.events.some(({ kind }) => kind === 'hangUp'))
    agent.line.drain(agent.talker)
    await agent.until(
      () => agent.events.some(({ kind }) => kind === 'hangUp'),
      () => agent.line.advance(20, agent.talker),
    )
    assert.deepEqual(await agent.next('hangUp'), { kind: 'hangUp', reason: 'The caller said goodbye.' })
    assert.ok(agent.turns.includes('agent: Goodbye.'), agent.turns.join('\n'))
    await agent.talker.close()
  })

  it('runs an HTTP tool with the facts of the call and speaks its answer', async () => {
    const bodies: string[] = []
    const http = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        bodies.push(body)
        response.end('the patient is known')
      })
    }).listen(0, '127.0.0.1')
    await once(http, 'listening')
    const address: AddressInfo | string | null = http.address()
    assert.ok(typeof address === 'object' && address !== null)
    const url = `http://127.0.0.1:${address.port}/lookup`
    const tool = {
      name: 'lookup',
      description: 'Finds a patient',
      url,
      parameters: { type: 'object' },
      timeoutMs: 2_000,
    }
    const agent = open({ greeting: '', tools: [tool] })
    await agent.answer()
    agent.talker.onDtmf('9', 100)
    const ran = await agent.next('agent.tool')
    assert.equal(ran.name, 'lookup')
    assert.equal(ran.ok, true)
    await agent.until(
      () => agent.turns.some((turn) => turn.includes('The tool says')),
      () => agent.line.advance(20, agent.talker),
    )
    assert.deepEqual(bodies, ['{"arguments":{},"call":{"caller":"+12025550100"}}'])
    assert.ok(agent.turns.includes('tool: lookup: the patient is known'))
    await agent.talker.close()
    http.close()
    http.closeAllConnections()
  })

  it('loses the agent, and nothing else, when its socket is cut while it speaks', async () => {
    const agent = open()
    await server.setFaults({ dropAfterDeltas: 3 })
    await agent.answer()
    const lost = await agent.next('agent.lost')
    assert.equal(lost.code, 'ws-1006')
    assert.ok(agent.line.queuedSamples() > 0, 'what is queued is still there to be played')
    agent.line.drain(agent.talker)
    assert.match(agent.turns[0] ?? '', /^agent: Hello/)
    await agent.talker.close()
  })

  it('names the session limit as the reason of a loss', async () => {
    const agent = open({ greeting: '' })
    await agent.answer()
    await server.setFaults({ expireAfterMs: 0 })
    assert.equal((await agent.next('agent.lost')).code, 'session_expired')
    await agent.talker.close()
  })

  it('drops late audio of a cut item and bears a speech that is reported twice, and unknown events', async () => {
    await server.setFaults({ lateDeltas: 3, duplicateSpeechStarted: true, unknownEvents: true, twoItems: true })
    const agent = open()
    await agent.answer()
    await agent.until(() => agent.line.queuedSamples() > 0)
    agent.line.advance(200, agent.talker)
    agent.hear(speech)
    await agent.next('agent.bargeIn')
    agent.hearSilence(2_000)
    await agent.until(
      () => agent.turns.filter((turn) => turn.startsWith('agent')).length >= 2,
      () => agent.line.advance(20, agent.talker),
    )
    assert.equal(agent.events.filter(({ kind }) => kind === 'agent.bargeIn').length, 1)
    assert.equal(agent.meter.faults.malformedEvent, 0)
    assert.equal(agent.meter.faults.serverError, 0)
    await agent.talker.close()
  })

  it('speaks A-law where the leg does, also after a re-INVITE changed it', async () => {
    const agent = open({ greeting: '' })
    await agent.answer()
    agent.line.codec = 'PCMA'
    agent.talker.attach(agent.line)
    agent.talker.onDtmf('5', 100)
    agent.talker.onDtmf('#', 100)
    await agent.until(
      () => agent.turns.length > 0,
      () => agent.line.advance(20, agent.talker),
    )
    assert.deepEqual(agent.turns, ['agent: You pressed five, pound.'])
    assert.equal(agent.meter.faults.serverError, 0)
    await agent.talker.close()
  })

  it('leaves no session at the server when the call ends', async () => {
    const agent = open()
    await agent.answer()
    await agent.talker.close()
    assert.equal(await agent.talker.close(), await agent.talker.close())
    let live = 1
    while (live > 0) live = (await server.sessions()).live
  })
})
