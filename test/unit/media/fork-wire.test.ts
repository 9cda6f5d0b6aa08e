import assert from 'node:assert/strict'
import { formatMark, parseMarkReport, readLinear, writeLinear } from '../../../lib/media/fork-wire.ts'
import { ALAW_TO_LINEAR, MULAW_TO_LINEAR } from '../../../lib/media/g711.ts'

describe('the WebSocket of mod_audio_fork', () => {
  it('reads what became of a mark', () => {
    const cases: readonly [string, ReturnType<typeof parseMarkReport>][] = [
      ['{"type": "mark", "data": {"name":"m1", "event": "playout"}}', { name: 'm1', played: true }],
      ['{"type": "mark", "data": {"name":"m1", "event": "cleared"}}', { name: 'm1', played: false }],
      ['{"type": "mark", "data": {"name":"m1"}}', null],
      ['{"type": "mark", "data": {"name":"m\\"1", "event": "playout"}}', null],
      ['{"hello":1}', null],
      ['', null],
    ]
    for (const [text, want] of cases) assert.deepEqual(parseMarkReport(text), want, text)
  })

  it('asks for a mark in JSON', () => {
    assert.deepEqual(JSON.parse(formatMark('s1')), { type: 'mark', data: { name: 's1' } })
  })

  it('writes little-endian samples and reads them back', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const samples = new Int16Array(256)
    assert.equal(readLinear(writeLinear(bytes, MULAW_TO_LINEAR), samples), 256)
    assert.deepEqual(samples, MULAW_TO_LINEAR)
    assert.equal(readLinear(Buffer.from([1, 2, 3]), samples), 1)
    assert.equal(samples[0], 0x0201)
  })

  it('never writes the sample that the module takes for a mark', () => {
    for (const table of [MULAW_TO_LINEAR, ALAW_TO_LINEAR]) assert.ok(!table.includes(-1))
  })
})
