import assert from 'node:assert/strict'
import { CallSession, type CallSessionFacts, type CallSessionParts } from '../../../app/session/call-session.ts'
import type { CallRecorder } from '../../../app/signaling/call-recorder.ts'
import type { TakenUp } from '../../../app/store/session-store.ts'
import type { EndCause } from '../../../lib/observe/call-record.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import type { SessionRow } from '../../../lib/session/record.ts'
import { AGENT } from '../../conformance/media-engine.ts'
import { at, callIdOf, callRow, recorderOf, sessionRow } from '../../helpers/records.ts'

const CALLER = '+12025550101'
const AGENTS = new Map([
  ['intake', AGENT],
  ['night', { ...AGENT, voice: 'night' }],
])
const TAKEN: TakenUp = {
  row: sessionRow(1, {
    callId: callIdOf(2),
    epoch: 7,
    revision: 1_000_000,
    agent: 'night',
    variables: { called: '+1', mood: 'good' },
  }),
  from: callIdOf(1),
  parked: { at: at(1), until: at(2), cause: 'trunk-fault' },
}
const NEVER = { silentMs: async () => null, giveWay: () => undefined }

describe('the session of a call that begins', () => {
  let events: EventDraft[]
  let rows: SessionRow[]
  let putBack: number
  let parked: SessionRow[]
  let recorder: CallRecorder
  let lines: CallSessionParts['lines']

  beforeEach(() => {
    events = []
    rows = []
    parked = []
    putBack = 0
    lines = new Map()
    recorder = recorderOf(callRow(2), (event) => void events.push(event))
  })

  function session(taken: Promise<TakenUp | null>, fields: Partial<CallSessionFacts> = {}): CallSession {
    const parts: CallSessionParts = {
      journal: { session: (row) => void rows.push(row), item: () => undefined },
      sessions: {
        takeUp: () => taken,
        putBack: async () => {
          putBack += 1
        },
        items: async () => [{ kind: 'message', role: 'user', text: 'Hello', at: at(0) }],
      },
      index: {
        get: async () => ({ session: TAKEN.row.id, state: 'parked', node: TAKEN.row.node, call: TAKEN.from }),
        set: () => undefined,
        forget: () => undefined,
      },
      lines,
      asked: { count: 0 },
      isAway: () => false,
      supersede: async () => undefined,
      policy: () => ({ windowMs: 900_000, resumeOn: 'fault' }),
      onParked: (row) => void parked.push(row),
      onError: (error) => {
        throw error
      },
    }
    const facts = { tenant: TAKEN.row.tenant, caller: CALLER, agent: 'intake', variables: { called: '+2' } }
    return new CallSession(parts, { recorder, resumes: 'perhaps', ...facts, ...fields })
  }

  const end = (cause: EndCause) => ({ by: 'system' as const, sip: null, cause })
  const names = (): readonly string[] => events.map(({ event }) => event)

  it('goes on with the agent, the facts and the words of the one that was cut off', async () => {
    const one = session(Promise.resolve(TAKEN))
    const agent = await one.open(AGENTS)
    assert.equal(agent.voice, 'night')
    assert.deepEqual(agent.variables, { called: '+2', mood: 'good' })
    assert.deepEqual([agent.past?.note, agent.past?.items.length], ['dropped', 1])
    assert.equal(await one.open(AGENTS), agent, 'asked again, it is the same')
    one.began(NEVER)
    assert.deepEqual(recorder.row.session, { id: TAKEN.row.id, resumedFrom: callIdOf(1) })
    assert.deepEqual(names(), ['session.resumed'])
    assert.deepEqual([rows[0]?.state, rows[0]?.epoch, rows[0]?.revision], ['live', 7, 1_000_001])
  })

  it('takes the agent of the call where the one before is gone from the config', async () => {
    const agent = await session(Promise.resolve(TAKEN)).open(new Map([['intake', AGENT]]))
    assert.equal(agent.voice, AGENT.voice)
  })

  it('is one of its own where nothing was cut off', async () => {
    const one = session(Promise.resolve(null))
    assert.equal((await one.open(AGENTS)).past, undefined)
    one.began(NEVER)
    assert.deepEqual(recorder.row.session, { id: callRow(2).session.id, resumedFrom: null })
    one.ended(end('trunk-fault'), at(5))
    assert.deepEqual(
      parked.map(({ id }) => id),
      [callRow(2).session.id],
    )
    assert.deepEqual(names(), ['session.parked'])
    assert.equal(lines.size, 0)
  })

  it('gives back what it took up where the call is never answered', async () => {
    const one = session(Promise.resolve(TAKEN))
    await one.open(AGENTS)
    one.ended(end('cancelled'), at(5))
    await one.left
    assert.deepEqual([putBack, rows.length, recorder.row.session.resumedFrom], [1, 0, null])
  })

  it('gives back what it took up where the caller has given up by then', async () => {
    let give: (taken: TakenUp) => void = () => undefined
    const one = session(
      new Promise((resolve) => {
        give = resolve
      }),
    )
    const opened = one.open(AGENTS)
    one.ended(end('cancelled'), at(5))
    give(TAKEN)
    await opened
    assert.equal(putBack, 1)
  })

  it('comes to nothing where it was to go on with one that another call has', async () => {
    await assert.rejects(session(Promise.resolve(null), { resumes: 'surely' }).open(AGENTS), /another call/)
  })

  it('is not looked for where the call is not to go on with anything', async () => {
    const agent = await session(Promise.resolve(TAKEN), { resumes: 'never' }).open(AGENTS)
    assert.equal(agent.past, undefined)
  })

  it('gives way once its leg has been silent for long enough', async () => {
    const one = session(Promise.resolve(null))
    await one.open(AGENTS)
    let silentMs: number | null = 1_999
    const giveWay = (): void => one.ended(end('media-timeout'), at(5))
    one.began({ silentMs: async () => silentMs, giveWay })
    assert.equal(await one.giveWay(2_000), false)
    silentMs = null
    assert.equal(await one.giveWay(2_000), false)
    silentMs = 2_000
    assert.equal(await one.giveWay(2_000), true)
    assert.equal(parked.length, 1)
    assert.equal(await one.giveWay(2_000), false, 'there is nothing left to give')
  })

  it('gives way while it rings at the person, and has given back what it took up by then', async () => {
    const one = session(Promise.resolve(TAKEN), { resumes: 'surely' })
    one.ringing(() => one.ended(end('cancelled'), at(5)))
    await one.open(AGENTS)
    assert.ok(lines.has(TAKEN.row.id))
    assert.equal(await one.giveWay(2_000), true)
    assert.equal(putBack, 1)
    assert.equal(lines.size, 0)
  })
})
