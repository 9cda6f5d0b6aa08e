import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Conversation } from '../../../lib/agent/local/conversation.ts'
import { formatItem, type Item, parseItem } from '../../../lib/agent/local/item.ts'

const text = (id: string, words = 'hi'): Item => {
  const item = parseItem(
    { id, type: 'message', role: 'user', content: [{ type: 'input_text', text: words }] },
    'new',
    8,
  )
  assert.ok(item.ok)
  return item.value
}
const order = (conversation: Conversation): string =>
  conversation
    .items()
    .map((item) => item.id)
    .join(' ')

describe('conversation of the local agent', () => {
  it('places an item after the one named, first for root, last for none', () => {
    const conversation = new Conversation()
    assert.deepEqual(conversation.insert(text('b')), { ok: true, value: null })
    assert.deepEqual(conversation.insert(text('a'), 'root'), { ok: true, value: null })
    assert.deepEqual(conversation.insert(text('d')), { ok: true, value: 'b' })
    assert.deepEqual(conversation.insert(text('c'), 'b'), { ok: true, value: 'b' })
    assert.equal(order(conversation), 'a b c d')
    assert.equal(conversation.append(text('e')), 'd')
    assert.ok(conversation.delete('c') && !conversation.delete('c'))
    assert.equal(order(conversation), 'a b d e')
  })

  it('refuses an id twice, a place after nothing, and an output without its call', () => {
    const conversation = new Conversation()
    conversation.insert(text('a'))
    const code = (item: Item, after?: string): string => {
      const placed = conversation.insert(item, after)
      return placed.ok ? 'ok' : placed.error.code
    }
    assert.equal(code(text('a')), 'invalid_value')
    assert.equal(code(text('b'), 'nobody'), 'item_not_found')
    const output: Item = { id: 'o', type: 'function_call_output', callId: 'c1', output: '' }
    assert.equal(code(output), 'invalid_tool_call_id')
    assert.equal(
      code({ id: 'f', type: 'function_call', status: 'completed', callId: 'c1', name: 'n', arguments: '{}' }),
      'ok',
    )
    assert.equal(code(output), 'ok')
  })

  it('refuses what a client adds to a full conversation, and forgets the oldest for what the server adds', () => {
    const conversation = new Conversation()
    for (let i = 0; i < 2_000; i++) assert.ok(conversation.insert(text(`i${i}`)).ok)
    const refused = conversation.insert(text('more'))
    assert.ok(!refused.ok && refused.error.code === 'conversation_full')
    conversation.append(text('mine'))
    assert.deepEqual([conversation.size, conversation.get('i0'), conversation.lastId()], [2_000, undefined, 'mine'])
  })

  it('bounds the characters it holds, whatever comes and goes', () => {
    const conversation = new Conversation()
    const long = 'x'.repeat(200_000)
    const fits = Array.from({ length: 30 }, (_, i) => conversation.insert(text(`i${i}`, long)).ok)
    assert.equal(fits.filter(Boolean).length, 20)
    conversation.replace(text('i0', 'short'))
    assert.ok(conversation.insert(text('again', long)).ok)
  })

  it('keeps its order whatever is added and deleted', () => {
    const step = fc.tuple(fc.constantFrom('add', 'first', 'delete'), fc.integer({ min: 0, max: 9 }))
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const conversation = new Conversation()
        let model: string[] = []
        for (const [what, n] of steps) {
          const id = `i${n}`
          if (what === 'delete') {
            conversation.delete(id)
            model = model.filter((other) => other !== id)
          } else if (!model.includes(id)) {
            conversation.insert(text(id), what === 'first' ? 'root' : undefined)
            model = what === 'first' ? [id, ...model] : [...model, id]
          }
        }
        assert.equal(order(conversation), model.join(' '))
      }),
    )
  })

  const items: readonly [string, unknown, string, string | null][] = [
    [
      'assistant audio',
      { type: 'message', role: 'assistant', content: [{ type: 'output_audio', audio: '' }] },
      'missing_required_parameter',
      'item.content[0].text',
    ],
    [
      'assistant audio with a text',
      { type: 'message', role: 'assistant', content: [{ type: 'output_audio', text: 'x' }] },
      'invalid_value',
      'item.content[0].type',
    ],
    [
      'a user who says output_text',
      { type: 'message', role: 'user', content: [{ type: 'output_text', text: 'x' }] },
      'invalid_value',
      'item.content[0].type',
    ],
    ['an unknown role', { type: 'message', role: 'tool', content: [] }, 'invalid_value', 'item.role'],
    ['an unknown type', { type: 'mcp_call' }, 'invalid_value', 'item.type'],
    [
      'an output without a call id',
      { type: 'function_call_output', output: '' },
      'missing_required_parameter',
      'item.call_id',
    ],
    ['nothing', null, 'invalid_type', 'item'],
  ]
  for (const [why, value, code, param] of items) {
    it(`refuses to create ${why}`, () => {
      const item = parseItem(value, 'new', 8)
      assert.ok(!item.ok)
      assert.deepEqual([item.error.code, item.error.param], [code, param], item.error.message)
    })
  }

  it('measures a user’s audio and keeps none of it', () => {
    const audio = Buffer.alloc(800, 0xff).toString('base64')
    const item = parseItem(
      { type: 'message', role: 'user', content: [{ type: 'input_audio', audio, transcript: 'yes' }] },
      'new',
      8,
    )
    assert.ok(item.ok && item.value.type === 'message')
    assert.deepEqual(item.value.content, [{ kind: 'input_audio', transcript: 'yes', audioMs: 100, speechMs: 100 }])
    assert.deepEqual(formatItem(item.value).content, [{ type: 'input_audio', transcript: 'yes' }])
  })
})
