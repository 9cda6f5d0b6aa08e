import assert from 'node:assert/strict'
import { comfortAfterMs } from '../../../lib/agent/comfort.ts'
import { STALL_MS } from '../../../lib/agent/session-state.ts'
import { call, SPEC, Stage, speechStarted, speechStopped } from './stage.ts'
import { asked, told, transcript, types } from './told.ts'

/** The caller says something, which is written down and answered. */
function turn(stage: Stage, said: string, answered: string): void {
  stage.server(speechStarted('u1'))
  stage.pass(1_000)
  stage.server(speechStopped('u1'))
  stage.server(transcript('u1', said))
  stage.speak('r1', answered, 400)
  stage.finish('r1')
  stage.pass(600)
}

describe('an agent whose server is lost', () => {
  it('is heard to the end of what was queued, and the next server goes on from there', () => {
    const stage = Stage.talking()
    turn(stage, 'My knee hurts.', 'Since when?')
    stage.speak('r2', 'Please tell me', 600)
    const sent = stage.reconnect()
    assert.deepEqual(told(sent), [
      'user: My knee hurts.',
      'assistant: Since when?',
      'assistant: Please tell me',
      'note',
    ])
    assert.deepEqual(types(sent).slice(0, 1), ['session.update'])
    assert.equal(asked(sent), 1)
    assert.ok(stage.playout.queuedSamples > 0)
    stage.speak('r3', 'your birth date.', 400)
    stage.finish('r3')
    stage.pass(1_500)
    assert.deepEqual(stage.turns, [
      'caller: My knee hurts.',
      'agent: Since when?',
      'agent: Please tell me',
      'agent: your birth date.',
    ])
    assert.deepEqual(stage.news, ['agent.lost'])
    assert.deepEqual(stage.of('ready').at(-1)?.back, {
      gapMs: 200,
      deafSinceMs: stage.of('ready').at(-1)?.back?.deafSinceMs,
    })
  })

  it('leaves the caller with comfort until it is heard again, where it owes a word', () => {
    const stage = Stage.talking()
    stage.speak('r1', 'Please tell me', 100)
    assert.equal(comfortAfterMs(stage.state, SPEC), null)
    stage.reconnect()
    assert.equal(comfortAfterMs(stage.state, SPEC), 300)
    stage.speak('r2', 'your name.', 100)
    assert.equal(comfortAfterMs(stage.state, SPEC), null)
  })

  it('says nothing by itself where it owes nothing, and the caller is not made to wait', () => {
    const stage = Stage.talking()
    turn(stage, 'My knee hurts.', 'Since when?')
    const sent = stage.reconnect()
    assert.equal(asked(sent), 0)
    assert.equal(comfortAfterMs(stage.state, SPEC), null)
  })

  it('hears again what the caller said and nobody has written down, and answers that', () => {
    const stage = Stage.talking()
    stage.pass(5_000)
    stage.server(speechStarted('u1'))
    stage.pass(2_000)
    stage.server(speechStopped('u1'))
    const sent = stage.reconnect()
    assert.equal(asked(sent), 0)
    assert.equal(stage.of('ready').at(-1)?.back?.deafSinceMs, 4_000)
  })

  it('answers at once what the caller said and was written down', () => {
    const stage = Stage.talking()
    stage.pass(5_000)
    stage.server(speechStarted('u1'))
    stage.pass(2_000)
    stage.server(speechStopped('u1'))
    stage.server(transcript('u1', 'My knee hurts.'))
    const sent = stage.reconnect()
    assert.deepEqual(told(sent), ['user: My knee hurts.', 'note'])
    assert.equal(asked(sent), 1)
    assert.equal(stage.of('ready').at(-1)?.back?.deafSinceMs, 7_000)
  })

  it('greets where nothing of its greeting was heard, and goes on where something was', () => {
    const unheard = Stage.talking({})
    const [request] = unheard.reconnect().filter(({ type }) => type === 'response.create')
    assert.match(JSON.stringify(request), /Hello there\./)
    const heard = Stage.talking({})
    heard.speak('g', 'Hello', 200, 'response-1')
    const sent = heard.reconnect()
    assert.deepEqual(told(sent), ['assistant: Hello', 'note'])
    assert.ok(!JSON.stringify(sent.filter(({ type }) => type === 'response.create')).includes('Hello there.'))
  })

  it('runs no tool twice: one that still runs answers the next server', () => {
    const stage = Stage.talking()
    stage.speak('r1', 'One moment.', 100)
    stage.finish('r1', 'completed', [call('c1', 'lookup', '{"name":"Ada"}')])
    stage.pass(400)
    const sent = stage.reconnect()
    assert.deepEqual(told(sent), ['assistant: One moment.', 'lookup({"name":"Ada"})', 'note'])
    assert.equal(asked(sent), 0)
    const from = stage.effects.length
    stage.input({ kind: 'toolDone', result: { callId: 'c1', name: 'lookup', ok: true, output: 'found', tookMs: 5 } })
    const later = stage.effects.slice(from).flatMap((effect) => (effect.kind === 'send' ? [{ ...effect.event }] : []))
    assert.deepEqual(told(later), ['= found'])
    assert.equal(asked(later), 1)
    stage.finish('r1', 'completed', [call('c1', 'lookup', '{"name":"Ada"}')])
    assert.equal(stage.of('runTool').length, 1)
  })

  it('tells the next server of a tool that ended meanwhile, and asks for the answer', () => {
    const stage = Stage.talking()
    stage.speak('r1', 'One moment.', 100)
    stage.server({ type: 'response.output_item.done', response_id: 'r1', item: call('c1', 'lookup') })
    stage.input({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })
    stage.input({ kind: 'toolDone', result: { callId: 'c1', name: 'lookup', ok: true, output: 'found', tookMs: 5 } })
    const sent = stage.reconnect()
    assert.deepEqual(told(sent).slice(-3), ['lookup({})', '= found', 'note'])
    assert.equal(asked(sent), 1)
  })

  it('tells what was heard of words that the next server has as text, where the caller cuts them', () => {
    const stage = Stage.talking()
    stage.speak('r1', 'one two three four five six seven eight', 800)
    stage.reconnect(200)
    const from = stage.effects.length
    stage.pass(200)
    stage.server(speechStarted('u1'))
    const sent = stage.effects.slice(from).flatMap((effect) => (effect.kind === 'send' ? [{ ...effect.event }] : []))
    assert.deepEqual(types(sent), ['conversation.item.create'])
    assert.match(JSON.stringify(sent), /heard: \\"one two three four\\"/)
    assert.deepEqual(stage.turns, ['agent: one two three four'])
  })

  it('goes from server to server until one takes it, and forgets nothing', () => {
    const stage = Stage.talking()
    turn(stage, 'My knee hurts.', 'Since when?')
    stage.speak('r2', 'Please tell me', 100)
    stage.input({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })
    assert.equal(stage.of('lost').length, 1)
    stage.input({ kind: 'reopening', setupMs: 2_000 })
    stage.input({ kind: 'closed', code: 0, message: 'refused', refusal: 'agent-unreachable' })
    stage.input({ kind: 'reopening', setupMs: 2_000 })
    stage.input({ kind: 'opened' })
    stage.pass(2_500)
    assert.equal(stage.of('refuse').length, 2)
    assert.equal(stage.state.phase, 'lost')
    const sent = stage.reconnect()
    assert.deepEqual(told(sent), [
      'user: My knee hurts.',
      'assistant: Since when?',
      'assistant: Please tell me',
      'note',
    ])
    assert.equal(asked(sent), 1)
    assert.deepEqual(stage.news, ['agent.lost'])
  })

  it('takes keys that are pressed meanwhile', () => {
    const stage = Stage.talking()
    stage.input({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })
    for (const digit of '12') stage.input({ kind: 'dtmf', digit })
    stage.pass(3_000)
    assert.deepEqual(told(stage.reconnect()), ['user: [DTMF 12]'])
  })

  it('is given up for lost 8 s after the caller has stopped speaking, and 8 s into a response that stands still', () => {
    for (const begin of [
      (stage: Stage) => {
        for (const event of [speechStarted('u1'), speechStopped('u1')]) stage.server(event)
      },
      (stage: Stage) => stage.speak('r1', 'Well', 100),
    ]) {
      const stage = Stage.talking()
      begin(stage)
      stage.pass(STALL_MS - 100)
      assert.deepEqual(stage.news, [])
      stage.pass(200)
      assert.deepEqual(stage.news, ['agent.lost'])
    }
  })

  it('is asked elsewhere for what the server failed at twice, and first elsewhere where the account is the cause', () => {
    const stage = Stage.talking()
    for (const id of ['r1', 'r2']) {
      stage.server({ type: 'response.created', response: { id } })
      stage.server({
        type: 'response.done',
        response: { id, status: 'failed', status_details: { error: { code: 'server_error' } } },
      })
    }
    assert.deepEqual(stage.of('lost'), [{ kind: 'lost', code: 'server_error', message: '' }])
    assert.equal(asked(stage.reconnect()), 1)
    const quota = Stage.talking()
    quota.server({ type: 'response.created', response: { id: 'r1' } })
    const error = { code: 'insufficient_quota' }
    quota.server({ type: 'response.done', response: { id: 'r1', status: 'failed', status_details: { error } } })
    assert.deepEqual(quota.of('lost'), [{ kind: 'lost', code: 'insufficient_quota', message: '' }])
  })
})

