import assert from 'node:assert/strict'
import { type Retention, recordingKeptMs, removalsOf } from '../../../lib/store/retention.ts'

const DAY_MS = 86_400_000
const now = new Date('2026-11-24T12:00:00Z')
const daysAgo = (days: number): Date => new Date(now.getTime() - days * DAY_MS)
const kept = (records: number | null, transcripts: number | null): Retention => ({
  recordsMs: records === null ? null : records * DAY_MS,
  transcriptsMs: transcripts === null ? null : transcripts * DAY_MS,
})
const FOR_EVER = kept(null, null)

describe('what is kept long enough', () => {
  it('is nothing where nobody says so', () => {
    assert.deepEqual(removalsOf({ common: FOR_EVER, tenants: [{ id: 'a', retention: null }] }, now), [])
  })

  it('is that of everybody, and of calls of no tenant, but of tenants with a retention of their own', () => {
    const tenants = [
      { id: 'a', retention: null },
      { id: 'b', retention: FOR_EVER },
    ]
    assert.deepEqual(removalsOf({ common: kept(400, null), tenants }, now), [
      { what: 'records', scope: { tenants: ['b'], isAllBut: true }, before: daysAgo(400) },
    ])
  })

  it('is looked for once for all tenants that keep things equally long', () => {
    const tenants = ['a', 'b', 'c'].map((id) => ({ id, retention: id === 'b' ? kept(10, null) : kept(400, 30) }))
    assert.deepEqual(removalsOf({ common: FOR_EVER, tenants }, now), [
      { what: 'records', scope: { tenants: ['a', 'c'], isAllBut: false }, before: daysAgo(400) },
      { what: 'transcripts', scope: { tenants: ['a', 'c'], isAllBut: false }, before: daysAgo(30) },
      { what: 'records', scope: { tenants: ['b'], isAllBut: false }, before: daysAgo(10) },
    ])
  })

  it('takes transcripts by themselves only where they go before the record', () => {
    const whatOf = (common: Retention) => removalsOf({ common, tenants: [] }, now).map(({ what }) => what)
    assert.deepEqual(whatOf(kept(null, 30)), ['transcripts'])
    assert.deepEqual(whatOf(kept(30, 30)), ['records'])
    assert.deepEqual(whatOf(kept(30, 60)), ['records'])
  })

  it('takes recordings by their own time, or with the record where that goes first', () => {
    const ofRecording = (recordingMs: number | null, recordsMs: number | null) =>
      recordingKeptMs(recordingMs, { recordsMs })
    assert.equal(ofRecording(30, 10), 10)
    assert.equal(ofRecording(10, 30), 10)
    assert.equal(ofRecording(30, null), 30)
    assert.equal(ofRecording(null, 10), 10)
    assert.equal(ofRecording(null, null), null)
  })
})
