import assert from 'node:assert/strict'
import { greetingInstructions } from '../../../lib/agent/greeting.ts'
import { decideReply, type Reply, type Scene } from '../../../lib/agent/local/dialogue.ts'
import type { Item } from '../../../lib/agent/local/item.ts'

const TOOLS = ['hang_up', 'opening_hours'].map((name) => ({ type: 'function' as const, name }))
const message = (role: 'user' | 'assistant', text: string, origin: 'client' | 'agent' = 'client'): Item => ({
  id: text,
  type: 'message',
  role,
  status: 'completed',
  content: [{ kind: role === 'user' ? 'input_text' : 'output_text', text }],
  origin,
})
const spoken = (speechMs: number): Item => ({
  id: `s${speechMs}`,
  type: 'message',
  role: 'user',
  status: 'completed',
  content: [{ kind: 'input_audio', transcript: null, audioMs: speechMs + 800, speechMs }],
  origin: 'caller',
})
const reply = (scene: Partial<Scene>): Reply =>
  decideReply({ items: [], instructions: '', tools: TOOLS, toolChoice: 'auto', turn: 1, idle: false, ...scene })

describe('dialogue of the local agent', () => {
  const says: readonly [string, Partial<Scene>, RegExp][] = [
    [
      'the exact text that the bridge asks for',
      { instructions: greetingInstructions('He said "hi": ok?') },
      /^He said "hi": ok\?$/,
    ],
    [
      'the exact text before anything else',
      { instructions: greetingInstructions('Hi.'), items: [spoken(900)] },
      /^Hi\.$/,
    ],
    ['a greeting when nothing has been said', {}, /^Hello\. I am Tandem's local agent, a test voice, not an AI\.$/],
    [
      'how long the caller spoke, and what it is',
      { items: [spoken(2_300)] },
      /^You spoke for 2\.3 seconds\. I am Tandem's local agent/,
    ],
    [
      'something else the second time',
      { items: [spoken(900), spoken(1_000)] },
      /1\.0 seconds\. I hear that you speak, but/,
    ],
    ['that it heard nothing in silence', { items: [spoken(0)] }, /^I heard nothing\./],
    ['the key that was pressed', { items: [message('user', '[DTMF 5]')] }, /^You pressed five\.$/],
    ['all keys of a batch', { items: [message('user', '[DTMF 12#]')] }, /^You pressed one, two, pound\.$/],
    ['what was written', { items: [message('user', 'A red car')] }, /^You wrote: A red car$/],
    [
      'what a tool answered',
      { items: [message('user', 'x'), { id: 'o', type: 'function_call_output', callId: 'c', output: 'nine to five' }] },
      /^The tool says: nine to five$/,
    ],
    [
      'the number of restored turns in its first answer',
      { turn: 0, items: [message('assistant', 'Hi'), message('user', 'Yo'), spoken(500)] },
      /^We had 2 turns before\. You spoke/,
    ],
    ['nothing of restored turns later', { turn: 1, items: [message('assistant', 'Hi'), spoken(500)] }, /^You spoke/],
    ['a question when the caller is idle', { idle: true, items: [spoken(500)] }, /^Are you still there\?$/],
    ['no goodbye where it cannot hang up', { tools: [], items: [message('user', '[DTMF 0]')] }, /^You pressed zero\.$/],
  ]
  for (const [why, scene, text] of says) {
    it(`says ${why}`, () => {
      const { say, call } = reply(scene)
      assert.match(say, text)
      assert.equal(call, undefined)
    })
  }

  const calls: readonly [string, Partial<Scene>, string | undefined, string?][] = [
    ['hang_up for zero', { items: [message('user', '[DTMF 0]')] }, 'hang_up'],
    ['hang_up for pound', { items: [message('user', '[DTMF #]')] }, 'hang_up'],
    ['hang_up for goodbye', { items: [message('user', 'Okay, good bye then')] }, 'hang_up'],
    ['the first other tool for nine', { items: [message('user', '[DTMF 9]')] }, 'opening_hours', '{}'],
    [
      'a tool by name with arguments',
      { items: [message('user', 'call opening_hours {"day":1}')] },
      'opening_hours',
      '{"day":1}',
    ],
    ['nothing that the session does not have', { items: [message('user', 'call rm {}')] }, undefined],
    ['nothing where tool_choice forbids it', { toolChoice: 'none', items: [message('user', '[DTMF 9]')] }, undefined],
    [
      'what tool_choice demands',
      { toolChoice: { type: 'function', name: 'opening_hours' }, items: [spoken(500)] },
      'opening_hours',
    ],
  ]
  for (const [why, scene, name, args] of calls) {
    it(`calls ${why}`, () => {
      const { call } = reply(scene)
      assert.equal(call?.name, name)
      if (args !== undefined) assert.equal(call?.arguments, args)
    })
  }

  it('never repeats more than a few hundred characters', () => {
    assert.ok(reply({ items: [message('user', 'x'.repeat(100_000))] }).say.length < 400)
    assert.ok(reply({ instructions: greetingInstructions('x'.repeat(60_000)) }).say.length <= 4_000)
  })
})
