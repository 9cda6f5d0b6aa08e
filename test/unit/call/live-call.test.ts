import assert from 'node:assert/strict'
import fc from 'fast-check'
import { liveCallKey, readLiveCall } from '../../../lib/call/live-call.ts'
import { LIVE_CALL } from '../../helpers/live-call.ts'

const asShared = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('The entry of a live call', () => {
  it('comes out of the shared state as it went in', () => {
    assert.deepEqual(readLiveCall(asShared(LIVE_CALL)), { ok: true, value: LIVE_CALL })
    assert.equal(liveCallKey(LIVE_CALL.row.id), 'call:01J00000000000000000000000')
  })

  const { row, dialog } = LIVE_CALL
  const wrong: readonly (readonly [why: string, entry: unknown, said: RegExp])[] = [
    ['nothing', undefined, /invalid|expected/i],
    ['a call that has ended', { ...LIVE_CALL, row: { ...row, state: 'ended' } }, /^row\.state/],
    ['a call that was never answered', { ...LIVE_CALL, row: { ...row, answeredAt: null } }, /^row\.answeredAt/],
    ['a time that is none', { ...LIVE_CALL, row: { ...row, startedAt: 'yesterday' } }, /^row\.startedAt/],
    ['an epoch below zero', { ...LIVE_CALL, row: { ...row, epoch: -1 } }, /^row\.epoch/],
    ['no agent', { ...LIVE_CALL, agent: '' }, /^agent/],
    ['variables that are no texts', { ...LIVE_CALL, variables: { caller: 7 } }, /^variables/],
    ['too long a session description', { ...LIVE_CALL, sdp: 'v'.repeat(20_000) }, /^sdp/],
    [
      'a dialog that nothing can be sent in',
      { ...LIVE_CALL, dialog: { ...dialog, remoteTarget: 'x' } },
      /^dialog: remoteTarget/,
    ],
    ['more keys than a call has', { ...LIVE_CALL, srtp: 'A'.repeat(5_000) }, /^srtp/],
    ['keys that are no text', { ...LIVE_CALL, srtp: { key: 'A' } }, /^srtp/],
  ]
  for (const [why, entry, said] of wrong) {
    it(`is no use with ${why}`, () => {
      const read = readLiveCall(asShared(entry ?? null))
      assert.equal(read.ok, false)
      if (!read.ok) assert.match(read.error, said)
    })
  }

  it('is read or refused, whatever it is, and never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(LIVE_CALL)), fc.jsonValue(), (key, value) => {
        readLiveCall(asShared({ ...LIVE_CALL, [key]: value }))
        readLiveCall(value)
      }),
    )
  })
})
