import assert from 'node:assert/strict'
import type { PastItem } from '../../../lib/agent/past.ts'
import { callId, nodeId, sessionId } from '../../../lib/core/ids.ts'
import type { TandemEvent } from '../../../lib/observe/event.ts'
import {
  attemptEntry,
  callEntry,
  type Entry,
  eventEntry,
  itemEntry,
  MAX_ENTRY_LENGTH,
  sequenceOf,
  sessionEntry,
  sipEntry,
  turnEntry,
} from '../../../lib/store/entry.ts'
import { MAX_BODY_BYTES } from '../../../lib/store/frame.ts'
import { shed } from '../../../lib/store/shed.ts'
import { attempt, callRow, sessionRow, trace, turn } from '../../helpers/records.ts'

const event = (fields: Record<string, unknown> = {}): TandemEvent => ({
  id: 'east-1-7',
  at: '2026-11-22T12:00:00.000Z',
  event: 'call.incoming',
  node: nodeId('east-1'),
  level: 'info',
  ...fields,
})

const id = callId('01M81J18G10000000000000001')
const said = (text: string): PastItem => ({ at: new Date(0), kind: 'message', role: 'user', text })
const bodyOf = (entry: Entry): Record<string, Record<string, unknown>> => JSON.parse(entry.json)

describe('an entry of the journal', () => {
  it('begins with its sequence number', () => {
    const entries = [
      eventEntry(7, event()),
      callEntry(7, callRow(1)),
      attemptEntry(7, id, 0, attempt()),
      turnEntry(7, id, 0, turn('Hello')),
      sipEntry(7, id, 0, trace('INVITE sip:a SIP/2.0')),
      sessionEntry(7, sessionRow(1)),
      itemEntry(7, sessionId(id), 0, { callId: id, item: said('Hello') }),
    ]
    for (const entry of entries) assert.equal(sequenceOf(Buffer.from(entry.json)), 7, entry.kind)
  })

  it('keeps who and what of an event that JSON cannot hold', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    let deep: unknown = []
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    const hostile: [string, unknown][] = [
      ['a cycle', cycle],
      ['a BigInt', 1n],
      ['deep nesting', deep],
    ]
    for (const [why, field] of hostile) {
      const { event: kept } = bodyOf(eventEntry(7, event({ call: id, field })))
      assert.equal(kept?.id, 'east-1-7', why)
      assert.equal(kept?.call, id, why)
      assert.equal(typeof kept?.omitted, 'string', why)
    }
  })

  it('leaves out the fields of an event that is too long', () => {
    const entry = eventEntry(7, event({ text: 'x'.repeat(MAX_ENTRY_LENGTH) }))
    assert.equal(bodyOf(entry).event?.omitted, 'too long')
    assert.ok(entry.json.length < 1000)
  })

  it('cuts what an index of Postgres would refuse', () => {
    const { call } = bodyOf(callEntry(7, callRow(1, { from: '+'.repeat(100_000), to: '😀'.repeat(100_000) })))
    assert.equal(String(call?.from).length, 256)
    assert.equal(String(call?.to).length, 256)
  })

  it('keeps so many facts of a session as a row should have', () => {
    const facts = Array.from({ length: 200 }, (_, n) => [`fact ${n}`, 'x'.repeat(10_000)] as const)
    const { session } = bodyOf(sessionEntry(7, sessionRow(1, { variables: Object.fromEntries(facts) })))
    assert.ok(JSON.stringify(session).length < 80_000)
  })

  it('fits a line of the journal, whatever a SIP message or a turn holds', () => {
    for (const text of ['\u0001'.repeat(70_000), '☎'.repeat(70_000), '\0'.repeat(70_000)]) {
      const item = itemEntry(7, sessionId(id), 0, { callId: id, item: said(text) })
      for (const entry of [sipEntry(7, id, 0, trace(text)), turnEntry(7, id, 0, turn(text)), item]) {
        assert.ok(Buffer.byteLength(entry.json) < MAX_BODY_BYTES)
      }
    }
  })
})

describe('a queue that has grown too long', () => {
  const entry = (worth: Entry['worth'], name: string): Entry => ({ kind: 'event', worth, json: name.repeat(10) })
  const queue = [entry(4, 'c'), entry(0, 'd'), entry(1, 's'), entry(2, 'e'), entry(0, 'f'), entry(2, 'g')]
  const left = (length: number): string =>
    shed(queue, length)
      .kept.map(({ json }) => json[0])
      .join('')

  it('loses debug events first, then SIP messages, then events, the oldest of each first, and calls last', () => {
    assert.deepEqual([60, 55, 45, 35, 25, 15, 5].map(left), ['cdsefg', 'csefg', 'cseg', 'ceg', 'cg', 'c', ''])
  })

  it('says how many entries went', () => {
    assert.equal(shed(queue, 35).dropped, 3)
  })
})
