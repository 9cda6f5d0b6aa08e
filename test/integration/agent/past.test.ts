import assert from 'node:assert/strict'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import type { PastItem } from '../../../lib/agent/past.ts'
import { AgentUnderTest, agentSpec, backend } from './agent-fixture.ts'

const itemsOf = (agent: AgentUnderTest): readonly PastItem[] =>
  agent.events.flatMap((event) => (event.kind === 'item' ? [event.item] : []))

describe('a conversation over two calls', () => {
  let server: LocalAgent

  before(async () => {
    server = await startLocalAgent({ apiKey: 'test-key', firstDeltaMs: 0, speedUp: 40 })
  })

  after(() => server.close())

  it('goes on in the second with what was told of in the first, the last word half heard, and the agent speaks first', async () => {
    const first = new AgentUnderTest(agentSpec(backend(server.baseUrl), { greeting: 'Hello, this is the clinic.' }))
    await first.answer()
    await first.until(
      () => itemsOf(first).length === 1,
      () => first.line.advance(20, first.talker),
    )
    first.talker.onDtmf('5', 100)
    // Turn detection keeps time by what it hears.
    await first.until(() => first.line.queuedSamples() > 0)
    first.line.advance(1_000, first.talker)
    await first.talker.close()
    const items = itemsOf(first)
    assert.deepEqual(
      items.map((item) => (item.kind === 'message' ? `${item.role}: ${item.text}` : item.kind)),
      [
        'assistant: Hello, this is the clinic.',
        'user: [DTMF 5]',
        items[2]?.kind === 'message' && `assistant: ${items[2].text}`,
      ],
    )
    assert.ok(items.every(({ at }) => Math.abs(Date.now() - at.getTime()) < 10_000))

    const lookup: PastItem = { kind: 'toolCall', callId: 'c1', name: 'lookup', arguments: '{}', at: new Date() }
    const second = new AgentUnderTest(
      agentSpec(backend(server.baseUrl), { past: { note: 'dropped', items: [...items, lookup] } }),
    )
    await second.answer()
    await second.until(
      () => second.turns.length > 0,
      () => second.line.advance(20, second.talker),
    )
    assert.match(second.turns[0] ?? '', /^agent: We had [34] turns before\./)
    const [session] = (await server.sessions()).sessions.slice(-1)
    assert.deepEqual(
      session?.items.slice(0, 6).map(({ type, role }) => role ?? type),
      ['assistant', 'user', 'assistant', 'function_call', 'function_call_output', 'system'],
    )
    assert.match(JSON.stringify(session.items[4]), /outcome is unknown/)
    assert.match(JSON.stringify(session.items[5]), /The phone line dropped/)
    await second.talker.close()
  })
})
