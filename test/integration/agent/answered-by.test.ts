import assert from 'node:assert/strict'
import type { OnMachine } from '../../../lib/agent/spec.ts'
import { configured, ScriptedRealtime } from '../../helpers/scripted-realtime.ts'
import { AgentUnderTest, agentSpec, backend } from './agent-fixture.ts'

/** µ-law of a loud voice, as to its level. */
const voice = (ms: number): Uint8Array => new Uint8Array(ms * 8).map((_, i) => (i % 16 < 8 ? 0x10 : 0x90))

describe('who has answered, by what is heard of them', () => {
  let server: ScriptedRealtime
  let agent: AgentUnderTest

  const answered = async (onMachine?: OnMachine): Promise<void> => {
    server = await ScriptedRealtime.start(configured())
    const spec = agentSpec(backend(server.baseUrl), { greeting: '', ...(onMachine !== undefined && { onMachine }) })
    agent = new AgentUnderTest(spec)
    agent.talker.attach(agent.line)
    assert.ok((await agent.talker.ready()).ok)
    // Before the call is answered nobody has answered.
    agent.hear(voice(3_000))
    agent.talker.start()
  }
  const heard = () => agent.events.filter(({ kind }) => kind === 'answeredBy')
  const notes = () => server.received.filter(({ type }) => type === 'conversation.item.create')

  afterEach(async () => {
    await agent.talker.close()
    await server.close()
  })

  it('is a human who says hello and waits', async () => {
    await answered('hang-up')
    agent.hearSilence(200)
    agent.hear(voice(600))
    agent.hearSilence(2_000)
    assert.deepEqual(heard(), [{ kind: 'answeredBy', by: 'human', afterMs: 1_600, leaves: false }])
  })

  it('is a machine that goes on and on, of which the agent is told once', async () => {
    await answered('tell-agent')
    agent.hear(voice(20_000))
    assert.deepEqual(heard(), [{ kind: 'answeredBy', by: 'machine', afterMs: 2_420, leaves: false }])
    await agent.until(() => notes().length === 1)
    assert.match(JSON.stringify(notes()), /answering machine/)
  })

  it('is a machine, and the call is over where nobody wants to talk to one', async () => {
    await answered('hang-up')
    agent.hear(voice(5_000))
    assert.deepEqual(heard(), [{ kind: 'answeredBy', by: 'machine', afterMs: 2_420, leaves: true }])
  })

  it('is nobody’s question where the call does not ask', async () => {
    await answered()
    agent.hear(voice(5_000))
    agent.hearSilence(7_000)
    assert.deepEqual(heard(), [])
  })
})
