import assert from 'node:assert/strict'
import { MAX_WAITING_INVITES } from '../../../app/sip/pending-requests.ts'
import { Peer } from './peer.ts'
import { eventually, type Station, station } from './rig.ts'
import type { SrfResponse } from './srf.ts'

/** So many at a time that no socket's buffer is too small for them. */
const BURST = 100

describe('the SIP server with an application that has fallen behind', function () {
  this.timeout(30_000)
  let bob: Station
  let peer: Peer

  beforeEach(async () => {
    // Slow enough that nothing is given up while the test lasts.
    bob = await station({ timers: { t1Ms: 500, t2Ms: 4_000, t4Ms: 250 } })
    peer = await Peer.open(bob.address())
  })

  afterEach(async () => {
    peer.close()
    await bob.close()
  })

  it('refuses what goes beyond its queue with 503 and Retry-After, and takes calls again when it is shorter', async () => {
    const waiting: SrfResponse[] = []
    bob.srf.invite((_req, res) => waiting.push(res))
    for (let sent = BURST; sent <= MAX_WAITING_INVITES; sent += BURST) {
      for (let i = 0; i < BURST; i++) peer.send(peer.request('INVITE'))
      await eventually('a burst to arrive', () => (waiting.length >= sent ? true : undefined))
    }
    peer.send(peer.request('INVITE'))
    const refusal = await peer.nextResponse(503)
    assert.equal(refusal.header('Retry-After'), '2')
    assert.equal((await bob.server.counters()).overloaded, 1)
    assert.equal(waiting.length, MAX_WAITING_INVITES)

    peer.send(peer.request('OPTIONS'))
    await peer.nextResponse(200, 'OPTIONS')

    waiting[0]?.send(180)
    await peer.nextResponse(180)
    peer.send(peer.request('INVITE'))
    await eventually('the next call', () => (waiting.length > MAX_WAITING_INVITES ? true : undefined))
  })
})
