import assert from 'node:assert/strict'
import { callsAnswer, errorAnswer, sessionAnswer } from '../../../app/api/answers.ts'
import { buildApi } from '../../../app/api/server.ts'
import type { Api } from '../../../app/api/zod-provider.ts'
import { type ApiParts, apiParts, bearer, KEYS } from '../../helpers/api.ts'
import { endedCall } from '../../helpers/memory-store.ts'
import { at, sessionRow, turn } from '../../helpers/records.ts'

const SESSION = sessionRow(1)
const FIRST = {
  ...endedCall(1),
  session: { id: SESSION.id, resumedFrom: null },
  transcript: [turn('Hello.', 10), turn('You pressed one.', 30)],
}
const SECOND = {
  ...endedCall(2),
  session: { id: SESSION.id, resumedFrom: FIRST.id },
  transcript: [turn('The line dropped.', 60)],
}

describe('a conversation over the HTTP API', () => {
  let api: Api
  let parts: ApiParts

  const get = async (url: string) => api.inject({ method: 'GET', url, headers: bearer(KEYS.viewer) })

  beforeEach(async () => {
    parts = apiParts({ session: async (id) => (id === SESSION.id ? SESSION : null) })
    for (const call of [FIRST, SECOND, endedCall(3)]) parts.store.records.set(call.id, call)
    api = await buildApi(parts.options)
  })
  afterEach(async () => {
    await api.close()
    parts.metrics.close()
  })

  it('has its calls in their order, and one transcript', async () => {
    const answer = await get(`/api/v1/sessions/${SESSION.id.toLowerCase()}`)
    const session = sessionAnswer.parse(answer.json())
    assert.deepEqual([session.id, session.state, session.caller], [SESSION.id, 'live', SESSION.caller])
    assert.deepEqual(
      session.calls.map(({ id }) => id),
      [FIRST.id, SECOND.id],
    )
    assert.deepEqual(
      session.transcript.map(({ at: time, text, call }) => [time, text, call]),
      [
        [at(10).toISOString(), 'Hello.', FIRST.id],
        [at(30).toISOString(), 'You pressed one.', FIRST.id],
        [at(60).toISOString(), 'The line dropped.', SECOND.id],
      ],
    )
  })

  it('is what calls can be listed by', async () => {
    const { calls } = callsAnswer.parse((await get(`/api/v1/calls?session=${SESSION.id}`)).json())
    assert.deepEqual(
      calls.map(({ id }) => id),
      [SECOND.id, FIRST.id],
    )
  })

  it('is not there under another id', async () => {
    for (const id of [sessionRow(9).id, 'nothing', '%00']) {
      const answer = await get(`/api/v1/sessions/${id}`)
      assert.equal(answer.statusCode, 404, id)
      assert.equal(errorAnswer.parse(answer.json()).error.code, 'session-not-found')
    }
  })
})
