import assert from 'node:assert/strict'
import { CallSession, type CallSessionParts } from '../../../app/session/call-session.ts'
import { InheritedSession } from '../../../app/session/inherited-session.ts'
import type { CallRecorder } from '../../../app/signaling/call-recorder.ts'
import type { PastItem } from '../../../lib/agent/past.ts'
import { tenantId } from '../../../lib/core/ids.ts'
import type { EndCause } from '../../../lib/observe/call-record.ts'
import type { SessionRow } from '../../../lib/session/record.ts'
import { AGENT } from '../../conformance/media-engine.ts'
import { at, callIdOf, callRow, recorderOf } from '../../helpers/records.ts'

const [CALLER, WARD] = ['+12025550101', '+12025550150']
const AGENTS = new Map([['intake', AGENT]])
const LINE = { silentMs: async () => null, giveWay: () => undefined }

const end = (cause: EndCause) => ({ by: 'caller' as const, sip: null, cause })
const message = (text: string): PastItem => ({ kind: 'message', role: 'user', text, at: at(0) })

describe('the session of a call to which an agent was handed on', () => {
  let rows: SessionRow[]
  let parked: SessionRow[]
  let events: string[]
  let lines: CallSessionParts['lines']

  beforeEach(() => {
    rows = []
    parked = []
    events = []
    lines = new Map()
  })

  const recorder = (call: number): CallRecorder => recorderOf(callRow(call), ({ event }) => void events.push(event))

  function parts(): CallSessionParts {
    return {
      journal: { session: (row) => void rows.push(row), item: () => undefined },
      sessions: { takeUp: async () => null, putBack: async () => undefined, items: async () => [] },
      index: { get: async () => undefined, set: () => undefined, forget: () => undefined },
      lines,
      asked: { count: 0 },
      isAway: () => false,
      supersede: async () => undefined,
      policy: () => ({ windowMs: 900_000, resumeOn: 'any' }),
      onParked: (row) => void parked.push(row),
      onError: (error) => {
        throw error
      },
    }
  }

  /** A call that is up, and one that rings for its agent. */
  async function both() {
    const own = { recorder: recorder(1), tenant: tenantId('clinic'), caller: CALLER, resumes: 'never' } as const
    const first = new CallSession(parts(), { ...own, agent: 'intake', variables: { called: '+1', mood: 'good' } })
    await first.open(AGENTS)
    first.began(LINE)
    first.item(message('Hello'))
    const onto = recorder(2)
    const facts = { recorder: onto, from: first, caller: WARD, variables: { called: WARD } }
    return { first, second: new InheritedSession(parts(), facts), onto }
  }

  it('is that of the call before from its end on, and never of both', async () => {
    const { first, second, onto } = await both()
    const early = await second.open(AGENTS)
    assert.deepEqual([early.past?.note, early.past?.items.length], ['handedOn', 1])
    assert.deepEqual(early.variables, { called: WARD, mood: 'good' })
    assert.equal(await second.open(AGENTS), early)
    assert.equal(second.row, null)
    first.item(message('One moment'))
    second.began(LINE)
    first.bequeath(second)
    first.ended(end('transferred'), at(1))
    await second.inherited()
    const agent = await second.open(AGENTS)
    assert.notEqual(agent, early)
    assert.equal(agent.past?.items.length, 2)
    assert.deepEqual(onto.row.session, { id: callRow(1).session.id, resumedFrom: callIdOf(1) })
    assert.deepEqual(events, ['session.resumed'])
    // What comes late of the call before is written by nobody.
    first.variable('late', '1')
    second.variable('order', 'A7')
    second.ended(end('normal'), at(2))
    assert.deepEqual(
      rows.map(({ callId, caller, state, revision }) => [callId, caller, state, revision]),
      [
        [callIdOf(1), CALLER, 'live', 1],
        [callIdOf(2), WARD, 'live', 2],
        [callIdOf(2), WARD, 'live', 3],
        [callIdOf(2), WARD, 'parked', 4],
      ],
    )
    assert.deepEqual(rows.at(-1)?.variables, { called: WARD, mood: 'good', order: 'A7' })
    assert.equal(parked.length, 1)
    assert.equal(lines.size, 0)
  })

  it('may be that of the call before no more while that one is yet to end', async () => {
    const { first, second } = await both()
    first.pass()
    assert.deepEqual([second.row, rows.length], [null, 1])
    first.bequeath(second)
    first.pass()
    first.item(message('late'))
    await second.inherited()
    assert.deepEqual([second.said.length, second.row?.callId], [1, callIdOf(2)])
    const written = rows.length
    first.ended(end('transferred'), at(1))
    assert.deepEqual([rows.length, lines.size], [written, 1])
    second.began(LINE)
    second.ended(end('normal'), at(2))
    assert.equal(lines.size, 0)
  })

  it('is known to its agent where nothing of it is on record', async () => {
    const { first, second, onto } = await both()
    let inherited = 0
    second.onInherited(() => {
      inherited += 1
    })
    second.inherit(null, first.said)
    await second.inherited()
    second.item(message('Ward'))
    assert.deepEqual([second.said.length, inherited], [2, 1])
    assert.equal((await second.open(AGENTS)).past?.items.length, 2)
    second.began(LINE)
    second.ended(end('normal'), at(1))
    assert.equal(onto.row.session.resumedFrom, null)
    assert.equal(rows.length, 1)
  })

  it('is over where whoever rings never answers, and is nobody’s to resume', async () => {
    const { first, second } = await both()
    first.bequeath(second)
    first.ended(end('normal'), at(1))
    second.ended({ by: 'callee', sip: 486, cause: 'busy' }, at(2))
    assert.deepEqual([rows.at(-1)?.state, rows.at(-1)?.cause], ['ended', 'busy'])
    assert.equal(parked.length, 0)
    assert.equal(lines.size, 0)
  })

  it('is over where the other call is over before the first one is', async () => {
    const { first, second } = await both()
    first.bequeath(second)
    second.ended(end('cancelled'), at(1))
    await assert.rejects(second.inherited())
    first.ended(end('normal'), at(2))
    assert.deepEqual([rows.at(-1)?.state, rows.at(-1)?.callId], ['ended', callIdOf(1)])
    await Promise.all([first.left, second.left])
  })

  it('is not to be had where another node has it by then', async () => {
    const { first, second } = await both()
    first.bequeath(second)
    second.fenced()
    await assert.rejects(second.inherited())
    assert.equal(rows.length, 1)
  })

  it('has no agent where the config has none of that name any more', async () => {
    const { second } = await both()
    await assert.rejects(second.open(new Map()))
  })
})
