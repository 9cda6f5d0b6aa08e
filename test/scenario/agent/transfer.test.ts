import assert from 'node:assert/strict'
import { comfortAfterMs } from '../../../lib/agent/comfort.ts'
import type { PastItem } from '../../../lib/agent/past.ts'
import { call, SPEC, Stage, speechStarted } from './stage.ts'

const TRANSFERS = [
  { name: 'desk', description: 'The front desk', to: '+12025550150', attended: false, ringTimeoutMs: 30_000 },
]

const SAID: PastItem[] = [
  { kind: 'message', role: 'user', text: 'I have chest pain.', at: new Date(0) },
  { kind: 'message', role: 'assistant', text: 'I will get a nurse.', at: new Date(1) },
]

const news = (stage: Stage) => stage.of('news').map((effect) => effect.news)

/** The names of the tools that the server was told of. */
const toolsOf = (stage: Stage): unknown => {
  const [update] = stage.sent('session.update')
  return /"tools":(\[.*?\]),"tool_choice/.exec(JSON.stringify(update))?.[1]?.match(/"name":"\w+"/g)
}

describe('transfer_call', () => {
  function transferring(): Stage {
    const stage = Stage.talking({ greeting: '', transfers: TRANSFERS })
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    stage.finish('r1', 'completed', [call('c1', 'transfer_call', '{"to":"desk"}')])
    return stage
  }

  it('is there where there is somebody, and takes their names', () => {
    assert.match(JSON.stringify(toolsOf(transferring())), /transfer_call/)
    assert.doesNotMatch(JSON.stringify(toolsOf(Stage.talking())), /transfer_call/)
    const stage = Stage.talking({ greeting: '', transfers: TRANSFERS })
    stage.server({ type: 'response.created', response: { id: 'r1' } })
    stage.finish('r1', 'completed', [call('c1', 'transfer_call', '{"to":"the boss"}'), call('c2', 'accept_call')])
    const told = JSON.stringify(stage.sent('conversation.item.create'))
    assert.match(told, /arguments are wrong/)
    assert.match(told, /no tool of this name/)
    assert.deepEqual(
      news(stage).filter(({ kind }) => kind === 'agent.transfer'),
      [],
    )
  })

  it('is asked for once, and answered when it is known what came of it', () => {
    const stage = transferring()
    assert.deepEqual(
      news(stage).filter(({ kind }) => kind === 'agent.transfer'),
      [{ kind: 'agent.transfer', callId: 'c1', to: 'desk' }],
    )
    stage.server({ type: 'response.created', response: { id: 'r2' } })
    stage.finish('r2', 'completed', [call('c2', 'transfer_call', '{"to":"desk"}')])
    assert.match(JSON.stringify(stage.sent('conversation.item.create')), /under way already/)
    stage.pass(5_000)
    stage.input({ kind: 'transferred', callId: 'c1', problem: 'they are busy' })
    assert.match(JSON.stringify(stage.sent('conversation.item.create').at(-1)), /was not put through: they are busy/)
    assert.deepEqual(
      news(stage).filter((each) => each.kind === 'agent.tool' && each.name === 'transfer_call' && each.tookMs > 0),
      [{ kind: 'agent.tool', name: 'transfer_call', ok: false, tookMs: 5_000, message: 'they are busy' }],
    )
  })

  it('is not answered to the server where the caller is put through: it stands in what was said, and nothing more is asked', () => {
    const stage = transferring()
    const before = [stage.sent('conversation.item.create').length, stage.sent('response.create').length]
    stage.input({ kind: 'transferred', callId: 'c1', problem: null })
    assert.deepEqual([stage.sent('conversation.item.create').length, stage.sent('response.create').length], before)
    const kept = stage.of('keep').map(({ item }) => item.kind)
    assert.deepEqual(kept.slice(-2), ['toolCall', 'toolOutput'])
    assert.equal(stage.turns.at(-1), 'tool: transfer_call: {"ok":true,"transferred":true}')
  })

  it('gives the caller a sound after a while without a word, until it is known what came of it', () => {
    const stage = transferring()
    assert.equal(comfortAfterMs(stage.state, SPEC), 2_000)
    stage.input({ kind: 'transferred', callId: 'c1', problem: 'they are busy' })
    assert.equal(comfortAfterMs(stage.state, SPEC), null)
  })

  it('outlives the server that asked for it', () => {
    const stage = transferring()
    stage.reconnect()
    stage.input({ kind: 'transferred', callId: 'c1', problem: 'they are busy' })
    assert.match(JSON.stringify(stage.sent('conversation.item.create').at(-1)), /they are busy/)
    assert.equal(stage.sent('response.create').length, 1)
  })
})

describe('an agent that tells a person who is calling', () => {
  const briefing = (items: readonly PastItem[] = SAID): Stage =>
    Stage.talking({ transfers: TRANSFERS, past: { items, note: 'briefing' } })

  it('speaks first, knows what was said, and can but accept or decline for them', () => {
    for (const items of [SAID, []]) {
      const stage = briefing(items)
      assert.deepEqual(toolsOf(stage), ['"name":"accept_call"', '"name":"decline_call"'])
      assert.match(JSON.stringify(stage.sent('conversation.item.create').at(-1)), /on another phone line now/)
      assert.equal(stage.sent('response.create').length, 1)
    }
  })

  it('settles it when what it says has been heard, also where they speak up', () => {
    const stage = briefing()
    stage.server({ type: 'response.created', response: { id: 'r0' } })
    stage.finish('r0')
    stage.speak('r1', 'Then I put you through.', 1_000)
    stage.finish('r1', 'completed', [call('c1', 'accept_call')])
    stage.server(speechStarted('u1'))
    assert.deepEqual(
      news(stage).filter(({ kind }) => kind === 'agent.briefed'),
      [{ kind: 'agent.briefed', accepts: true, reason: '' }],
    )
    const declining = briefing()
    declining.server({ type: 'response.created', response: { id: 'r0' } })
    declining.finish('r0')
    declining.speak('r1', 'I will tell them.', 1_000)
    declining.finish('r1', 'completed', [call('c1', 'decline_call', '{"reason":"in theatre"}')])
    declining.pass(500)
    assert.deepEqual(
      news(declining).filter(({ kind }) => kind === 'agent.briefed'),
      [],
    )
    declining.pass(1_000)
    assert.deepEqual(
      news(declining).filter(({ kind }) => kind === 'agent.briefed'),
      [{ kind: 'agent.briefed', accepts: false, reason: 'in theatre' }],
    )
  })
})

describe('an agent whose caller has lost the person', () => {
  it('says so first, and has its own tools again', () => {
    const stage = Stage.talking({ transfers: TRANSFERS, past: { items: SAID, note: 'left' } })
    assert.match(JSON.stringify(toolsOf(stage)), /transfer_call/)
    assert.match(JSON.stringify(stage.sent('conversation.item.create').at(-1)), /connection to the person was lost/)
    assert.equal(stage.sent('response.create').length, 1)
  })

  it('says so first where nobody had talked to them before, and greets nobody', () => {
    const stage = Stage.talking({ greeting: 'Hello, this is the clinic.', past: { items: [], note: 'stranded' } })
    assert.match(JSON.stringify(stage.sent('conversation.item.create')), /without having talked to you/)
    assert.equal(stage.sent('response.create').length, 1)
    assert.doesNotMatch(JSON.stringify(stage.sent('response.create')), /this is the clinic/)
  })
})
