import assert from 'node:assert/strict'
import { startLocalAgent } from '../../app/agent/local/local-agent.ts'
import { endedCalls } from '../helpers/api-call.ts'
import { tandem } from '../helpers/run.ts'
import { GREETING, NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

describe('with OPENAI_API_KEY set', () => {
  it('the same path leads to the server of OPENAI_BASE_URL, with that key', async function () {
    this.timeout(90_000)
    const server = await startLocalAgent({ apiKey: 'sk-test' })
    const node = await TandemProcess.start({
      env: { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.baseUrl },
      config: { agents: { intake: { backend: 'openai', greeting: GREETING } } },
    })
    const placed = await tandem(['call', `sip:${NUMBER}@${node.address}:5060`, '--seconds', '4', '--json'])
    assert.equal(JSON.parse(placed.stdout).status, 200, placed.stderr)
    const [call] = await endedCalls(node, 1)
    assert.equal(call?.agent?.backend, 'openai')
    assert.equal(call?.transcript[0]?.who, 'agent')
    assert.equal(await node.stop(), 0)
    await server.close()
  })

  it('a wrong key refuses the call with 503 and says so in the record', async function () {
    this.timeout(90_000)
    const server = await startLocalAgent({ apiKey: 'sk-right' })
    const node = await TandemProcess.start({
      env: { OPENAI_API_KEY: 'sk-wrong', OPENAI_BASE_URL: server.baseUrl },
      config: { agents: { intake: { backend: 'openai', greeting: GREETING } } },
    })
    const placed = await tandem(['call', node.uri, '--seconds', '4', '--json'])
    assert.equal(JSON.parse(placed.stdout).status, 503, placed.stderr)
    const [call] = await endedCalls(node, 1)
    assert.deepEqual(call?.end, { by: 'system', sip: 503, cause: 'agent-fault' })
    assert.equal(await node.stop(), 0)
    await server.close()
  })
})
