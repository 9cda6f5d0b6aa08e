import type { CallRecord } from '../../lib/observe/call-record.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import { errorAnswer, sessionAnswer } from './answers.ts'
import { ApiError } from './errors.ts'
import type { ApiOptions } from './options.ts'
import { sessionParams } from './schemas.ts'
import type { Api } from './zod-provider.ts'

/** Calls that one conversation is shown with; the newest. */
const MAX_CALLS = 100

/** Conversations, which may go over several calls. */
export function addSessionRoutes(app: Api, { calls, session }: ApiOptions): void {
  const schema = {
    tags: ['calls'],
    security: [{ key: [] }],
    summary: 'A conversation: its calls on whatever trunk and node, and one transcript',
    params: sessionParams,
    response: { 200: sessionAnswer, 404: errorAnswer },
  }
  app.get('/api/v1/sessions/:id', { config: { role: 'viewer' }, schema }, async (request, reply) => {
    const { id } = request.params
    // Asked for first: it waits for what this node has just written.
    const page = id === undefined ? null : await calls.calls({ session: id, limit: MAX_CALLS })
    const row = id === undefined ? null : await session(id)
    if (row === null || page === null) throw new ApiError('session-not-found', 'there is no session with this id')
    return reply.send(sessionView(row, page.calls.toReversed()))
  })
}

function sessionView(row: SessionRow, calls: readonly CallRecord[]) {
  const { id, tenant, caller, agent, state, beganAt, parkedAt, resumableUntil, cause, variables } = row
  const turns = calls.flatMap((call) => call.transcript.map((turn) => ({ ...turn, call: call.id })))
  return {
    ...{ id, tenant, caller, agent, state, beganAt, parkedAt, resumableUntil, cause, variables },
    calls: calls.map(callView),
    transcript: turns.toSorted((a, b) => a.at.getTime() - b.at.getTime()),
  }
}

/** What tells the calls of a conversation apart; the rest is at the call itself. */
const callView = ({ id, direction, node, trunk, startedAt, answeredAt, endedAt, end }: CallRecord) => ({
  id,
  direction,
  node,
  trunk,
  startedAt,
  answeredAt,
  endedAt,
  end,
})
