import assert from 'node:assert/strict'
import { startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { configured, ScriptedRealtime } from '../../helpers/scripted-realtime.ts'
import { AgentUnderTest, agentSpec, backend } from './agent-fixture.ts'

const MCP = [{ label: 'crm', url: 'https://mcp.example.net/', description: 'Patients', allowedTools: [] }]

describe('MCP servers of an agent', () => {
  for (const [kind, told] of [
    ['openai', true],
    ['custom', false],
  ] as const) {
    it(`are ${told ? '' : 'not '}named to a server of kind ${kind}, and what it calls there is told`, async () => {
      const server = await ScriptedRealtime.start(configured())
      const agent = new AgentUnderTest(agentSpec(backend(server.baseUrl, { kind }), { greeting: '', mcp: MCP }))
      await agent.answer()
      const update = JSON.stringify(await server.next('session.update'))
      assert.equal(update.includes('"server_label":"crm"'), told)
      const item = { id: 'm1', type: 'mcp_call', server_label: 'crm', name: 'find', arguments: '{}', output: 'Zoe' }
      server.say({ type: 'response.created', response: { id: 'r1' } })
      server.say({ type: 'response.mcp_call.in_progress', item_id: 'm1' })
      server.say({ type: 'response.output_item.done', response_id: 'r1', item })
      const { name, ok } = await agent.next('agent.tool')
      assert.deepEqual([name, ok], ['crm.find', true])
      assert.deepEqual(agent.turns, ['tool: crm.find: Zoe'])
      await agent.talker.close()
      await server.close()
    })
  }

  it('are taken by a peer that checks what it is configured with', async () => {
    const server = await startLocalAgent({ apiKey: 'test-key' })
    const first = backend(server.baseUrl, { kind: 'openai' })
    const agent = new AgentUnderTest(agentSpec(first, { mcp: MCP }))
    await agent.answer()
    await agent.talker.close()
    await server.close()
  })
})
