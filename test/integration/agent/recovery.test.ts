import assert from 'node:assert/strict'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { Speech } from '../../../app/agent/local/speech.ts'
import { encodeG711, FRAME_MS } from '../../../lib/media/g711.ts'
import { AgentUnderTest, agentSpec, backend } from './agent-fixture.ts'

const GREETING = 'Hello, this is the clinic. We are open from nine to five on every day but Sunday. How can I help you?'

/** Lines go so much faster than real time, and the servers' voices a little more so. */
const HASTE = 4

/** The packet clock of a line whose caller is silent. */
async function listen(agent: AgentUnderTest, holds: () => boolean): Promise<void> {
  let lastMs = performance.now()
  await agent.until(holds, () => {
    for (; performance.now() - lastMs >= FRAME_MS / HASTE; lastMs += FRAME_MS / HASTE) {
      agent.line.advance(FRAME_MS, agent.talker)
      agent.hearSilence(FRAME_MS)
    }
  })
}

const seen = (agent: AgentUnderTest, kind: string): number => agent.events.filter((event) => event.kind === kind).length

describe('an agent whose server is lost', function () {
  this.timeout(30_000)
  let first: LocalAgent
  let second: LocalAgent
  let speech: Uint8Array

  before(async () => {
    const options = { apiKey: 'test-key', firstDeltaMs: 100, speedUp: 1.5 * HASTE }
    first = await startLocalAgent(options)
    second = await startLocalAgent(options)
    const voice = new Speech()
    const samples = await voice.say(['I would like to make an appointment for tomorrow morning please.'])
    await voice.close()
    assert.ok(samples !== undefined)
    speech = encodeG711(samples, 'PCMU')
  })

  afterEach(() => Promise.all([first, second].map((server) => server.setFaults({}))))
  after(() => Promise.all([first, second].map((server) => server.close())))

  const open = (rest: Parameters<typeof agentSpec>[1] = {}): AgentUnderTest =>
    new AgentUnderTest(
      agentSpec(backend(first.baseUrl), {
        backends: [backend(first.baseUrl), backend(second.baseUrl, { kind: 'custom' })],
        greeting: GREETING,
        ...rest,
      }),
    )

  it('goes on in the middle of a sentence at the same server, which learns what was heard, and comfort fills the time', async () => {
    const agent = open({ comfortAfterMs: 20 })
    await agent.answer()
    await listen(agent, () => agent.line.sentSamples > 12_000)
    await first.setFaults({ dropAfterMs: 0 })
    await listen(agent, () => seen(agent, 'agent.lost') === 1)
    await first.setFaults({})
    const { backend: kind, gapMs } = await agent.next('agent.reconnected')
    assert.equal(kind, 'local')
    assert.ok(gapMs < 1_500, `${gapMs} ms`)
    await listen(agent, () => agent.turns.length >= 2)
    // The local agent says so of a conversation that was restored.
    assert.match(agent.turns[1] ?? '', /^agent: We had 1 turn before\./)
    const [session] = (await first.sessions()).sessions.slice(-1)
    assert.deepEqual(
      session?.items.slice(0, 2).map((item) => item.role),
      ['assistant', 'system'],
    )
    const told = JSON.stringify(session.items[0])
    assert.match(told, /Hello, this is the clinic\./)
    assert.ok(!told.includes('How can I help you?'), told)
    const record = await agent.talker.close()
    assert.deepEqual([record?.reconnects, record?.backend], [1, 'local'])
  })

  it('answers what the caller said while it was away', async () => {
    const agent = open({ greeting: '' })
    await agent.answer()
    await first.setFaults({ dropAfterMs: 0 })
    await agent.until(() => seen(agent, 'agent.lost') === 1)
    agent.hear(speech)
    await first.setFaults({})
    await agent.next('agent.reconnected')
    agent.hearSilence(1_000)
    await listen(agent, () => agent.turns.length >= 2)
    assert.match(agent.turns.toSorted()[1] ?? '', /^caller: \(speech, /)
    assert.match(agent.turns.toSorted()[0] ?? '', /^agent: You spoke for /)
    await agent.talker.close()
  })

  it('goes on at the next backend where the first one takes nobody, and says so', async () => {
    const agent = open()
    await agent.answer()
    await listen(agent, () => agent.line.sentSamples > 8_000)
    await first.setFaults({ dropAfterMs: 0, refuseStatus: 503 })
    const { backend: kind } = await agent.next('agent.reconnected')
    assert.equal(kind, 'custom')
    await listen(agent, () => agent.turns.length >= 2)
    assert.match(agent.turns[1] ?? '', /^agent: We had 1 turn before\./)
    assert.equal((await agent.talker.close())?.backend, 'custom')
  })

  it('is given up where no backend takes it within the time, and not before', async () => {
    const agent = open({ reconnectForMs: 700 })
    await agent.answer()
    await Promise.all([first, second].map((server) => server.setFaults({ dropAfterMs: 0, refuseStatus: 503 })))
    const lostAtMs = performance.now()
    await agent.next('agent.gone')
    const tookMs = performance.now() - lostAtMs
    assert.ok(tookMs >= 650 && tookMs < 3_000, `${tookMs} ms`)
    assert.equal(seen(agent, 'agent.lost'), 1)
    await agent.talker.close()
  })

  it('is given up where it is taken and dropped again and again', async () => {
    const agent = open({ reconnectForMs: 700 })
    await agent.answer()
    await Promise.all([first, second].map((server) => server.setFaults({ dropAfterMs: 60 })))
    await agent.next('agent.gone')
    assert.ok(seen(agent, 'agent.reconnected') >= 1)
    await agent.talker.close()
  })

  it('moves to a fresh session before the limit of its own, between two turns, unheard', async () => {
    const brief = await startLocalAgent({ apiKey: 'test-key', firstDeltaMs: 0, speedUp: 10, sessionSeconds: 4 })
    const agent = new AgentUnderTest(agentSpec(backend(brief.baseUrl), { greeting: 'Hello.' }))
    await agent.answer()
    await listen(agent, () => seen(agent, 'agent.reconnected') === 1)
    assert.equal(seen(agent, 'agent.lost'), 0)
    const { sentSamples } = agent.line
    agent.talker.onDtmf('5', 100)
    await listen(agent, () => agent.turns.length >= 2)
    assert.equal(agent.turns[0], 'agent: Hello.')
    assert.match(agent.turns[1] ?? '', /^agent: We had . turns before\. You pressed five\./)
    assert.ok(agent.line.sentSamples > sentSamples)
    const { sessions } = await brief.sessions()
    assert.ok(sessions.length >= 2)
    await agent.talker.close()
    await brief.close()
  })
})
