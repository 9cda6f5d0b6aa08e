import assert from 'node:assert/strict'
import { PhoneLine } from '../../../app/phone/softphone.ts'
import { type LiveCall, readLiveCall } from '../../../lib/call/live-call.ts'
import { eventually } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER } from './call-centre.ts'

const CALLS = 3

describe('phones whose node dies', function () {
  this.timeout(20_000)

  it('talk on with another one that takes their calls over', async () => {
    const shared = new Map<string, () => LiveCall | null>()
    const liveCalls = {
      keep: (id: string, read: () => LiveCall | null) => {
        shared.set(id, read)
        return { changed: () => {}, end: () => {}, leave: () => {} }
      },
    }
    const [dying, survivor]: CallCentre[] = [await callCentre({ liveCalls }), await callCentre()]
    assert.ok(dying !== undefined && survivor !== undefined)
    const uri = `sip:${NUMBER}@${dying.address}`
    const line = await PhoneLine.open(uri, 60)
    const enough = new AbortController()
    const phone = { uri, from: '+12025550123', seconds: 4, signal: enough.signal, onProgress: () => {} }
    try {
      const reports = Array.from({ length: CALLS }, () => line.call(phone))
      await eventually('all calls up', () => (shared.size === CALLS ? true : undefined))
      const left = JSON.parse(JSON.stringify([...shared.values()].map((read) => read())))
      await dying.die()
      const outcomes = left.map((value: unknown) => {
        const entry = readLiveCall(value)
        assert.ok(entry.ok)
        return survivor.calls.move(entry.value, { ...entry.value.row, epoch: 1 })
      })
      assert.deepEqual(await Promise.all(outcomes), Array(CALLS).fill('moved'))
      for (const report of await Promise.all(reports)) {
        assert.equal(report.endedBy, 'phone')
        assert.ok(report.gapsMs.length <= 1, `gaps of ${report.gapsMs.join(', ')} ms`)
        const { media, end } = await survivor.ended(report.sipCallId ?? '')
        assert.equal(end?.by, 'caller')
        assert.ok((media?.in.packets ?? 0) > 50, 'heard at the survivor')
        assert.ok((media?.out.packets ?? 0) > 50, 'said by the survivor')
        // The phone has heard both nodes: more than the survivor alone has sent.
        assert.ok((report.media?.in.packets ?? 0) > (media?.out.packets ?? 0) - 5)
      }
    } finally {
      enough.abort()
      await line.close()
      await survivor.close()
    }
  })
})
