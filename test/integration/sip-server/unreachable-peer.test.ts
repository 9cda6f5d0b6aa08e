import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { Peer } from './peer.ts'
import { emptied, eventually, type Station, sdp, station } from './rig.ts'

/** Contacts that parse, and that no request of ours can be sent to. */
const CONTACTS: readonly (readonly [why: string, contact: string])[] = [
  ['of a transport that is not spoken', '<sips:alice@127.0.0.1>'],
  ['of a host that does not exist', '<sip:alice@nobody.invalid>'],
  ['of an address family without a socket', '<sip:alice@[::1]:5099>'],
]

describe('a peer that cannot be reached and never sends its ACK', function () {
  this.timeout(30_000)
  const ends = new EventEmitter()
  let bob: Station

  before(async () => {
    bob = await station()
    bob.srf.invite(async (req, res) => {
      const dialog = await bob.srf.createUAS(req, res, { localSdp: sdp(4000) })
      dialog.once('destroy', (bye) => ends.emit('end', bye.get('Reason')))
    })
  })

  after(() => bob.close())

  for (const [why, contact] of CONTACTS) {
    it(`has its dialog ended, and the application told, with a Contact ${why}`, async () => {
      const ended = once(ends, 'end')
      const peer = await Peer.open(bob.address())
      peer.send(peer.request('INVITE', { Contact: contact }, sdp(5000)))
      await peer.nextResponse(200)
      const [reason] = await ended
      assert.match(String(reason), /ACK timeout/)
      await emptied(bob.server)
      peer.close()
    })
  }

  it('is not asked again by OPTIONS once whoever asked has given up', async () => {
    const peer = await Peer.open(bob.address())
    const request = await bob.srf.request(`sip:${peer.address}`, { method: 'OPTIONS' })
    await peer.nextRequest('OPTIONS')
    const statuses: number[] = []
    request.on('response', (response) => statuses.push(response.status))
    request.cancel(() => undefined)
    await eventually('an end of it', () => (statuses.length > 0 ? true : undefined))
    assert.deepEqual(statuses, [408])
    assert.equal((await bob.server.counters()).clientTransactions, 0)
    assert.equal(peer.count('CANCEL'), 0)
    peer.close()
  })
})
