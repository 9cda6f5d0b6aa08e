import assert from 'node:assert/strict'
import { OUTCOME_UNKNOWN, type Past, type PastItem } from '../../../lib/agent/past.ts'
import { call, Stage, speechStarted, speechStopped } from './stage.ts'
import { asked, type Sent, told, transcript } from './told.ts'

const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 12, 0, second))
const HELLO: PastItem = { kind: 'message', role: 'assistant', text: 'Hello, the clinic.', at: at(0) }
const KNEE: PastItem = { kind: 'message', role: 'user', text: 'My knee hurts.', at: at(4) }
const SINCE: PastItem = { kind: 'message', role: 'assistant', text: 'Since when?', at: at(7) }
const LOOKUP: PastItem = { kind: 'toolCall', callId: 'c1', name: 'lookup', arguments: '{}', at: at(9) }

const past = (note: Past['note'], ...items: PastItem[]): Past => ({ note, items })
const sentBy = (stage: Stage, from = 0): Sent =>
  stage.effects.slice(from).flatMap((effect) => (effect.kind === 'send' ? [{ ...effect.event }] : []))
const open = (goesOn: Past): Stage => Stage.talking({ greeting: 'Hello there.', past: goesOn })
const kept = (stage: Stage): readonly string[] =>
  stage.of('keep').map(({ item }) => (item.kind === 'message' ? `${item.role}: ${item.text}` : item.kind))

describe('an agent that goes on with an earlier call', () => {
  it('knows what was said there before it is ready, and speaks first without greeting again', () => {
    const stage = new Stage({ greeting: 'Hello there.', past: past('dropped', HELLO, KNEE, SINCE) })
    stage.input({ kind: 'opened' })
    stage.server({ type: 'session.updated' })
    const sent = sentBy(stage)
    assert.deepEqual(told(sent), [
      'assistant: Hello, the clinic.',
      'user: My knee hurts.',
      'assistant: Since when?',
      'note',
    ])
    assert.match(JSON.stringify(sent.at(-1)), /The phone line dropped/)
    assert.deepEqual(stage.of('ready'), [{ kind: 'ready', back: null }])
    assert.equal(asked(sent), 0)
    stage.input({ kind: 'started' })
    const [word, ...more] = sentBy(stage).filter(({ type }) => type === 'response.create')
    assert.equal(more.length, 0)
    assert.ok(!JSON.stringify(word).includes('Hello there.'))
  })

  it('goes on in a call that has moved: says what it owes, and nothing where it owes nothing', () => {
    const owes = open(past('moved', HELLO, KNEE))
    assert.equal(asked(sentBy(owes)), 1)
    assert.match(JSON.stringify(sentBy(owes)), /The phone call was silent for some seconds/)
    const owesNothing = open(past('moved', HELLO, KNEE, SINCE))
    assert.deepEqual(told(sentBy(owesNothing)).at(-1), 'note')
    assert.equal(asked(sentBy(owesNothing)), 0)
  })

  it('is told that the outcome of a tool is unknown where the line was lost while it ran, and runs it no more by itself', () => {
    const stage = open(past('dropped', HELLO, KNEE, LOOKUP))
    assert.deepEqual(told(sentBy(stage)).slice(-3), ['lookup({})', `= ${OUTCOME_UNKNOWN}`, 'note'])
    stage.finish('r1', 'completed', [call('c1', 'lookup')])
    assert.equal(stage.of('runTool').length, 0)
    stage.finish('r2', 'completed', [call('c2', 'lookup')])
    assert.equal(stage.of('runTool').length, 1)
  })

  it('greets as ever where nothing was said in the earlier call', () => {
    const stage = open(past('dropped'))
    assert.deepEqual(told(sentBy(stage)), [])
    assert.match(JSON.stringify(sentBy(stage).at(-1)), /Hello there\./)
  })

  it('loses nothing where its server is lost before it has spoken: the next one is told of the dropped line', () => {
    const stage = open(past('dropped', HELLO, KNEE))
    const sent = stage.reconnect()
    assert.deepEqual(told(sent), ['assistant: Hello, the clinic.', 'user: My knee hurts.', 'note'])
    assert.match(JSON.stringify(sent), /The phone line dropped/)
    assert.equal(asked(sent), 1)
    const early = new Stage({ greeting: 'Hello there.', past: past('dropped', HELLO, KNEE) })
    early.input({ kind: 'opened' })
    early.server({ type: 'session.updated' })
    assert.match(JSON.stringify(early.reconnect()), /The phone line dropped/)
    early.input({ kind: 'started' })
    assert.equal(asked(sentBy(early)), 1)
  })

  it('goes on with both calls where its server is lost later', () => {
    const stage = open(past('dropped', HELLO, KNEE))
    stage.speak('r1', 'We were cut off. Since when?', 400)
    stage.finish('r1')
    stage.pass(600)
    const sent = stage.reconnect()
    assert.deepEqual(told(sent), [
      'assistant: Hello, the clinic.',
      'user: My knee hurts.',
      'assistant: We were cut off. Since when?',
      'note',
    ])
    assert.doesNotMatch(JSON.stringify(sent), /dropped/)
  })
})

describe('what enters the history of a conversation', () => {
  it('is told as it does: what was heard, written down and pressed, a tool call at its start and its output at its end', () => {
    const stage = Stage.talking()
    stage.pass(1_000)
    stage.server(speechStarted('u1'))
    stage.pass(1_000)
    stage.server(speechStopped('u1'))
    stage.speak('r1', 'one two three four five six seven eight', 800)
    stage.server({ type: 'response.output_item.done', response_id: 'r1', item: call('c1', 'lookup') })
    stage.server(transcript('u1', 'My knee hurts.'))
    stage.pass(400)
    assert.deepEqual(kept(stage), ['toolCall', 'user: My knee hurts.'])
    stage.input({ kind: 'toolDone', result: { callId: 'c1', name: 'lookup', ok: true, output: 'found', tookMs: 5 } })
    for (const digit of '12') stage.input({ kind: 'dtmf', digit })
    stage.pass(3_000)
    assert.deepEqual(kept(stage), [
      'toolCall',
      'user: My knee hurts.',
      'toolOutput',
      'assistant: one two three four',
      'user: [DTMF 12]',
    ])
    assert.deepEqual(
      stage.of('keep').map(({ item }) => item.atMs),
      [2_000, 1_000, 2_400, 2_000, stage.of('keep').at(-1)?.item.atMs],
    )
  })

  it('is told to the end: what was heard of a sentence, and keys that nobody was told of yet', () => {
    const stage = Stage.talking()
    stage.speak('r1', 'one two three four five six seven eight', 800)
    stage.pass(400)
    stage.input({ kind: 'ended' })
    assert.deepEqual(kept(stage), ['assistant: one two three four'])
    const pressing = Stage.talking()
    pressing.input({ kind: 'dtmf', digit: '7' })
    pressing.input({ kind: 'ended' })
    assert.deepEqual(kept(pressing), ['user: [DTMF 7]'])
  })

  it('is not told again of an earlier call', () => {
    assert.deepEqual(kept(open(past('dropped', HELLO, KNEE, LOOKUP))), [])
  })
})
