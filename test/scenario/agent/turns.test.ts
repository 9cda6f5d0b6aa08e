import assert from 'node:assert/strict'
import { greetingInstructions } from '../../../lib/agent/greeting.ts'
import { STALL_MS } from '../../../lib/agent/session-state.ts'
import { SPEC, Stage, speechStarted, speechStopped } from './stage.ts'

describe('the turns of an agent on a call', () => {
  it('is ready when the session is configured, and speaks the greeting only when the dialog is confirmed', () => {
    const stage = new Stage()
    stage.input({ kind: 'opened' })
    assert.equal(stage.of('ready').length, 0)
    stage.server({ type: 'session.updated' })
    assert.equal(stage.of('ready').length, 1)
    assert.equal(stage.sent('response.create').length, 0)
    stage.input({ kind: 'started' })
    stage.input({ kind: 'started' })
    const [create, ...more] = stage.sent('response.create')
    assert.equal(more.length, 0)
    assert.deepEqual(create?.response, {
      instructions: greetingInstructions(SPEC.greeting),
      tool_choice: 'none',
      metadata: { tandem_request: create?.event_id },
    })
  })

  it('waits with the greeting until the server knows the codec of a late answer', () => {
    const stage = new Stage()
    stage.input({ kind: 'opened' })
    stage.server({ type: 'session.updated' })
    stage.input({ kind: 'attached', codec: 'PCMA' })
    stage.input({ kind: 'started' })
    assert.equal(stage.sent('response.create').length, 0)
    stage.server({ type: 'session.updated' })
    assert.equal(stage.sent('response.create').length, 1)
    assert.deepEqual([stage.state.inputCodec, stage.state.outputCodec], ['PCMA', 'PCMA'])
  })

  it('stays with the old codec where the server refuses the new one', () => {
    const stage = Stage.talking()
    stage.input({ kind: 'attached', codec: 'PCMA' })
    assert.equal(stage.state.inputCodec, 'PCMA')
    const eventId = stage.sent('session.update').at(-1)?.event_id
    stage.server({ type: 'error', error: { code: 'invalid_value', message: 'no', event_id: eventId } })
    assert.deepEqual([stage.state.inputCodec, stage.state.outputCodec], ['PCMU', 'PCMU'])
    assert.deepEqual(stage.news, [])
  })

  it('tells a turn when it has been played, not when it was received', () => {
    const stage = Stage.talking()
    stage.speak('r1', 'Good morning.', 1_000)
    stage.finish('r1')
    stage.pass(980)
    assert.deepEqual(stage.turns, [])
    stage.pass(40)
    assert.deepEqual(stage.turns, ['agent: Good morning.'])
    assert.equal(stage.state.tokens, 10)
  })

  it('tells when a turn began, also of the caller, whose words come later', () => {
    const stage = Stage.talking()
    stage.pass(1_000)
    stage.server(speechStarted('u1'))
    stage.pass(700)
    stage.server(speechStopped('u1'))
    stage.server({ type: 'conversation.item.input_audio_transcription.completed', item_id: 'u1', transcript: 'Hi.' })
    assert.deepEqual(stage.of('turn'), [{ kind: 'turn', who: 'caller', text: 'Hi.', atMs: 1_000 }])
  })

  describe('when the caller barges in', () => {
    it('flushes at once, and truncates at what was sent of the item', () => {
      const stage = Stage.talking()
      stage.speak('r1', 'one two three four', 1_000)
      stage.pass(500)
      stage.server(speechStarted('u1'))
      assert.equal(stage.of('flush').length, 1)
      const [truncate] = stage.sent('conversation.item.truncate')
      assert.deepEqual([truncate?.item_id, truncate?.content_index, truncate?.audio_end_ms], ['r1a', 0, 500])
      assert.deepEqual(stage.turns, ['agent: one two'])
      assert.equal(stage.sent('response.cancel').length, 0, 'the server cancels by itself')
    })

    it('does so too when the response is done and only our queue is left', () => {
      const stage = Stage.talking()
      stage.speak('r1', 'one two three four', 1_000)
      stage.finish('r1')
      stage.pass(500)
      stage.server(speechStarted('u1'))
      assert.equal(stage.sent('conversation.item.truncate')[0]?.audio_end_ms, 500)
      assert.deepEqual(stage.news, ['agent.bargeIn'])
    })

    it('truncates a second item of the response at 0, and drops what arrives of either', () => {
      const stage = Stage.talking()
      stage.speak('r1', 'one two', 1_000)
      const second = { type: 'response.output_audio.delta', response_id: 'r1', item_id: 'r1b', content_index: 0 }
      const audio = Buffer.alloc(800).toString('base64')
      stage.server({ ...second, delta: audio })
      stage.pass(500)
      stage.server(speechStarted('u1'))
      assert.deepEqual(
        stage.sent('conversation.item.truncate').map((event) => [event.item_id, event.audio_end_ms]),
        [
          ['r1a', 500],
          ['r1b', 0],
        ],
      )
      stage.server({ ...second, delta: audio })
      stage.server({ ...second, item_id: 'r1c', delta: audio })
      assert.equal(stage.playout.queuedSamples, 0)
      assert.deepEqual(
        stage.of('count').map(({ fault }) => fault),
        ['lateAudio', 'lateAudio'],
      )
    })

    it('does not truncate what was played to its end', () => {
      const stage = Stage.talking()
      stage.speak('r1', 'one two', 1_000)
      stage.finish('r1')
      stage.pass(1_100)
      stage.server(speechStarted('u1'))
      assert.equal(stage.sent('conversation.item.truncate').length, 0)
      assert.deepEqual(stage.news, [])
      assert.deepEqual(stage.turns, ['agent: one two'])
    })

    it('counts a speech that is reported twice once, also after the answer to it has begun', () => {
      const stage = Stage.talking()
      stage.speak('r1', 'one two', 1_000)
      stage.pass(100)
      stage.server(speechStarted('u1'))
      stage.server(speechStarted('u1'))
      stage.finish('r1', 'cancelled')
      stage.server(speechStopped('u1'))
      stage.speak('r2', 'three', 1_000)
      stage.server(speechStarted('u1'))
      assert.equal(stage.state.bargeIns, 1)
      assert.equal(stage.playout.queuedSamples, 8_000)
    })

    it('calls off a response of ours that crossed the first word on the wire', () => {
      const stage = Stage.talking({ greeting: 'Hello.' })
      const mark = String(stage.sent('response.create')[0]?.event_id)
      stage.server(speechStarted('u1'))
      stage.speak('g', 'Hello.', 500, mark)
      assert.equal(stage.sent('response.cancel')[0]?.response_id, 'g')
      assert.equal(stage.playout.queuedSamples, 0)
    })
  })

  describe('keys', () => {
    it('reach the agent as one text and are answered', () => {
      const stage = Stage.talking()
      stage.input({ kind: 'dtmf', digit: '4' })
      stage.input({ kind: 'dtmf', digit: '2' })
      stage.pass(1_400)
      assert.equal(stage.sent('response.create').length, 0)
      stage.pass(200)
      const [item] = stage.sent('conversation.item.create')
      assert.match(JSON.stringify(item), /"input_text","text":"\[DTMF 42\]"/)
      assert.equal(stage.sent('response.create').length, 1)
    })

    it('silence the agent as a voice would, and cancel what it is still making', () => {
      const stage = Stage.talking()
      stage.speak('r1', 'one two', 1_000)
      stage.pass(100)
      stage.input({ kind: 'dtmf', digit: '1' })
      stage.input({ kind: 'dtmf', digit: '2' })
      assert.equal(stage.playout.queuedSamples, 0)
      assert.equal(stage.sent('response.cancel').length, 1)
      assert.equal(stage.sent('conversation.item.truncate').length, 1)
    })
  })

  describe('a server that fails', () => {
    it('is asked once more for a response that it could not make, and then given up', () => {
      const stage = Stage.talking()
      stage.server({ type: 'response.created', response: { id: 'r1' } })
      stage.server({ type: 'response.done', response: { id: 'r1', status: 'failed' } })
      const mark = String(stage.sent('response.create')[0]?.event_id)
      stage.server({ type: 'response.created', response: { id: 'r2', metadata: { tandem_request: mark } } })
      assert.deepEqual(stage.news, [])
      stage.server({ type: 'response.done', response: { id: 'r2', status: 'failed' } })
      assert.deepEqual(stage.of('news')[0]?.news, { kind: 'agent.lost', code: 'server_error', message: '' })
    })

    it('is not asked again where the account is the reason', () => {
      const stage = Stage.talking()
      stage.server({ type: 'response.created', response: { id: 'r1' } })
      const error = { code: 'insufficient_quota', message: 'no money' }
      stage.server({ type: 'response.done', response: { id: 'r1', status: 'failed', status_details: { error } } })
      assert.equal(stage.sent('response.create').length, 0)
      assert.deepEqual(stage.news, ['agent.lost'])
    })

    it('is gone when it owes a response and says nothing any more', () => {
      const stage = Stage.talking({ greeting: 'Hello.' })
      stage.pass(STALL_MS - 100)
      assert.deepEqual(stage.news, [])
      stage.pass(200)
      assert.deepEqual(stage.news, ['agent.lost'])
      assert.equal(stage.of('closeSocket').length, 1)
    })

    it('may be silent for as long as it owes nothing', () => {
      const stage = Stage.talking()
      stage.pass(600_000)
      assert.deepEqual(stage.news, [])
    })

    it('leaves what it said before it went to be heard', () => {
      const stage = Stage.talking()
      stage.speak('r1', 'one two', 990)
      stage.input({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })
      assert.equal(stage.state.phase, 'lost')
      stage.pass(1_100)
      assert.deepEqual(stage.turns, ['agent: one two'])
    })
  })

  it('tells at the end of the call what was heard until then, and truncates nothing', () => {
    const stage = Stage.talking()
    stage.speak('r1', 'one two three four', 1_000)
    stage.pass(500)
    stage.input({ kind: 'ended' })
    assert.deepEqual(stage.turns, ['agent: one two'])
    assert.equal(stage.sent('conversation.item.truncate').length, 0)
    assert.deepEqual(stage.news, [])
    const before = stage.effects.length
    stage.speak('r2', 'late', 100)
    stage.input({ kind: 'closed', code: 1000, message: '', refusal: 'agent-unreachable' })
    assert.equal(stage.effects.length, before)
  })
})
