import assert from 'node:assert/strict'
import { CallerIndex } from '../../../app/session/caller-index.ts'
import type { SessionBook } from '../../../app/session/session-book.ts'
import { TakenSession } from '../../../app/session/taken-session.ts'
import { CallRecorder } from '../../../app/signaling/call-recorder.ts'
import type { Journal } from '../../../app/store/port.ts'
import type { PastItem } from '../../../lib/agent/past.ts'
import { nodeId, tenantId } from '../../../lib/core/ids.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import type { CallAgent } from '../../../lib/route/routes.ts'
import type { SessionItem, SessionRow } from '../../../lib/session/record.ts'
import { LIVE_CALL } from '../../helpers/live-call.ts'
import { sessionRow } from '../../helpers/records.ts'

const EPOCH = 9
const at = new Date('2026-01-02T03:10:00Z')
const said = (text: string): PastItem => ({ kind: 'message', role: 'user', text, at })
const { row } = LIVE_CALL
const stored: SessionRow = {
  ...sessionRow(3),
  id: row.session.id,
  callId: row.id,
  tenant: tenantId('clinic'),
  agent: 'intake',
}

const AGENT: CallAgent = {
  backends: [
    { id: 'intake/0', kind: 'local', baseUrl: 'ws://127.0.0.1:1', model: 'none', apiKey: 'none', renewBeforeMs: 0 },
  ],
  voice: 'none',
  instructions: '',
  greeting: '',
  tools: [],
  connectTimeoutMs: 0,
  reconnectForMs: 0,
  comfortAfterMs: 0,
  batchMs: 40,
}
const agents = new Map([['intake', AGENT]])

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the session of a call that is taken over', () => {
  let rows: SessionRow[]
  let items: [number, SessionItem][]
  let events: EventDraft[]
  let gaveWay: number
  let index: CallerIndex
  let stores: { read: SessionRow | null; takeOver: SessionRow | null }

  const line = {
    silentMs: async () => 5_000,
    giveWay: () => {
      gaveWay += 1
    },
  }

  beforeEach(() => {
    rows = []
    items = []
    events = []
    gaveWay = 0
    stores = { read: stored, takeOver: { ...stored, epoch: EPOCH, revision: 1_000_000, node: nodeId('west-1') } }
    index = new CallerIndex({
      get: async () => undefined,
      put: async () => undefined,
      delete: async () => undefined,
      onState: () => () => undefined,
    })
  })

  afterEach(() => index.close())

  function taken(): TakenSession {
    const journal: Journal = {
      event: (draft) => ({ level: 'info', ...draft, id: '', at: '', node: row.node }),
      call: () => undefined,
      attempt: () => undefined,
      turn: () => undefined,
      sip: () => undefined,
      session: (one) => void rows.push(one),
      item: (_id, ordinal, item) => void items.push([ordinal, item]),
      synced: async () => undefined,
      written: async () => undefined,
    }
    const recorder = CallRecorder.takenOver(
      journal,
      (draft) => void events.push(draft),
      { ...row, epoch: EPOCH, node: nodeId('west-1') },
      1,
    )
    return new TakenSession(
      {
        journal,
        index,
        lines: new Map(),
        asked: { count: 0 },
        isAway: () => false,
        onError: () => undefined,
        policy: () => ({ windowMs: 900_000, resumeOn: 'fault' }),
        supersede: async () => undefined,
        onParked: () => undefined,
        sessions: {
          read: async () => stores.read,
          items: async () => [said('hello')],
          takeOver: async () => stores.takeOver,
        },
      },
      {
        recorder,
        tenant: tenantId('clinic'),
        caller: '+12025550123',
        agent: 'intake',
        variables: { caller: '+12025550123' },
        generation: 1,
      },
    )
  }

  it('is another call’s where its agent is handed on, with what was said before it is this node’s', async () => {
    const session = taken()
    await session.open(agents)
    session.began(line)
    session.item(said('early'))
    const heirs: [SessionBook | null, number][] = []
    session.bequeath({ inherit: (book, all) => void heirs.push([book, all.length]) })
    session.ended({ by: 'caller', sip: null, cause: 'transferred' }, at)
    await session.left
    assert.equal(heirs.length, 1)
    const [book, count] = heirs[0] ?? assert.fail()
    assert.deepEqual([book?.row.epoch, book?.row.state, count], [EPOCH, 'live', 2])
    assert.deepEqual(
      items.map(([ordinal]) => ordinal),
      [1_000_000],
    )
    assert.equal(rows.at(-1)?.state, 'live')
  })

  it('is another call’s without a record where this node never came to it', async () => {
    stores.takeOver = null
    const session = taken()
    await session.open(agents)
    session.began(line)
    const heirs: (SessionBook | null)[] = []
    session.bequeath({ inherit: (book) => void heirs.push(book) })
    session.ended({ by: 'caller', sip: null, cause: 'normal' }, at)
    await session.left
    assert.deepEqual(heirs, [null])
    assert.deepEqual(rows, [])
  })

  it('tells its agent what was said, and that the call has moved', async () => {
    const session = taken()
    const { past, variables } = await session.open(agents)
    assert.deepEqual(past, { items: [said('hello')], note: 'moved' })
    assert.deepEqual(variables, stored.variables)
    assert.deepEqual(rows, [])
  })

  it('becomes this node’s as the call goes on; what was said meanwhile is kept', async () => {
    const session = taken()
    await session.open(agents)
    session.began(line)
    session.item(said('early'))
    await settled()
    session.item(said('late'))
    assert.equal(rows[0]?.epoch, EPOCH)
    assert.equal(rows[0]?.node, 'west-1')
    assert.deepEqual(
      items.map(([ordinal, { item }]) => [ordinal, item]),
      [
        [1_000_000, said('early')],
        [1_000_001, said('late')],
      ],
    )
    session.ended({ by: 'system', sip: null, cause: 'media-timeout' }, at)
    await settled()
    assert.equal(rows.at(-1)?.state, 'parked')
    assert.deepEqual(
      events.map(({ event }) => event),
      ['session.parked'],
    )
  })

  it('is not taken where its caller is on another call by now', async () => {
    stores.read = { ...stored, callId: sessionRow(7).callId }
    await assert.rejects(taken().open(agents), /elsewhere/)
    stores.read = { ...stored, state: 'ended' }
    await assert.rejects(taken().open(agents), /elsewhere/)
  })

  it('is not taken where this node has no such agent', async () => {
    await assert.rejects(taken().open(new Map()), /no agent named intake/)
  })

  it('lets the call end where another one takes it up in that very moment', async () => {
    const session = taken()
    await session.open(agents)
    stores.takeOver = null
    session.began(line)
    await settled()
    assert.equal(gaveWay, 1)
    assert.deepEqual(rows, [])
  })

  it('begins here where it never came to PostgreSQL, as the dead node had shared it', async () => {
    stores.read = null
    const session = taken()
    const { past } = await session.open(agents)
    assert.deepEqual(past, { items: [], note: 'moved' })
    session.began(line)
    await settled()
    assert.equal(rows[0]?.caller, '+12025550123')
    assert.equal(rows[0]?.epoch, EPOCH)
    assert.equal(rows[0]?.revision, 1_000_001)
  })

  it('ends with a call that ended before it could go on', async () => {
    const session = taken()
    await session.open(agents)
    session.ended({ by: 'caller', sip: null, cause: 'normal' }, at)
    await settled()
    assert.equal(rows.at(-1)?.state, 'ended')
  })
})
