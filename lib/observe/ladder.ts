import type { TurnRecord } from './call-record.ts'
import type { TandemEvent } from './event.ts'
import { formatEventFields } from './event-text.ts'
import { glanceSdp, glanceSip, type SdpGlance, type SipGlance } from './sip-glance.ts'
import type { SipTrace } from './sip-trace.ts'

/** A column of the ladder: someone who sends or gets messages of this call. */
export interface LadderParty {
  readonly kind: 'peer' | 'tandem' | 'agent'
  readonly name: string
  /** `host:port` as first seen; null for the agent. */
  readonly address: string | null
}

interface RowTime {
  /** ISO 8601, UTC. */
  readonly at: string
  /** Since the first row. */
  readonly afterMs: number
}

/** An arrow between two columns, by their indices: a SIP message, or audio (a turn, a digit). */
export interface LadderArrow extends RowTime {
  readonly kind: 'sip' | 'audio'
  readonly from: number
  readonly to: number
  readonly label: string
  readonly notes: readonly string[]
  readonly tone: 'request' | 'provisional' | 'success' | 'failure' | 'audio'
  /** 0 the first time a message is seen, then 1, 2, … for each time the same message is seen again. */
  readonly retransmission: number
}

/** Something that happened inside the node. */
export interface LadderNote extends RowTime {
  readonly kind: 'note'
  readonly party: number
  readonly label: string
}

export type LadderRow = LadderArrow | LadderNote

/** A call as SIP engineers draw it: a column for each party, a row for each message, in the order of time. */
export interface Ladder {
  readonly parties: readonly LadderParty[]
  readonly rows: readonly LadderRow[]
  /** Rows beyond `MAX_LADDER_ROWS`, which are left out. */
  readonly omitted: number
}

export interface LadderInput {
  readonly traces: readonly SipTrace[]
  readonly events: readonly TandemEvent[]
  readonly turns: readonly TurnRecord[]
}

export const MAX_LADDER_ROWS = 2_000
/** Columns for peers; the legs beyond share the last one. */
const MAX_PEERS = 8

/**
 * Draws up the ladder of one call. Each Call-ID with each remote host is a party of its own, so that every attempt of a
 * hunt has its column: legs that came in stand left of Tandem, legs that we opened right of it, the agent at the end.
 */
export function buildLadder(input: LadderInput): Ladder {
  const traces = byTime(input.traces, (trace) => trace.at.getTime())
  const glances = traces.map((trace) => glanceSip(trace.message))
  const columns = layOut(traces, glances, input)
  const entries = byTime(
    [
      ...sipEntries(traces, glances, columns),
      ...input.events.map((event) => eventEntry(event, columns)),
      ...input.turns.map((turn) => turnEntry(turn, columns)),
    ],
    (entry) => entry.atMs,
  )
  const startMs = entries[0]?.atMs ?? 0
  const rows = entries.slice(0, MAX_LADDER_ROWS).map(({ atMs, row }): LadderRow => {
    const time = { at: new Date(atMs).toISOString(), afterMs: atMs - startMs }
    return row.kind === 'note' ? { ...row, ...time } : { ...row, ...time }
  })
  return { parties: columns.parties, rows, omitted: entries.length - rows.length }
}

interface Entry {
  readonly atMs: number
  readonly row: Omit<LadderArrow, keyof RowTime> | Omit<LadderNote, keyof RowTime>
}

interface Columns {
  readonly parties: readonly LadderParty[]
  readonly tandem: number
  readonly agent: number | undefined
  /** Who speaks with the agent: the first leg that came in, else the last one that we opened and that answered. */
  readonly caller: number
  peer(trace: SipTrace, glance: SipGlance): number
}

/** `Array.prototype.sort` is stable: what has the same millisecond keeps its order. */
function byTime<T>(items: readonly T[], timeMs: (item: T) => number): T[] {
  return items.toSorted((a, b) => timeMs(a) - timeMs(b))
}

interface Peer {
  readonly key: string
  readonly side: 'left' | 'right'
  readonly address: string
  answered: boolean
}

function layOut(traces: readonly SipTrace[], glances: readonly SipGlance[], input: LadderInput): Columns {
  const peers = findPeers(traces, glances)
  const left = peers.filter((peer) => peer.side === 'left')
  const right = peers.filter((peer) => peer.side === 'right')
  const hasAgent = input.turns.length > 0 || input.events.some((event) => event.event.startsWith('agent.'))
  const tandem: LadderParty = { kind: 'tandem', name: 'Tandem', address: traces[0]?.local ?? null }
  const agent: LadderParty = { kind: 'agent', name: 'agent', address: null }
  const order = [...left, undefined, ...right]
  const indices = new Map(order.map((peer, index) => [peer?.key, index]))
  const answered = right.findLast((peer) => peer.answered) ?? right.at(-1)
  return {
    parties: [
      ...left.map((peer) => party(peer, 'caller', left)),
      tandem,
      ...right.map((peer) => party(peer, 'target', right)),
      ...(hasAgent ? [agent] : []),
    ],
    tandem: left.length,
    agent: hasAgent ? order.length : undefined,
    caller: left.length > 0 || answered === undefined ? 0 : (indices.get(answered.key) ?? 0),
    peer: (trace, glance) => indices.get(peerKey(trace, glance)) ?? (right.length > 0 ? order.length - 1 : 0),
  }
}

function party(peer: Peer, name: string, all: readonly Peer[]): LadderParty {
  const numbered = all.length > 1 ? `${name} ${all.indexOf(peer) + 1}` : name
  return { kind: 'peer', name: numbered, address: peer.address }
}

