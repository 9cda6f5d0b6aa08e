import type { CallQuery, CallStore, Journal } from '../../app/store/port.ts'
import { StoreError } from '../../app/store/store-error.ts'
import { type CallId, callId, type NodeId, nodeId, sessionId, tenantId, trunkId } from '../../lib/core/ids.ts'
import type { CallRecord } from '../../lib/observe/call-record.ts'
import type { EventDraft, TandemEvent } from '../../lib/observe/event.ts'
import { parseEventId } from '../../lib/observe/event-id.ts'
import type { SipTrace } from '../../lib/observe/sip-trace.ts'

/**
 * Records in memory, behind the ports that the API reads and the event log writes. It can be slow to write, refuse to
 * be read, and like the real journal it leaves gaps between the numbers of events.
 */
export class MemoryStore implements CallStore, Pick<Journal, 'event' | 'written'> {
  readonly records = new Map<CallId, CallRecord>()
  readonly traces = new Map<CallId, readonly SipTrace[]>()
  readonly stored: TandemEvent[] = []
  readonly queries: CallQuery[] = []
  /** While true, nothing can be read. */
  away = false
  private readonly node: NodeId
  private sequence = 0
  private pending: TandemEvent[] = []

  constructor(node: NodeId) {
    this.node = node
  }

  event(draft: EventDraft): TandemEvent {
    this.sequence += 1 + (this.sequence % 3)
    const stamp = { id: `${this.node}-${this.sequence}`, at: new Date().toISOString(), node: this.node }
    const event: TandemEvent = { level: 'info', ...draft, ...stamp }
    this.pending.push(event)
    return event
  }

  async written(): Promise<void> {
    if (this.away) throw new StoreError('journal-timeout', 'away')
    this.stored.push(...this.pending)
    this.pending = []
  }

  async calls(query: CallQuery) {
    this.ask()
    this.queries.push(query)
    const all = [...this.records.values()].toSorted((a, b) => b.id.localeCompare(a.id))
    const rest = all
      .filter(({ session }) => query.session === undefined || session.id === query.session)
      .filter((call) => query.cursor === undefined || call.id < query.cursor)
    const calls = rest.filter((call) => query.active === undefined || (call.state !== 'ended') === query.active)
    const page = calls.slice(0, query.limit)
    return { calls: page, next: calls.length > query.limit ? (page.at(-1)?.id ?? null) : null }
  }

  async call(id: CallId) {
    this.ask()
    return this.records.get(id) ?? null
  }

  async events(id: CallId) {
    this.ask()
    return this.stored.filter((event) => event.call === id)
  }

  async ladder(id: CallId) {
    this.ask()
    return this.traces.get(id) ?? []
  }

  async eventsAfter(seen: ReadonlyMap<NodeId, number>, limit: number) {
    this.ask()
    const missed = this.stored.filter((event) => {
      const id = parseEventId(event.id)
      return id !== undefined && id.sequence > (seen.get(id.node) ?? 0)
    })
    return missed.slice(0, limit)
  }

  async eventsOf(node: NodeId, after: number, limit: number) {
    this.ask()
    return this.stored
      .filter(({ id }) => parseEventId(id)?.node === node && (parseEventId(id)?.sequence ?? 0) > after)
      .slice(0, limit)
  }

  async lastEventOf(node: NodeId) {
    this.ask()
    const last = this.stored.findLast(({ id }) => parseEventId(id)?.node === node)
    return last === undefined ? null : (parseEventId(last.id)?.sequence ?? null)
  }

  private ask(): void {
    if (this.away) throw new StoreError('postgres-away', 'away')
  }
}

/** An ended call with everything on it; `at` numbers it and moves its start by minutes. */
export function endedCall(at: number): CallRecord {
  const startMs = Date.UTC(2026, 0, 1) + at * 60_000
  const stream = { packets: 500, lost: 1, jitterMs: 1.25, mos: 4.3 }
  return {
    id: callId(`01J${String(at).padStart(23, '0')}`),
    revision: 7,
    epoch: 0,
    tenant: tenantId('clinic'),
    direction: 'inbound',
    from: '+12025550123',
    to: '+12025550100',
    raw: { from: '2025550123', to: '+12025550100' },
    node: nodeId('east-1'),
    trunk: trunkId('alpha'),
    state: 'ended',
    startedAt: new Date(startMs),
    answeredAt: new Date(startMs + 700),
    endedAt: new Date(startMs + 65_700),
    end: { by: 'caller', sip: 200, cause: 'normal' },
    sip: { callId: 'a@192.0.2.11', sessionId: null },
    attestation: null,
    session: { id: sessionId(`01K${String(at).padStart(23, '0')}`), resumedFrom: null },
    agent: { backend: 'local', firstAudioMs: 120, turns: 2, bargeIns: 0, reconnects: 0, tokens: 64 },
    media: { codec: 'PCMU', srtp: false, in: stream, out: stream },
    recording: null,
    errand: null,
    attempts: [
      {
        trunk: trunkId('beta'),
        target: 'sip:192.0.2.12:5080',
        startedAt: new Date(startMs + 20),
        sip: 503,
        reason: 'Service Unavailable',
        pddMs: 580,
      },
    ],
    transcript: [
      { at: new Date(startMs + 900), who: 'agent', text: 'Hello, this is the clinic.' },
      { at: new Date(startMs + 4_000), who: 'caller', text: 'Good morning.' },
    ],
  }
}
