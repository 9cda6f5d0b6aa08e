import assert from 'node:assert/strict'
import { Stage } from './stage.ts'

describe('an agent whose call was answered', () => {
  const told = (stage: Stage): string => JSON.stringify(stage.sent('conversation.item.create'))
  const facts = (stage: Stage) =>
    stage.of('news').flatMap(({ news }) => (news.kind === 'agent.variable' ? [[news.name, news.value]] : []))

  it('is told of a machine behind the scenes, and asked for no response by that', () => {
    const stage = Stage.talking()
    const asked = stage.sent('response.create').length
    stage.input({ kind: 'answeredBy', by: 'machine' })
    assert.match(told(stage), /"role":"system".*answering machine/)
    assert.deepEqual(facts(stage), [['answeredBy', 'machine']])
    assert.equal(stage.sent('response.create').length, asked)
  })

  it('hears nothing of a human: that is a fact of the call, for tools and further servers', () => {
    for (const by of ['human', 'unknown'] as const) {
      const stage = Stage.talking()
      stage.input({ kind: 'answeredBy', by })
      assert.equal(told(stage), '[]')
      assert.deepEqual(facts(stage), [['answeredBy', by]])
      assert.match(JSON.stringify(stage.reconnect()), new RegExp(`answeredBy: ${by}`))
    }
  })

  it('is told by the next server where its own is lost', () => {
    const stage = Stage.talking()
    stage.input({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })
    stage.input({ kind: 'answeredBy', by: 'machine' })
    assert.equal(told(stage), '[]')
    stage.input({ kind: 'reopening', setupMs: 2_000 })
    stage.input({ kind: 'opened' })
    assert.match(JSON.stringify(stage.sent('session.update').at(-1)), /answeredBy: machine/)
  })
})