function findPeers(traces: readonly SipTrace[], glances: readonly SipGlance[]): readonly Peer[] {
  const peers = new Map<string, Peer>()
  for (const [at, trace] of traces.entries()) {
    const glance = glances[at]
    if (glance === undefined) continue
    const key = peerKey(trace, glance)
    let peer = peers.get(key)
    if (peer === undefined && peers.size < MAX_PEERS) {
      peer = { key, side: trace.direction === 'in' ? 'left' : 'right', address: trace.remote, answered: false }
      peers.set(key, peer)
    }
    if (peer !== undefined && glance.cseq?.method === 'INVITE' && isSuccess(glance)) peer.answered = true
  }
  return [...peers.values()]
}

/** By host, not by port: over TCP, or through a Contact, one peer may use several ports. */
function peerKey(trace: SipTrace, glance: SipGlance): string {
  return `${glance.callId ?? ''} ${trace.remote.replace(/:\d+$/, '')}`
}

function sipEntries(traces: readonly SipTrace[], glances: readonly SipGlance[], columns: Columns): Entry[] {
  const seen = new Map<string, number>()
  const sessions = new Map<string, SdpGlance['direction']>()
  return traces.flatMap((trace, at) => {
    const glance = glances[at]
    if (glance === undefined) return []
    const peer = columns.peer(trace, glance)
    const identity = messageIdentity(trace, glance)
    const retransmission = seen.get(identity) ?? 0
    seen.set(identity, retransmission + 1)
    const inward = trace.direction === 'in'
    const row: Entry['row'] = {
      kind: 'sip',
      from: inward ? peer : columns.tandem,
      to: inward ? columns.tandem : peer,
      label: sipLabel(glance),
      notes: sipNotes(glance, trace, sessions),
      tone: sipTone(glance),
      retransmission,
    }
    return [{ atMs: trace.at.getTime(), row }]
  })
}

/** The same bytes of a message may differ between retransmissions only where proxies add to them, so these fields decide. */
function messageIdentity(trace: SipTrace, glance: SipGlance): string {
  const start = glance.method ?? `${glance.status} ${glance.reason}`
  const { number, method } = glance.cseq ?? { number: '', method: '' }
  const known = glance.callId === null ? trace.message : `${glance.callId} ${number} ${method}`
  return [trace.direction, start, known, glance.branch, glance.toTag].join(' ')
}

function sipLabel(glance: SipGlance): string {
  const method = glance.cseq?.method
  if (glance.status !== null) {
    const about = method === undefined || method === 'INVITE' ? '' : ` (${method})`
    return `${glance.status} ${glance.reason ?? ''}`.trim() + about
  }
  if (glance.method === null) return 'unreadable message'
  if (glance.method !== 'INVITE') return glance.method
  if (glance.toTag !== null) return 're-INVITE'
  const user = /^(?:sips?|tel):([^@;?]+)/i.exec(glance.uri ?? '')?.[1]
  return user === undefined ? 'INVITE' : `INVITE ${user}`
}

function sipTone(glance: SipGlance): LadderArrow['tone'] {
  if (glance.method !== null) return 'request'
  if (isSuccess(glance)) return 'success'
  return glance.status !== null && glance.status < 200 ? 'provisional' : 'failure'
}

function isSuccess(glance: SipGlance): boolean {
  return glance.status !== null && glance.status >= 200 && glance.status < 300
}

/** `sessions` remembers the media direction of each dialog side, to tell a hold and its end from a first offer. */
function sipNotes(glance: SipGlance, trace: SipTrace, sessions: Map<string, SdpGlance['direction']>): string[] {
  if (glance.contentType === 'application/dtmf-relay') {
    return [`DTMF ${/^\s*Signal\s*=\s*(\S+)/im.exec(glance.body)?.[1] ?? '?'}`]
  }
  if (glance.contentType === 'application/dtmf') return [`DTMF ${glance.body.trim().slice(0, 8)}`]
  if (glance.contentType === null || glance.body.length === 0) return []
  if (glance.contentType !== 'application/sdp') return [glance.contentType]
  const sdp = glanceSdp(glance.body)
  if (sdp === null) return ['SDP without audio']
  const side = `${glance.callId} ${trace.direction}`
  const before = sessions.get(side)
  sessions.set(side, sdp.direction)
  const held = sdp.direction !== 'sendrecv'
  const change = held ? `hold (${sdp.direction})` : before !== undefined && before !== 'sendrecv' ? 'resume' : undefined
  return [`SDP ${sdp.srtp ? 'SRTP ' : ''}${sdp.codecs.join(' ')}`, ...(change === undefined ? [] : [change])]
}

function eventEntry(event: TandemEvent, columns: Columns): Entry {
  const atMs = Date.parse(event.at)
  if (event.event === 'dtmf') {
    const digit = typeof event.digit === 'string' ? event.digit : '?'
    return { atMs, row: audio(columns.caller, columns.tandem, `DTMF ${digit}`) }
  }
  const party = event.event.startsWith('agent.') ? (columns.agent ?? columns.tandem) : columns.tandem
  return { atMs, row: { kind: 'note', party, label: `${event.event} ${formatEventFields(event)}`.trim() } }
}

function turnEntry(turn: TurnRecord, columns: Columns): Entry {
  const agent = columns.agent ?? columns.tandem
  const atMs = turn.at.getTime()
  if (turn.who === 'tool') return { atMs, row: { kind: 'note', party: agent, label: `tool: ${turn.text}` } }
  const [from, to] = turn.who === 'caller' ? [columns.caller, agent] : [agent, columns.caller]
  return { atMs, row: audio(from, to, `“${turn.text}”`) }
}

function audio(from: number, to: number, label: string): Omit<LadderArrow, keyof RowTime> {
  return { kind: 'audio', from, to, label, notes: [], tone: 'audio', retransmission: 0 }
}
