import assert from 'node:assert/strict'
import fc from 'fast-check'
import { codes, Desk, dig, find, outline, SILENT, types, VOICED } from './harness.ts'

const ANSWER = [
  'response.output_item.added',
  'conversation.item.added',
  'response.content_part.added',
  'response.output_audio_transcript.delta',
  'response.output_audio.delta',
  'response.output_audio.done',
  'response.output_audio_transcript.done',
  'response.content_part.done',
  'conversation.item.done',
  'response.output_item.done',
  'response.done',
  'rate_limits.updated',
]

describe('session of the local agent', () => {
  it('tells a whole turn in the order of live sessions', () => {
    const desk = Desk.pcmu()
    desk.hear(SILENT, 400)
    desk.hear(VOICED, 1_000)
    desk.hear(SILENT, 600)
    desk.settle()
    assert.deepEqual(outline(desk.events), [
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
      ...ANSWER,
    ])
  })

  it('uses one item id from speech_started to the item, and counts on the clock of appended audio', () => {
    const desk = Desk.pcmu()
    desk.hear(SILENT, 400)
    desk.hear(VOICED, 1_000)
    desk.hear(SILENT, 600)
    const started = find(desk.events, 'input_audio_buffer.speech_started')
    const stopped = find(desk.events, 'input_audio_buffer.speech_stopped')
    const added = find(desk.events, 'conversation.item.added')
    assert.equal(started.audio_start_ms, 100)
    assert.equal(stopped.audio_end_ms, 1_900)
    assert.equal(started.item_id, stopped.item_id)
    assert.equal(dig(added, 'item', 'id'), started.item_id)
    assert.deepEqual(dig(added, 'item', 'content'), [{ type: 'input_audio', transcript: null }])
  })

  it('hears no end of a turn while nothing is appended, however long that is', () => {
    const desk = Desk.pcmu()
    desk.hear(VOICED, 400)
    assert.deepEqual(types(desk.pass(60_000)), [])
    assert.ok(types(desk.hear(SILENT, 500)).includes('input_audio_buffer.speech_stopped'))
  })

  it('sends every byte of the speech in odd pieces, with the transcript ahead of it', () => {
    const desk = Desk.pcmu()
    desk.send({ type: 'response.create', response: { instructions: 'Say exactly: "One two three four five."' } })
    const events = desk.settle()
    const audio = events.filter((event) => event.type === 'response.output_audio.delta')
    const sizes = audio.map((event) => Buffer.from(String(event.delta), 'base64').length)
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      'One two three four five.'.length * 400,
    )
    assert.ok(
      sizes.slice(0, -1).every((size) => size % 2 === 1 && size % 160 !== 0),
      sizes.join(' '),
    )
    const said = events.filter((event) => event.type === 'response.output_audio_transcript.delta')
    assert.equal(said.map((event) => event.delta).join(''), 'One two three four five.')
    assert.ok(
      types(events).indexOf('response.output_audio_transcript.delta') <
        types(events).indexOf('response.output_audio.delta'),
    )
  })

  it('keeps the caller waiting for the first delta and then sends faster than real time', () => {
    const desk = Desk.pcmu()
    desk.send({ type: 'response.create', response: { instructions: 'Say exactly: "Twenty letters, yes."' } })
    assert.deepEqual(
      types(desk.pass(299)).filter((type) => type.endsWith('delta')),
      [],
    )
    assert.ok(types(desk.pass(1)).includes('response.output_audio.delta'))
    assert.ok(types(desk.pass(1_000 / 8)).includes('response.done'))
  })

  it('is interrupted by speech: closes what was open as incomplete and drops the rest', () => {
    const desk = Desk.pcmu()
    desk.send({
      type: 'response.create',
      response: { instructions: 'Say exactly: "A long answer that goes on and on."' },
    })
    desk.pass(400)
    const events = desk.hear(VOICED, 100)
    assert.deepEqual(types(events), [
      'input_audio_buffer.speech_started',
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
    ])
    const done = find(events, 'response.done')
    assert.equal(dig(done, 'response', 'status'), 'cancelled')
    assert.deepEqual(dig(done, 'response', 'status_details'), { type: 'cancelled', reason: 'turn_detected' })
    assert.equal(dig(done, 'response', 'output', 0, 'status'), 'incomplete')
    assert.deepEqual(desk.settle(), [])
  })

  it('goes on speaking over the caller without interrupt_response, and answers afterwards', () => {
    const desk = Desk.pcmu({ type: 'server_vad', silence_duration_ms: 200, interrupt_response: false })
    desk.send({
      type: 'response.create',
      response: { instructions: 'Say exactly: "A long answer that goes on and on."' },
    })
    desk.pass(310)
    const heard = types([...desk.hear(VOICED, 200), ...desk.hear(SILENT, 200)])
    assert.ok(heard.includes('input_audio_buffer.committed') && !heard.includes('response.created'))
    const after = types(desk.settle())
    assert.ok(after.indexOf('response.created') > after.indexOf('response.done'))
    assert.equal(after.filter((type) => type === 'response.done').length, 2)
  })

  it('only tells what it hears without create_response', () => {
    const desk = Desk.pcmu({ type: 'server_vad', silence_duration_ms: 200, create_response: false })
    desk.hear(VOICED, 200)
    desk.hear(SILENT, 200)
    assert.ok(!types(desk.events).includes('response.created'))
  })

  it('leaves turns to the client without turn detection, and refuses to commit less than 100 ms', () => {
    const desk = Desk.pcmu(null)
    desk.hear(VOICED, 80)
    assert.deepEqual(codes(desk.send({ type: 'input_audio_buffer.commit' })), ['input_audio_buffer_commit_empty'])
    desk.hear(VOICED, 920)
    assert.deepEqual(types(desk.send({ type: 'input_audio_buffer.commit' })), [
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
    ])
    assert.deepEqual(types(desk.send({ type: 'input_audio_buffer.clear' })), ['input_audio_buffer.cleared'])
    desk.send({ type: 'response.create' })
    assert.match(JSON.stringify(desk.settle()), /You spoke for 1\.0 seconds/)
  })

  it('gives an honest text where a transcript belongs', () => {
    const desk = Desk.pcmu(undefined, {
      audio: {
        input: {
          format: { type: 'audio/pcmu' },
          transcription: { model: 'gpt-transcribe' },
          turn_detection: { type: 'server_vad', silence_duration_ms: 200 },
        },
      },
    })
    desk.hear(VOICED, 2_300)
    desk.hear(SILENT, 200)
    const completed = find(desk.settle(), 'conversation.item.input_audio_transcription.completed')
    assert.equal(completed.transcript, '(speech, 2.3 seconds)')
    assert.deepEqual(completed.usage, { type: 'duration', seconds: 3 })
  })

  it('refuses a second response, and a cancel of none, naming the event', () => {
    const desk = Desk.pcmu()
    desk.send({ type: 'response.create' })
    const [error] = desk.send({ type: 'response.create', event_id: 'mine' })
    assert.equal(dig(error, 'error', 'code'), 'conversation_already_has_active_response')
    assert.equal(dig(error, 'error', 'event_id'), 'mine')
    const done = find(desk.send({ type: 'response.cancel' }), 'response.done')
    assert.deepEqual(dig(done, 'response', 'status_details'), { type: 'cancelled', reason: 'client_cancelled' })
    assert.deepEqual(codes(desk.send({ type: 'response.cancel' })), ['response_cancel_not_active'])
  })

  it('runs an out-of-band response beside the other one, without a trace in the conversation', () => {
    const desk = Desk.pcmu()
    desk.send({ type: 'response.create' })
    const response = { conversation: 'none', output_modalities: ['text'], input: [], metadata: { kind: 'summary' } }
    const created = find(desk.send({ type: 'response.create', response }), 'response.created')
    assert.equal(dig(created, 'response', 'conversation_id'), null)
    assert.deepEqual(dig(created, 'response', 'metadata'), { kind: 'summary' })
    const events = desk.settle()
    assert.equal(types(events).filter((type) => type === 'response.done').length, 2)
    assert.equal(types(events).filter((type) => type === 'conversation.item.done').length, 1)
    assert.ok(types(events).includes('response.output_text.delta'))
  })

  it('says goodbye and calls hang_up when zero is pressed', () => {
    const desk = Desk.pcmu(undefined, { tools: [{ type: 'function', name: 'hang_up', parameters: {} }] })
    const content = [{ type: 'input_text', text: '[DTMF 0]' }]
    const acked = desk.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } })
    assert.deepEqual(types(acked), ['conversation.item.added', 'conversation.item.done'])
    desk.send({ type: 'response.create' })
    const events = desk.settle()
    const call = find(events, 'response.function_call_arguments.done')
    assert.equal(call.name, 'hang_up')
    assert.equal(call.output_index, 1)
    assert.deepEqual(JSON.parse(String(call.arguments)), { reason: 'The caller said goodbye.' })
    const output = dig(find(events, 'response.done'), 'response', 'output')
    assert.ok(Array.isArray(output) && output.length === 2)
    const answer = { type: 'function_call_output', call_id: call.call_id, output: 'ok' }
    assert.deepEqual(codes(desk.send({ type: 'conversation.item.create', item: answer })), [])
  })

  it('truncates what was said and refuses to truncate more, or anything else', () => {
    const desk = Desk.pcmu()
    desk.hear(VOICED, 200)
    const user = find(desk.hear(SILENT, 500), 'input_audio_buffer.committed').item_id
    const item_id = dig(find(desk.settle(), 'response.done'), 'response', 'output', 0, 'id')
    const truncate = (id: unknown, audio_end_ms: number): unknown[] =>
      codes(desk.send({ type: 'conversation.item.truncate', item_id: id, content_index: 0, audio_end_ms }))
    assert.deepEqual(truncate(item_id, 1_000_000), ['invalid_value'])
    assert.match(
      String(dig(desk.events.at(-1), 'error', 'message')),
      /^Audio content of \d+ms is already shorter than 1000000ms$/,
    )
    assert.deepEqual(truncate(user, 10), ['unsupported_content_type'])
    assert.deepEqual(truncate('nobody', 10), ['item_truncate_invalid_item_id'])
    assert.deepEqual(truncate(item_id, 740), [])
    const retrieved = find(desk.send({ type: 'conversation.item.retrieve', item_id }), 'conversation.item.retrieved')
    assert.equal(dig(retrieved, 'item', 'content', 0, 'transcript'), '')
  })

  it('keeps an item truncated that it is still speaking', () => {
    const desk = Desk.pcmu()
    desk.send({
      type: 'response.create',
      response: { instructions: 'Say exactly: "A long answer that goes on and on."' },
    })
    const item_id = find(desk.pass(350), 'response.output_audio.delta').item_id
    desk.send({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 100 })
    desk.settle()
    const retrieved = find(desk.send({ type: 'conversation.item.retrieve', item_id }), 'conversation.item.retrieved')
    assert.equal(dig(retrieved, 'item', 'content', 0, 'transcript'), '')
  })

  it('asks whether the caller is there after the idle timeout, counted from the end of the sound', () => {
    const desk = Desk.pcmu({ type: 'server_vad', idle_timeout_ms: 6_000 })
    desk.send({ type: 'response.create', response: { instructions: 'Say exactly: "Twenty letters, yes."' } })
    const done = desk.pass(425)
    assert.ok(types(done).includes('response.done'))
    assert.deepEqual(desk.pass(6_990), [])
    const events = desk.pass(1_000)
    assert.deepEqual(types(events).slice(0, 5), [
      'input_audio_buffer.timeout_triggered',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
    ])
    assert.match(JSON.stringify(events), /Are/)
  })

  it('stops at max_output_tokens and says that the response is incomplete', () => {
    const desk = Desk.pcmu()
    const instructions = 'Say exactly: "A long answer that goes on and on."'
    desk.send({ type: 'response.create', response: { instructions, max_output_tokens: 10 } })
    const events = desk.settle()
    const done = find(events, 'response.done')
    assert.deepEqual(dig(done, 'response', 'status_details'), { type: 'incomplete', reason: 'max_output_tokens' })
    assert.equal(dig(done, 'response', 'output', 0, 'status'), 'incomplete')
    const bytes = events.map((event) =>
      event.type === 'response.output_audio.delta' ? Buffer.from(String(event.delta), 'base64').length : 0,
    )
    assert.equal(
      bytes.reduce((sum, size) => sum + size, 0),
      10 * 50 * 8,
    )
  })

  it('counts tokens: the caller 100 ms each, the assistant 50 ms each', () => {
    const desk = Desk.pcmu()
    desk.hear(VOICED, 1_000)
    desk.hear(SILENT, 500)
    const usage = dig(find(desk.settle(), 'response.done'), 'response', 'usage')
    assert.equal(dig(usage, 'input_token_details', 'audio_tokens'), 15)
    const said = "You spoke for 1.0 seconds. I am Tandem's local agent, a test voice, not an AI."
    assert.equal(dig(usage, 'output_token_details', 'audio_tokens'), said.length)
  })

  it('expires with an error and close 1001, and is deaf from then on', () => {
    const desk = new Desk({ durationS: 60 })
    assert.equal(dig(desk.events[0], 'session', 'expires_at'), 1_060)
    assert.deepEqual(codes(desk.pass(60_000)), ['session_expired'])
    assert.deepEqual(desk.closed, {
      kind: 'close',
      code: 1001,
      reason: 'Your session hit the maximum duration of 1 minutes.',
    })
    assert.deepEqual(desk.send({ type: 'response.create' }), [])
    assert.equal(desk.session.deadlineMs(), Number.POSITIVE_INFINITY)
  })

  it('fails a response for which no speech can be made, and lives on', () => {
    const desk = Desk.pcmu()
    desk.speaks = false
    const id = dig(find(desk.send({ type: 'response.create' }), 'response.created'), 'response', 'id')
    const effects = desk.session.onSpeech(String(id), undefined, 0)
    assert.match(JSON.stringify(effects), /"status":"failed"/)
    assert.deepEqual(desk.session.onSpeech(String(id), undefined, 0), [])
  })

  it('misbehaves as its faults say, in each of the ways that lie inside the protocol', () => {
    const failed = Desk.pcmu()
    failed.faults = { failResponse: 'insufficient_quota', rateLimits: 'never' }
    failed.send({ type: 'response.create' })
    assert.equal(
      dig(find(failed.settle(), 'response.done'), 'response', 'status_details', 'error', 'code'),
      'insufficient_quota',
    )

    const late = Desk.pcmu()
    late.faults = { lateDeltas: 2, duplicateSpeechStarted: true }
    late.send({ type: 'response.create' })
    late.pass(320)
    const barged = types(late.hear(VOICED, 80))
    assert.equal(barged.filter((type) => type === 'input_audio_buffer.speech_started').length, 2)
    assert.deepEqual(barged.slice(-3), ['response.done', 'response.output_audio.delta', 'response.output_audio.delta'])

    const two = Desk.pcmu()
    two.faults = { twoItems: true, errorEvent: 'server_error', unknownEvents: true, rateLimits: 'start' }
    two.send({ type: 'response.create' })
    const events = two.settle()
    assert.equal(types(events).filter((type) => type === 'response.output_item.done').length, 2)
    assert.deepEqual(codes(events), ['server_error'])
    assert.equal(types(two.events)[0], 'local.weather')
    assert.ok(
      types(two.events).indexOf('rate_limits.updated') < types(two.events).indexOf('response.output_item.added'),
    )
  })

  it('survives every frame: it answers an error or does what was asked', () => {
    const desk = Desk.pcmu()
    const type = fc.constantFrom(
      'session.update',
      'input_audio_buffer.append',
      'input_audio_buffer.commit',
      'conversation.item.create',
      'conversation.item.truncate',
      'conversation.item.delete',
      'response.create',
      'response.cancel',
      '__proto__',
      'nonsense',
    )
    const event = fc.record(
      {
        type,
        session: fc.jsonValue(),
        item: fc.jsonValue(),
        audio: fc.jsonValue(),
        response: fc.jsonValue(),
        item_id: fc.jsonValue(),
        event_id: fc.jsonValue(),
      },
      { requiredKeys: ['type'] },
    )
    fc.assert(
      fc.property(event, (value) => {
        desk.send(value)
        desk.pass(50)
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.string(), (frame) => types(desk.raw(frame)).length > 0),
      { numRuns: 100 },
    )
    for (const frame of ['', 'null', '[]', '1', '"x"', '{', '{"type":1}', '{"type":null}']) {
      assert.equal(codes(desk.raw(frame)).length, 1, frame)
    }
  })
})
