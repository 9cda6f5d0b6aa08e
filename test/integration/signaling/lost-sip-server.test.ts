import assert from 'node:assert/strict'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER } from './call-centre.ts'

describe('a SIP server whose thread dies', function () {
  this.timeout(20_000)
  let centre: CallCentre
  let carrier: Peer

  beforeEach(async () => {
    centre = await callCentre()
    carrier = await Peer.open(centre.address)
  })

  afterEach(async () => {
    carrier.close()
    await centre.close()
  })

  const invite = (): string => carrier.request('INVITE', {}, sdp(4000)).replace('sip:bob@', `sip:${NUMBER}@`)
  const callIdOf = (text: string): string => /^Call-ID: (.*)\r$/m.exec(text)?.[1] ?? ''

  async function call(): Promise<string> {
    const text = invite()
    carrier.send(text)
    carrier.send(carrier.ack(text, await carrier.nextResponse(200, 'INVITE')))
    await eventually('the call to be up', () => centre.row(callIdOf(text))?.answeredAt ?? undefined)
    return callIdOf(text)
  }

  /** Calls until it is answered: the server needs a moment to be back. */
  const callAgain = (): Promise<string> =>
    eventually('a new call to be answered', async () => {
      const text = invite()
      carrier.send(text)
      const answer = await Promise.race([
        carrier.nextResponse(200, 'INVITE').catch(() => undefined),
        new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 200)),
      ])
      if (answer?.callId !== callIdOf(text)) return undefined
      carrier.send(carrier.ack(text, answer))
      return callIdOf(text)
    })

  it('closes and records its calls, comes back at the same address, takes new calls, and leaks nothing', async () => {
    const ports = centre.freePorts()
    const { address } = centre
    const lost = [await call(), await call(), await call()]
    assert.equal(centre.calls.count, 3)
    await centre.sip.crash()
    for (const sipCallId of lost) {
      const row = await centre.ended(sipCallId)
      assert.deepEqual(row.end, { by: 'system', sip: null, cause: 'trunk-fault' })
      assert.ok(row.answeredAt !== null && row.endedAt !== null)
    }
    assert.equal(centre.calls.count, 0)
    assert.equal(centre.freePorts(), ports)

    const again = await callAgain()
    assert.equal(centre.sip.hostports[0], `udp/${address}`)
    await eventually('the new call to be up', () => centre.row(again)?.answeredAt ?? undefined)
    const drained = centre.calls.drain(0)
    const bye = await carrier.nextRequest('BYE')
    assert.equal(bye.header('Reason'), 'Q.850;cause=31;text="Call limit reached"')
    carrier.send(carrier.response(bye, 200, 'OK'))
    await drained
    assert.equal(centre.freePorts(), ports)
  })

  it('can be closed while it is away', async () => {
    await call()
    await centre.sip.crash()
    // `afterEach` closes everything; what is left open would hold the test run.
  })
})