describe('an agent whose session is about to reach its limit', () => {
  const nearLimit = (): Stage => {
    const stage = Stage.talking()
    turn(stage, 'My knee hurts.', 'Since when?')
    stage.input({ kind: 'expires', renewAtMs: stage.nowMs + 1_000 })
    return stage
  }

  it('looks for a second one in time, and takes it over between two turns, with the history and unheard', () => {
    const stage = nearLimit()
    stage.pass(900)
    assert.equal(stage.of('prepare').length, 0)
    stage.pass(200)
    assert.equal(stage.of('prepare').length, 1)
    stage.speak('r2', 'Please tell me', 300)
    stage.input({ kind: 'prepared', ok: true })
    assert.equal(stage.of('switch').length, 0)
    stage.finish('r2')
    const from = stage.effects.length
    stage.pass(500)
    assert.equal(stage.of('switch').length, 1)
    assert.equal(comfortAfterMs(stage.state, SPEC), null)
    stage.server({ type: 'session.updated' })
    const sent = stage.effects.slice(from).flatMap((effect) => (effect.kind === 'send' ? [{ ...effect.event }] : []))
    assert.deepEqual(told(sent), [
      'user: My knee hurts.',
      'assistant: Since when?',
      'assistant: Please tell me',
      'note',
    ])
    assert.equal(asked(sent), 0)
    assert.deepEqual(stage.news, [])
    assert.equal(stage.state.phase, 'up')
  })

  it('waits while the caller speaks and until he is answered', () => {
    const stage = nearLimit()
    stage.pass(1_100)
    stage.server(speechStarted('u2'))
    stage.input({ kind: 'prepared', ok: true })
    stage.pass(1_000)
    stage.server(speechStopped('u2'))
    stage.speak('r3', 'I see.', 200)
    stage.finish('r3')
    assert.equal(stage.of('switch').length, 0)
    stage.pass(400)
    assert.equal(stage.of('switch').length, 1)
  })

  it('tries again later where no second one could be opened', () => {
    const stage = nearLimit()
    stage.pass(1_100)
    stage.input({ kind: 'prepared', ok: false })
    stage.pass(29_000)
    assert.equal(stage.of('prepare').length, 1)
    stage.pass(2_000)
    assert.equal(stage.of('prepare').length, 2)
  })
})
