import assert from 'node:assert/strict'
import { historyOf, type Past } from '../../../lib/agent/past.ts'
import { isRecordingPaused } from '../../../lib/agent/recording-pause.ts'
import { MAX_RUNNING_TOOLS } from '../../../lib/agent/tool-calls.ts'
import { MAX_VARIABLES, variablesOf } from '../../../lib/agent/variables.ts'
import { call, Stage, speechStarted } from './stage.ts'

const done = (stage: Stage, callId: string, output = '{"ok":1}'): void =>
  stage.input({ kind: 'toolDone', result: { callId, name: 'lookup', ok: true, output, tookMs: 12 } })

describe('the tools of an agent', () => {
  it('run when their call is complete, and once, whatever tells of it', () => {
    const stage = Stage.talking()
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    const item = call('c1', 'lookup', '{"id":7}')
    stage.server({ type: 'response.output_item.done', response_id: 'r1', item })
    stage.server({ type: 'response.output_item.done', response_id: 'r1', item })
    stage.finish('r1', 'completed', [item])
    assert.deepEqual(stage.of('runTool'), [{ kind: 'runTool', callId: 'c1', name: 'lookup', arguments: { id: 7 } }])
  })

  it('are answered all, and then followed up by one response', () => {
    const stage = Stage.talking()
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    stage.finish('r1', 'completed', [call('c1', 'lookup'), call('c2', 'book')])
    done(stage, 'c2')
    assert.equal(stage.sent('response.create').length, 0)
    done(stage, 'c1')
    done(stage, 'c1')
    assert.equal(stage.sent('conversation.item.create').length, 2)
    assert.equal(stage.sent('response.create').length, 1)
    assert.deepEqual(stage.turns, ['tool: lookup: {"ok":1}', 'tool: lookup: {"ok":1}'])
  })

  it('wait with the follow-up for the end of the response that called them', () => {
    const stage = Stage.talking()
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    stage.server({ type: 'response.output_item.done', response_id: 'r1', item: call('c1', 'lookup') })
    done(stage, 'c1')
    assert.equal(stage.sent('response.create').length, 0)
    stage.finish('r1')
    assert.equal(stage.sent('response.create').length, 1)
  })

  it('are not followed up where the caller has interrupted, but answered', () => {
    const stage = Stage.talking()
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    stage.server({ type: 'response.output_item.done', response_id: 'r1', item: call('c1', 'lookup') })
    stage.server(speechStarted('u1'))
    stage.finish('r1', 'cancelled')
    done(stage, 'c1')
    assert.equal(stage.sent('conversation.item.create').length, 1)
    assert.equal(stage.sent('response.create').length, 0)
  })

  const bad: readonly (readonly [string, object, RegExp])[] = [
    ['nobody knows', call('c1', 'launch'), /no tool of this name/],
    ['have arguments that are not JSON', call('c1', 'lookup', '{"a":'), /not a JSON object/],
    ['have a list for arguments', call('c1', 'lookup', '[1]'), /not a JSON object/],
  ]
  for (const [why, item, message] of bad) {
    it(`that ${why} are answered with an error and not run`, () => {
      const stage = Stage.talking()
      stage.server({ type: 'response.created', response: { id: 'r1' } })
      stage.finish('r1', 'completed', [item])
      assert.equal(stage.of('runTool').length, 0)
      assert.match(JSON.stringify(stage.sent('conversation.item.create')), message)
      assert.equal(stage.sent('response.create').length, 1)
    })
  }

  it('are not run with arguments that do not fit their schema, and the agent is told what is wrong', () => {
    const parameters = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }
    const tool = { name: 'lookup', description: '', url: 'http://127.0.0.1/', parameters, timeoutMs: 1_000 }
    const stage = Stage.talking({ greeting: '', tools: [tool] })
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    stage.finish('r1', 'completed', [call('c1', 'lookup', '{"id":"7"}'), call('c2', 'lookup', '{"id":7}')])
    assert.deepEqual(
      stage.of('runTool').map(({ callId }) => callId),
      ['c2'],
    )
    assert.deepEqual(stage.turns, [
      'tool: lookup: {"error":"the tool was not called, as its arguments are wrong: /id must be integer"}',
    ])
  })

  it('that are too many at one time are answered with an error and not run', () => {
    const stage = Stage.talking()
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    stage.finish(
      'r1',
      'completed',
      Array.from({ length: 60 }, (_, i) => call(`c${i}`, 'lookup')),
    )
    assert.equal(stage.of('runTool').length, MAX_RUNNING_TOOLS)
    assert.equal(stage.sent('conversation.item.create').length, 60 - MAX_RUNNING_TOOLS)
  })

  describe('set_variable', () => {
    const set = (callId: string, name: string, value: unknown = 'A7'): object =>
      call(callId, 'set_variable', JSON.stringify({ name, value }))
    const variables = { caller: '+12025550100', called: '+12025550199' }

    it('keeps a fact with the session, before tools of the same response run', () => {
      const stage = Stage.talking({ greeting: '', variables })
      stage.server({ type: 'response.created', response: { id: 'r1' } })
      stage.finish('r1', 'completed', [set('c1', 'order'), call('c2', 'lookup')])
      const told = stage.effects.flatMap((effect) => {
        if (effect.kind === 'news' && effect.news.kind === 'agent.variable') return [effect.news.value]
        return effect.kind === 'runTool' ? [effect.name] : []
      })
      assert.deepEqual(told, ['A7', 'lookup'])
      assert.deepEqual(stage.turns, ['tool: set_variable: {"ok":true,"name":"order","value":"A7"}'])
      assert.deepEqual(variablesOf(stage.state, { variables }), { ...variables, order: 'A7' })
    })

    it('tells a further server what was kept', () => {
      const stage = Stage.talking({ greeting: '', variables })
      stage.server({ type: 'response.created', response: { id: 'r1' } })
      stage.finish('r1', 'completed', [set('c1', 'order')])
      const [update] = stage.reconnect()
      assert.match(JSON.stringify(update), /- called: \+12025550199\\n- order: A7/)
    })

    const refused: readonly (readonly [string, object, RegExp])[] = [
      ['who calls', set('c1', 'caller'), /caller is what the network says/],
      ['who was called, in capitals', set('c1', 'CALLED'), /CALLED is what the network says/],
      ['what is no name', set('c1', '__proto__'), /\/name must match pattern/],
      ['what is no text', set('c1', 'order', 7), /\/value must be string/],
      ['what is too long', set('c1', 'order', 'x'.repeat(513)), /must NOT have more than 512 characters/],
    ]
    for (const [what, item, want] of refused) {
      it(`never says ${what}`, () => {
        const stage = Stage.talking({ greeting: '', variables })
        stage.server({ type: 'response.created', response: { id: 'r1' } })
        stage.finish('r1', 'completed', [item])
        assert.match(stage.turns[0] ?? '', want)
        assert.deepEqual(stage.state.variables, {})
      })
    }

    it('keeps a limited number of facts, and changes each of them as often as it likes', () => {
      const stage = Stage.talking({ greeting: '', variables })
      for (let i = 0; i < 70; i++) {
        stage.server({ type: 'response.created', response: { id: `r${i}` } })
        stage.finish(`r${i}`, 'completed', [set(`c${i}`, `fact${i}`), set(`d${i}`, 'fact0', String(i))])
      }
      assert.equal(Object.keys(variablesOf(stage.state, { variables })).length, MAX_VARIABLES)
      assert.equal(stage.state.variables.fact0, '69')
    })
  })

  it('that act on the recording are there only where the call is recorded', () => {
    for (const [recorded, runs] of [
      [true, 1],
      [false, 0],
    ] as const) {
      const stage = Stage.talking({ greeting: '', recorded })
      stage.server({ type: 'response.created', response: { id: 'r1' } })
      stage.finish('r1', 'completed', [call('c1', 'pause_recording')])
      assert.equal(stage.of('runTool').length, runs)
    }
  })

  it('leave a paused recording paused where the conversation goes on elsewhere', () => {
    const past = (...names: readonly string[]): Past => ({
      note: 'moved',
      items: names.map((name, i) => ({ kind: 'toolCall', callId: `c${i}`, name, arguments: '{}', at: new Date(i) })),
    })
    assert.equal(isRecordingPaused(historyOf(past('pause_recording', 'lookup'))), true)
    assert.equal(isRecordingPaused(historyOf(past('pause_recording', 'resume_recording'))), false)
    assert.equal(isRecordingPaused(historyOf(undefined)), false)
  })

  describe('hang_up', () => {
    const farewell = (): Stage => {
      const stage = Stage.talking()
      stage.speak('r1', 'Goodbye.', 1_000)
      stage.server({
        type: 'response.output_item.done',
        response_id: 'r1',
        item: call('c1', 'hang_up', '{"reason":"done"}'),
      })
      return stage
    }

    it('hangs up when all that was said has been played', () => {
      const stage = farewell()
      stage.finish('r1')
      stage.pass(980)
      assert.deepEqual(stage.news, [])
      stage.pass(60)
      assert.deepEqual(
        stage.of('news').map(({ news }) => news),
        [
          { kind: 'agent.tool', name: 'hang_up', ok: true, tookMs: 980 },
          { kind: 'hangUp', reason: 'done' },
        ],
      )
      assert.equal(stage.sent('response.create').length, 0)
    })

    it('hangs up at once where nothing was said', () => {
      const stage = Stage.talking()
      stage.server({ type: 'response.created', response: { id: 'r1' } })
      stage.finish('r1', 'completed', [call('c1', 'hang_up', '')])
      assert.deepEqual(stage.news, ['agent.tool', 'hangUp'])
    })

    it('hangs up in the end, also where the farewell never does', () => {
      const stage = farewell()
      for (let second = 0; second < 31; second++) {
        const part = {
          response_id: 'r1',
          item_id: 'r1a',
          content_index: 0,
          delta: Buffer.alloc(8_000).toString('base64'),
        }
        stage.server({ type: 'response.output_audio.delta', ...part })
        stage.pass(1_000)
      }
      assert.ok(stage.news.includes('hangUp'))
    })

    it('goes on with the call where the caller speaks up during the farewell, and tells the agent so', () => {
      const stage = farewell()
      stage.finish('r1')
      stage.pass(300)
      stage.server(speechStarted('u1'))
      stage.pass(60_000)
      assert.ok(!stage.news.includes('hangUp'))
      assert.match(JSON.stringify(stage.sent('conversation.item.create')), /the call goes on/)
    })

    it('still hangs up when the server is lost during the farewell', () => {
      const stage = farewell()
      stage.input({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })
      stage.pass(1_100)
      assert.deepEqual(stage.news, ['agent.lost', 'agent.tool', 'hangUp'])
    })
  })
})
