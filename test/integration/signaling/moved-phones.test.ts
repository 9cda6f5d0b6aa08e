import assert from 'node:assert/strict'
import { PhoneLine } from '../../../app/phone/softphone.ts'
import { type LiveCall, readLiveCall } from '../../../lib/call/live-call.ts'
import { tagOf } from '../../../lib/sip/name-addr.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { AS_WRITTEN, callCentre, NUMBER } from './call-centre.ts'

const CALLS = 3

describe('phones whose node dies', function () {
  this.timeout(20_000)

  const OTHER_WRAP = Buffer.alloc(32, 9)
  const ways = [
    ['with another one that takes their calls over', 'off', undefined],
    ['encrypted, with the keys that they know', 'required', undefined],
    ['encrypted, with other keys where the survivor cannot read those', 'required', OTHER_WRAP],
  ] as const
  for (const [how, srtp, wrapKey] of ways) {
    it(`talk on ${how}`, async () => {
      const shared = new Map<string, () => LiveCall | null>()
      const liveCalls = {
        keep: (id: string, read: () => LiveCall | null) => {
          shared.set(id, read)
          return { changed: () => {}, end: () => {}, leave: () => {} }
        },
      }
      const dying = await callCentre({ liveCalls })
      const survivor = await callCentre({ ...(wrapKey !== undefined && { wrapKey }) })
      const uri = `sip:${NUMBER}@${dying.address}`
      const line = await PhoneLine.open(uri, 60)
      const enough = new AbortController()
      const phone = { uri, from: '+12025550123', srtp, seconds: 4, signal: enough.signal, onProgress: () => {} }
      try {
        const reports = Array.from({ length: CALLS }, () => line.call(phone))
        await eventually('all calls up', () => (shared.size === CALLS ? true : undefined))
        const text = JSON.stringify([...shared.values()].map((read) => read()))
        assert.doesNotMatch(text, /inline:|a=crypto/)
        const left: unknown[] = JSON.parse(text)
        await dying.die()
        const outcomes = left.map((value) => {
          const entry = readLiveCall(value)
          assert.ok(entry.ok)
          assert.equal(entry.value.srtp !== null, srtp === 'required')
          return survivor.calls.move(entry.value, { ...entry.value.row, epoch: 1 })
        })
        assert.deepEqual(await Promise.all(outcomes), Array(CALLS).fill('moved'))
        for (const report of await Promise.all(reports)) {
          assert.equal(report.endedBy, 'phone')
          assert.ok(report.gapsMs.length <= 1, `gaps of ${report.gapsMs.join(', ')} ms`)
          const { media, end } = await survivor.ended(report.sipCallId ?? '')
          assert.equal(end?.by, 'caller')
          assert.equal(media?.srtp, srtp === 'required')
          assert.ok(media.in.packets > 50, 'heard at the survivor')
          assert.ok(media.out.packets > 50, 'said by the survivor')
          // The phone has heard both nodes: more than the survivor alone has sent.
          assert.ok((report.media?.in.packets ?? 0) > media.out.packets - 5)
        }
      } finally {
        enough.abort()
        await line.close()
        await survivor.close()
      }
    })
  }

  it('talk on, too, where they were called up by it', async () => {
    const callee = await Peer.open('127.0.0.1:9')
    const config = `
agents: { keypad: { backend: local, instructions: none } }
trunks: [{ id: carrier, sources: [127.0.0.1], targets: [{ uri: "sip:${callee.address}" }] }]
groups: { us: { trunks: [carrier] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: keypad }]
`
    let share: () => LiveCall | null = () => null
    const liveCalls = {
      keep: (_id: string, read: () => LiveCall | null) => {
        share = read
        return { changed: () => {}, end: () => {}, leave: () => {} }
      },
    }
    const dying = await callCentre({ config, locator: AS_WRITTEN, liveCalls })
    const survivor = await callCentre({ config })
    try {
      assert.ok(dying.calls.place({ to: '+12025550123', tenant: 'clinic' }).ok)
      const invite = await callee.nextRequest('INVITE')
      callee.send(callee.response(invite, 200, 'OK', 'callee', undefined, sdp(4_000)), dying.address)
      await callee.nextRequest('ACK')
      const entry = await eventually('the entry', () => share() ?? undefined)
      await dying.die()
      const outcome = survivor.calls.move(entry, { ...entry.row, epoch: 1 })
      const reinvite = await callee.nextRequest('INVITE')
      assert.equal(reinvite.callId, invite.callId)
      assert.equal(tagOf(reinvite.from()), tagOf(invite.from()))
      assert.equal(tagOf(reinvite.to()), 'callee')
      assert.ok(reinvite.cseq().seq > invite.cseq().seq + 100)
      callee.send(callee.response(reinvite, 200, 'OK', undefined, undefined, sdp(4_000)), survivor.address)
      await callee.nextRequest('ACK')
      assert.equal(await outcome, 'moved')
      const [to, from] = [reinvite.header('From') ?? '', reinvite.header('To') ?? '']
      callee.send(callee.request('BYE', { From: from, To: to, 'Call-ID': reinvite.callId }), survivor.address)
      await callee.nextResponse(200, 'BYE')
      assert.deepEqual((await survivor.ended(invite.callId)).end, { by: 'callee', sip: null, cause: 'normal' })
    } finally {
      callee.close()
      await dying.close()
      await survivor.close()
    }
  })
})
