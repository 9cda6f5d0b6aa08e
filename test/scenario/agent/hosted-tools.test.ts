import assert from 'node:assert/strict'
import { HOSTED_STALL_MS, STALL_MS } from '../../../lib/agent/session-state.ts'
import { Stage } from './stage.ts'

const began = { type: 'response.mcp_call.in_progress', item_id: 'm1', output_index: 0 }
const ended = (rest: object = {}): object => ({
  type: 'response.output_item.done',
  response_id: 'r1',
  item: { id: 'm1', type: 'mcp_call', server_label: 'crm', name: 'find', arguments: '{"q":1}', output: 'Zoe', ...rest },
})

const talking = (): Stage => {
  const stage = Stage.talking()
  stage.server({ type: 'response.created', response: { id: 'r1' } })
  return stage
}

const toolNews = (stage: Stage): readonly object[] =>
  stage.of('news').flatMap(({ news }) => (news.kind === 'agent.tool' ? [news] : []))

describe('the tools of an MCP server, which the realtime server calls', () => {
  it('are told of with how long they took, are in the transcript, and are neither run nor answered by us', () => {
    const stage = talking()
    stage.server(began)
    stage.pass(400)
    stage.server(ended())
    stage.server(ended())
    stage.finish('r1')
    assert.deepEqual(toolNews(stage), [{ kind: 'agent.tool', name: 'crm.find', ok: true, tookMs: 400 }])
    assert.deepEqual(stage.turns, ['tool: crm.find: Zoe'])
    assert.equal(stage.of('runTool').length, 0)
    assert.equal(stage.sent('conversation.item.create').length + stage.sent('response.create').length, 0)
  })

  it('say why they failed', () => {
    const stage = talking()
    stage.server(ended({ output: null, error: { type: 'http_error', code: 502, message: 'bad gateway' } }))
    assert.deepEqual(toolNews(stage), [
      { kind: 'agent.tool', name: 'crm.find', ok: false, tookMs: 0, message: 'bad gateway' },
    ])
    assert.deepEqual(stage.turns, ['tool: crm.find: {"error":"bad gateway"}'])
  })

  it('are told to the next server with what they brought, as a function that was called', () => {
    const stage = talking()
    stage.server(ended())
    stage.finish('r1')
    const items = stage
      .reconnect()
      .flatMap(({ item }) => (item === undefined ? [] : [Object.assign({ type: '' }, item)]))
    const tools = items.filter(({ type }) => type.startsWith('function_call'))
    assert.deepEqual(
      tools.map((item) => [item.type, Object.assign({ name: '', output: '' }, item).name]),
      [
        ['function_call', 'crm_find'],
        ['function_call_output', ''],
      ],
    )
    assert.match(JSON.stringify(tools), /"output":"Zoe"/)
  })

  it('may take longer than a server may be silent otherwise, and not for ever', () => {
    const stage = talking()
    stage.server(began)
    stage.pass(STALL_MS + 1_000)
    assert.equal(stage.state.phase, 'up')
    stage.pass(HOSTED_STALL_MS)
    assert.equal(stage.state.phase, 'lost')
    assert.match(JSON.stringify(toolNews(stage)), /how it ended was not told/)
  })

  it('that nobody told the end of are told of as such when the response is over', () => {
    const stage = talking()
    stage.server(began)
    stage.finish('r1')
    assert.match(JSON.stringify(toolNews(stage)), /how it ended was not told/)
    assert.deepEqual(stage.state.hosted, [])
  })

  it('are missed where they cannot be listed', () => {
    const stage = Stage.talking()
    stage.server({ type: 'mcp_list_tools.failed', item_id: 'l1' })
    assert.match(JSON.stringify(toolNews(stage)), /could not be listed/)
  })
})
