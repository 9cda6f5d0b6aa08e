import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { Speech } from '../../../app/agent/local/speech.ts'
import type { EmbeddedMedia } from '../../../app/media/embedded/engine.ts'
import type { AgentSpec } from '../../../lib/agent/spec.ts'
import { connect, inTempDir, readWavSamples, startEngine, TestLeg, writeWav } from '../media/media-fixture.ts'
import { AgentUnderTest, agentSpec, backend } from './agent-fixture.ts'

/** The caller lets the agent begin. */
const LEAD_SAMPLES = 8_000
const GREETING = 'Hello, this is the clinic. We are open from nine to five on every day but Sunday. How can I help you?'

describe('an agent and a phone over RTP', function () {
  this.timeout(20_000)
  let server: LocalAgent
  let engine: EmbeddedMedia

  before(async () => {
    server = await startLocalAgent({ apiKey: 'test-key', firstDeltaMs: 0 })
    engine = await startEngine({ agentTalkerModule: new URL('../../../app/agent/talker.js', import.meta.url).href })
  })

  after(async () => {
    await engine.close()
    await server.close()
  })

  it('talk: the greeting is heard until the caller cuts it short, and the caller is heard', () =>
    inTempDir(async (path) => {
      const voice = new Speech()
      const speech = await voice.say(['I would like to make an appointment for tomorrow please.'])
      await voice.close()
      assert.ok(speech !== undefined)
      await writeWav(path('in.wav'), Int16Array.from([...new Int16Array(LEAD_SAMPLES), ...speech]))
      const spec = agentSpec(backend(server.baseUrl), { greeting: GREETING })
      await synthesized(spec)
      const agent = await TestLeg.open(engine, { kind: 'agent', agent: spec })
      const phone = await TestLeg.open(engine, {
        kind: 'phone',
        playFile: path('in.wav'),
        recordFile: path('out.wav'),
      })
      await connect(phone, agent)
      assert.deepEqual(await agent.media.ready(), { ok: true, value: undefined })
      agent.media.start()
      phone.media.start()

      const bargeIn = await agent.event('agent.bargeIn')
      assert.ok(bargeIn.silenceAfterMs <= 40, `${bargeIn.silenceAfterMs} ms`)
      assert.ok(bargeIn.heardMs > 0)
      assert.match(await turnOf(agent, 'agent'), /^Hello, this/)
      assert.match(await turnOf(agent, 'caller'), /^\(speech, /)

      const { agent: record } = await agent.media.close()
      await phone.media.close()
      assert.ok(record !== null && record.bargeIns >= 1 && record.turns >= 2)
      assert.ok((record.firstAudioMs ?? -1) >= 0)
      const heard = readWavSamples(await readFile(path('out.wav')))
      assert.ok(heard.some((sample) => Math.abs(sample) > 2_000))
      let live = 1
      while (live > 0) live = (await server.sessions()).live
    }))
})

/** The server has the greeting's speech ready, so that it begins at once however busy the machine is. */
async function synthesized(spec: AgentSpec): Promise<void> {
  const agent = new AgentUnderTest(spec)
  await agent.answer()
  await agent.until(() => agent.line.queuedSamples() > 0)
  await agent.talker.close()
}

/** The first turn of one side. */
async function turnOf(leg: TestLeg, who: 'agent' | 'caller'): Promise<string> {
  for (;;) {
    const turn = leg.events.find((event) => event.kind === 'turn' && event.who === who)
    if (turn?.kind === 'turn') return turn.text
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
