import assert from 'node:assert/strict'
import { audioOf } from '../../../lib/trunk/call-audio.ts'

const media = (received: number, lost: number, sent: number) => ({
  codec: 'PCMU',
  srtp: false,
  in: { packets: received, lost, jitterMs: 0, mos: null },
  out: { packets: sent, lost: 0, jitterMs: 0, mos: null },
})

describe('what an ended call tells of its trunk', () => {
  it('is the share of the far end’s packets that were lost', () => {
    assert.deepEqual(audioOf({ media: media(950, 50, 1_000) }), { lossPercent: 5, oneWay: false })
  })
  it('is one-way audio where we sent and nothing came', () => {
    assert.deepEqual(audioOf({ media: media(0, 0, 1_000) }), { lossPercent: 0, oneWay: true })
  })
  it('is nothing where the call was too short, or never up', () => {
    assert.equal(audioOf({ media: media(0, 0, 249) }), null)
    assert.equal(audioOf({ media: null }), null)
  })
})
