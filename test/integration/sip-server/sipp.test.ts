import assert from 'node:assert/strict'
import { sipp } from '../../helpers/sipp.ts'
import { addressOf, emptied, type Station, sdp, station } from './rig.ts'

const CALLS = 40

describe('SIPp against the SIP server', function () {
  this.timeout(60_000)
  let bob: Station

  beforeEach(async () => {
    bob = await station()
  })

  afterEach(async () => {
    await bob.close()
  })

  for (const tcp of [false, true]) {
    it(`has all its calls answered over ${tcp ? 'TCP' : 'UDP'}, and nothing is left of them`, async () => {
      bob.srf.invite((req, res) => {
        res.send(180)
        void bob.srf.createUAS(req, res, { localSdp: sdp(4000) })
      })
      const result = await sipp({
        scenario: 'uac-answers',
        target: addressOf(bob.server, tcp ? 'tcp' : 'udp'),
        number: 'bob',
        calls: CALLS,
        rate: 40,
        pauseMs: 200,
        tcp,
      })
      assert.equal(result.code, 0, result.errors)
      assert.equal(result.successful, CALLS)
      await emptied(bob.server)
    })
  }

  it('has all its calls through a proxy that stays in the dialog, and nothing is left of them on either server', async () => {
    const proxy = await station()
    proxy.srf.invite((req) => {
      void req.proxy({ destination: `sip:bob@${bob.address()}`, remainInDialog: true })
    })
    bob.srf.invite((req, res) => {
      res.send(180)
      void bob.srf.createUAS(req, res, { localSdp: sdp(4000) })
    })
    const target = proxy.address()
    const result = await sipp({ scenario: 'uac-answers', target, number: 'bob', calls: CALLS, rate: 40, pauseMs: 200 })
    assert.equal(result.code, 0, result.errors)
    assert.equal(result.successful, CALLS)
    await emptied(proxy.server)
    await emptied(bob.server)
    await proxy.close()
  })

  it('has all its sessions refreshed, and nothing is left of them', async () => {
    const brief = await station({ minSessionS: 2 })
    brief.srf.invite((req, res) => {
      void brief.srf.createUAS(req, res, { localSdp: sdp(4000) })
    })
    const target = brief.address()
    const result = await sipp({ scenario: 'uac-is-refreshed', target, number: 'bob', calls: CALLS, rate: 40 })
    assert.equal(result.code, 0, result.errors)
    assert.equal(result.successful, CALLS)
    await emptied(brief.server)
    await brief.close()
  })

  it('has all its ringing acknowledged by PRACK where it requires that, and nothing is left of it', async () => {
    bob.srf.invite((req, res) => {
      res.send(180)
      // Some time to ring, so that the answer to the PRACK is there before the one to the INVITE.
      setTimeout(() => void bob.srf.createUAS(req, res, { localSdp: sdp(4000) }), 500)
    })
    const target = bob.address()
    const result = await sipp({ scenario: 'uac-prack', target, number: 'bob', calls: CALLS, rate: 40, pauseMs: 200 })
    assert.equal(result.code, 0, result.errors)
    assert.equal(result.successful, CALLS)
    await emptied(bob.server)
  })

  it('has all its calls cancelled that it cancels, and nothing is left of them', async () => {
    bob.srf.invite((_req, res) => res.send(180))
    const target = addressOf(bob.server, 'udp')
    const result = await sipp({ scenario: 'uac-cancels', target, number: 'bob', calls: CALLS, rate: 40, pauseMs: 200 })
    assert.equal(result.code, 0, result.errors)
    assert.equal(result.successful, CALLS)
    await emptied(bob.server)
  })
})
