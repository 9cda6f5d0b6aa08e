import assert from 'node:assert/strict'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { Peer } from './peer.ts'
import { emptied, eventually, type Station, sdp, station } from './rig.ts'

type Answer = (callee: Peer, invite: SipRequest) => string

const usual: Answer = (callee, invite) => callee.response(invite, 200, 'OK', 'carol', '', sdp(5000))
const without = (text: string): string => text.replace(/^Contact: .*\r\n/m, '')

/** 2xx answers that make no dialog, each of a callee who has taken up the phone. */
const ANSWERS: readonly (readonly [why: string, answer: Answer])[] = [
  ['without Contact', (callee, invite) => without(usual(callee, invite))],
  ['with a Contact that is no SIP URI', (callee, invite) => usual(callee, invite).replace(/<sip:bob@.*>/, '<tel:+1>')],
  ['without a To tag', (callee, invite) => usual(callee, invite).replace(';tag=carol', '')],
  ['that is no 200', (callee, invite) => usual(callee, invite).replace('200 OK', '202 Accepted')],
]

describe('an answer to our INVITE that makes no dialog', function () {
  this.timeout(15_000)
  let bob: Station
  let callee: Peer

  before(async () => {
    bob = await station()
  })
  beforeEach(async () => {
    callee = await Peer.open(bob.address())
  })
  afterEach(async () => {
    callee.close()
    await emptied(bob.server)
  })
  after(() => bob.close())

  const call = (): Promise<number> =>
    bob.srf.createUAC(`sip:carol@${callee.address}`, { localSdp: sdp(4000) }).then(
      () => 200,
      (error: { status?: number }) => error.status ?? 0,
    )

  for (const [why, answer] of ANSWERS) {
    it(`${why} is acknowledged and ended by a BYE, and the application hears of a failure`, async () => {
      const outcome = call()
      const invite = await callee.nextRequest('INVITE')
      callee.send(answer(callee, invite))
      await callee.nextRequest('ACK')
      const bye = await callee.nextRequest('BYE')
      callee.send(callee.response(bye, 200, 'OK'))
      assert.equal(bye.callId, invite.callId)
      assert.equal(await outcome, 500)
    })
  }

  it('is acknowledged again each time that it comes again, and ended once', async () => {
    const outcome = call()
    const invite = await callee.nextRequest('INVITE')
    const answer = without(usual(callee, invite))
    callee.send(answer)
    const bye = await callee.nextRequest('BYE')
    callee.send(callee.response(bye, 200, 'OK'))
    callee.send(answer)
    await eventually('a second ACK', () => (callee.count('ACK') === 2 ? true : undefined))
    assert.equal(await outcome, 500)
    assert.equal(callee.count('BYE'), 1)
  })

  it('is ended too where an 18x before it had opened a dialog', async () => {
    const outcome = call()
    const invite = await callee.nextRequest('INVITE')
    callee.send(callee.response(invite, 180, 'Ringing', 'carol'))
    callee.send(without(usual(callee, invite)))
    const bye = await callee.nextRequest('BYE')
    callee.send(callee.response(bye, 200, 'OK'))
    assert.equal(await outcome, 500)
  })
})
