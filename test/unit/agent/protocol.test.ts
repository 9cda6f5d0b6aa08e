import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MAX_ARGUMENTS_CHARS, MAX_EVENT_CHARS, MAX_TEXT_CHARS, parseServerEvent } from '../../../lib/agent/protocol.ts'

const read = (event: unknown): unknown => {
  const parsed = parseServerEvent(JSON.stringify(event))
  return parsed.ok ? parsed.value : parsed.error.code
}

describe('the server events of the realtime protocol', () => {
  const part = { response_id: 'r1', item_id: 'a1', output_index: 0, content_index: 0 }
  const cases: readonly (readonly [string, unknown, unknown])[] = [
    [
      'audio of an item',
      { type: 'response.output_audio.delta', event_id: 'e', ...part, delta: 'AAAA', obfuscation: 'x9' },
      { type: 'response.output_audio.delta', responseId: 'r1', itemId: 'a1', contentIndex: 0, delta: 'AAAA' },
    ],
    [
      'an item that the server has, by either of its events',
      { type: 'conversation.item.done', item: { id: 'i1', type: 'message' } },
      { type: 'conversation.item.added', itemId: 'i1' },
    ],
    [
      'our mark in a response that we asked for',
      { type: 'response.created', response: { id: 'r1', metadata: { tandem_request: 'response-3' } } },
      { type: 'response.created', responseId: 'r1', request: 'response-3' },
    ],
    [
      'a response that turn detection made',
      { type: 'response.created', response: { id: 'r1', metadata: null } },
      { type: 'response.created', responseId: 'r1', request: null },
    ],
    [
      'why a response failed',
      {
        type: 'response.done',
        response: {
          id: 'r1',
          status: 'failed',
          status_details: { error: { type: 'x', code: 'insufficient_quota', message: 'pay' } },
          usage: null,
        },
      },
      {
        type: 'response.done',
        responseId: 'r1',
        status: 'failed',
        code: 'insufficient_quota',
        message: 'pay',
        totalTokens: 0,
        calls: [],
      },
    ],
    [
      'function calls of a response, but none that was cut off',
      {
        type: 'response.done',
        response: {
          id: 'r1',
          status: 'completed',
          usage: { total_tokens: 118 },
          output: [
            { type: 'function_call', status: 'completed', call_id: 'c1', name: 'lookup', arguments: '{}' },
            { type: 'function_call', status: 'incomplete', call_id: 'c2', name: 'lookup', arguments: '{"a":' },
            { type: 'message', status: 'completed' },
            null,
          ],
        },
      },
      {
        type: 'response.done',
        responseId: 'r1',
        status: 'completed',
        code: null,
        message: '',
        totalTokens: 118,
        calls: [{ callId: 'c1', name: 'lookup', arguments: '{}' }],
      },
    ],
    [
      'the format that a session speaks',
      { type: 'session.updated', session: { audio: { output: { format: { type: 'audio/pcmu' } } } } },
      { type: 'session.updated', outputFormat: 'audio/pcmu', expiresAtS: 0 },
    ],
    [
      'an error with nothing in it',
      { type: 'error', error: null },
      { type: 'error', error: { code: null, type: null, message: '', param: null, eventId: null } },
    ],
    ['an event that nobody knows', { type: 'brand.new', x: 1 }, { type: 'other', name: 'brand.new' }],
    ['a type that is a property of every object', { type: 'constructor' }, { type: 'other', name: 'constructor' }],
    [
      'a message item that is done',
      { type: 'response.output_item.done', response_id: 'r', item: { type: 'message' } },
      { type: 'other', name: 'response.output_item.done' },
    ],
    ['audio without an item', { type: 'response.output_audio.delta', response_id: 'r1', delta: '' }, 'bad-field'],
    ['an id that is a number', { type: 'input_audio_buffer.speech_started', item_id: 5 }, 'bad-field'],
    ['an id without end', { type: 'input_audio_buffer.speech_started', item_id: 'x'.repeat(513) }, 'bad-field'],
    ['a response that is null', { type: 'response.done', response: null }, 'bad-field'],
    ['a type that is an object', { type: {} }, 'not-an-event'],
    ['null', null, 'not-an-event'],
    ['a list', [], 'not-an-event'],
  ]
  for (const [why, event, want] of cases) it(`reads ${why}`, () => assert.deepEqual(read(event), want))

  it('refuses what is no JSON, and what is too large before it is parsed', () => {
    const notJson = parseServerEvent('{"type":')
    const large = parseServerEvent(`"${'x'.repeat(MAX_EVENT_CHARS)}"`)
    assert.ok(!notJson.ok && notJson.error.code === 'not-json')
    assert.ok(!large.ok && large.error.code === 'too-large')
  })

  it('cuts texts at their limits, and leaves arguments that are too long unreadable', () => {
    const transcript = read({ type: 'response.output_audio_transcript.delta', ...part, delta: 'x'.repeat(99_999) })
    assert.ok(JSON.stringify(transcript).length < MAX_TEXT_CHARS + 200)
    const item = { type: 'function_call', call_id: 'c', name: 'n', arguments: 'x'.repeat(2 * MAX_ARGUMENTS_CHARS) }
    const call = read({ type: 'response.output_item.done', response_id: 'r', item })
    assert.ok(JSON.stringify(call).length < MAX_ARGUMENTS_CHARS + 200)
  })

  it('never throws, whatever a frame holds', () => {
    const types = cases.map(([, event]) =>
      typeof event === 'object' && event !== null && 'type' in event ? event.type : 'x',
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.dictionary(
          fc.constantFrom('item', 'item_id', 'response', 'response_id', 'delta', 'error', 'session', 'transcript'),
          fc.jsonValue(),
        ),
        (type, fields) => {
          parseServerEvent(JSON.stringify({ ...fields, type }))
        },
      ),
    )
    fc.assert(fc.property(fc.string(), (text) => void parseServerEvent(text)))
  })
})
