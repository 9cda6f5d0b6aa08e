import type { CallId, SessionId } from '../core/ids.ts'
import type { AttemptRecord, CallRow, TurnRecord } from '../observe/call-record.ts'
import type { TandemEvent } from '../observe/event.ts'
import type { SipTrace } from '../observe/sip-trace.ts'
import type { SessionItem, SessionRow } from '../session/record.ts'
import { cutText, MAX_TEXT_LENGTH, stringifyClean } from './text.ts'

/**
 * One record on its way to Postgres: what it is, its JSON as the statements in `app/store/sql` read it, and how much it
 * matters. Each JSON begins with the entry's sequence number.
 */
export interface Entry {
  readonly kind: EntryKind
  readonly json: string
  readonly worth: Worth
}

/** Kinds that become rows, in the order in which a batch writes them. */
export const ENTRY_KINDS = ['call', 'attempt', 'turn', 'session', 'item', 'event', 'sip'] as const

export type EntryKind = (typeof ENTRY_KINDS)[number]

/** True where the kind of a line of the journal is one that becomes a row. */
export const isEntryKind = (kind: string): kind is EntryKind => (ENTRY_KINDS as readonly string[]).includes(kind)

/** What is dropped first when neither disk nor Postgres takes anything: 0 before 1 before 2, and so on. */
export type Worth = 0 | 1 | 2 | 3 | 4

/** The longest JSON of an entry, in UTF-16 units: a SIP message of 64 KiB of control characters, escaped, fits. */
export const MAX_ENTRY_LENGTH = 512 * 1024

const MAX_NUMBER_LENGTH = 256
const MAX_NAME_LENGTH = 128
const MAX_LINE_LENGTH = 1024
const MAX_VARIABLES = 64

/** An event. One that is too long, or that JSON cannot hold, keeps its id, time, name and whom it is about. */
export function eventEntry(sequence: number, event: TandemEvent): Entry {
  const worth = event.level === 'debug' ? 0 : 2
  const json = tryStringify({ sequence, event })
  if (json.ok && json.text.length <= MAX_ENTRY_LENGTH) return { kind: 'event', worth, json: json.text }
  const { id, at, node, level, call, trunk, tenant } = event
  const left = {
    id,
    at,
    event: event.event,
    node,
    level,
    call,
    trunk,
    tenant,
    omitted: json.ok ? 'too long' : json.why,
  }
  return { kind: 'event', worth, json: stringifyClean({ sequence, event: left }) }
}

/**
 * A call's whole row, its texts cut to what an index of Postgres takes.
 *
 * @param claim see `Journal.call`
 */
export function callEntry(sequence: number, row: CallRow, claim?: number): Entry {
  const call = {
    ...row,
    from: cutText(row.from, MAX_NUMBER_LENGTH),
    to: cutText(row.to, MAX_NUMBER_LENGTH),
    raw: { from: cutText(row.raw.from, MAX_LINE_LENGTH), to: cutText(row.raw.to, MAX_LINE_LENGTH) },
    sip: { ...row.sip, callId: cutText(row.sip.callId, MAX_LINE_LENGTH) },
    attestation: row.attestation === null ? null : cutText(row.attestation, MAX_NAME_LENGTH),
    recording: row.recording === null ? null : cutText(row.recording, MAX_LINE_LENGTH),
  }
  return { kind: 'call', worth: 4, json: stringifyClean({ sequence, call, claim }) }
}

/** An attempt of a call; a later entry with the same ordinal replaces it. */
export function attemptEntry(sequence: number, callId: CallId, ordinal: number, attempt: AttemptRecord): Entry {
  const cut = {
    ...attempt,
    target: cutText(attempt.target, MAX_LINE_LENGTH),
    reason: attempt.reason === null ? null : cutText(attempt.reason, MAX_LINE_LENGTH),
  }
  return { kind: 'attempt', worth: 3, json: stringifyClean({ sequence, callId, ordinal, attempt: cut }) }
}

/** A turn of the transcript; a later entry with the same ordinal replaces it. */
export function turnEntry(sequence: number, callId: CallId, ordinal: number, turn: TurnRecord): Entry {
  const cut = { ...turn, text: cutText(turn.text, MAX_TEXT_LENGTH) }
  return { kind: 'turn', worth: 3, json: stringifyClean({ sequence, callId, ordinal, turn: cut }) }
}

/** One SIP message of a call; the first entry with its ordinal stays. */
export function sipEntry(sequence: number, callId: CallId, ordinal: number, trace: SipTrace): Entry {
  const cut = {
    ...trace,
    local: cutText(trace.local, MAX_LINE_LENGTH),
    remote: cutText(trace.remote, MAX_LINE_LENGTH),
    message: cutText(trace.message, MAX_TEXT_LENGTH),
  }
  return { kind: 'sip', worth: 1, json: stringifyClean({ sequence, callId, ordinal, trace: cut }) }
}

/** A session's whole row, its texts cut as those of a call. */
export function sessionEntry(sequence: number, row: SessionRow): Entry {
  const variables = Object.entries(row.variables).slice(0, MAX_VARIABLES)
  const session = {
    ...row,
    caller: cutText(row.caller, MAX_NUMBER_LENGTH),
    agent: cutText(row.agent, MAX_NAME_LENGTH),
    variables: Object.fromEntries(
      variables.map(([name, value]) => [cutText(name, MAX_NAME_LENGTH), cutText(value, MAX_LINE_LENGTH)]),
    ),
  }
  return { kind: 'session', worth: 4, json: stringifyClean({ sequence, session }) }
}

/** One thing of a session's conversation; the first entry with its ordinal stays. */
export function itemEntry(
  sequence: number,
  sessionId: SessionId,
  ordinal: number,
  { callId, item }: SessionItem,
): Entry {
  const { at, kind, ...content } = item
  return {
    kind: 'item',
    worth: 3,
    json: stringifyClean({ sequence, sessionId, ordinal, callId, at, kind, item: content }),
  }
}

const SEQUENCE = /^\{"sequence":(\d{1,16})[,}]/

/** The sequence number that an entry's JSON begins with, or null where there is none. Looks at its first bytes only. */
export function sequenceOf(json: Buffer): number | null {
  const digits = SEQUENCE.exec(json.toString('latin1', 0, 32))?.[1]
  return digits === undefined ? null : Number(digits)
}

type Stringified = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string }

function tryStringify(value: unknown): Stringified {
  try {
    return { ok: true, text: stringifyClean(value) }
  } catch (error) {
    return { ok: false, why: error instanceof Error ? cutText(error.message, MAX_NAME_LENGTH) : 'not JSON' }
  }
}
