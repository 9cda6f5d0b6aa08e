import assert from 'node:assert/strict'
import { Scheduler } from '../../../app/sip/scheduler.ts'
import { TransactionLayer } from '../../../app/sip/transaction/transaction-layer.ts'
import type { Arrival } from '../../../app/sip/transport/transport.ts'
import { SipRequest } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { RFC_3261_TIMING } from '../../../lib/sip/transaction/timing.ts'
import { Peer } from './peer.ts'
import { type Station, station } from './rig.ts'

const ARRIVAL: Arrival = {
  protocol: 'udp',
  remoteHost: '127.0.0.1',
  remotePort: 5080,
  localHost: '127.0.0.1',
  localPort: 5060,
  flow: undefined,
}

function request(method: string): SipRequest {
  const text = `${method} sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-1\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:c@d>\r\nCall-ID: one\r\nCSeq: 1 ${method}\r\nMax-Forwards: 70\r\n\r\n`
  const parsed = parseMessage(Buffer.from(text))
  assert.ok(parsed.ok && parsed.value instanceof SipRequest)
  return parsed.value
}

describe('the first response to an INVITE', function () {
  this.timeout(10_000)
  let bob: Station
  let peer: Peer

  beforeEach(async () => {
    // Slow enough for the application to be first by far.
    bob = await station({ timers: { t1Ms: 500, t2Ms: 600, t4Ms: 100 } })
    peer = await Peer.open(bob.address())
  })

  afterEach(async () => {
    peer.close()
    await bob.close()
  })

  for (const [what, status, first] of [
    ['a 100 where the call rings at once', 180, 'SIP/2.0 100 Trying'],
    ['a 100 where the call is answered at once', 200, 'SIP/2.0 100 Trying'],
    ['the refusal where there is one at once', 486, 'SIP/2.0 486 Busy Here'],
    ['the redirect where there is one at once', 302, 'SIP/2.0 302 Moved Temporarily'],
  ] as const) {
    it(`is ${what}`, async () => {
      bob.srf.invite((_req, res) => res.send(status))
      const invite = peer.request('INVITE')
      peer.send(invite)
      await peer.nextResponse(status)
      assert.equal(peer.startLines[0], first)
      assert.equal(peer.count('SIP/2.0 100'), status < 300 ? 1 : 0)
    })
  }
})

describe('a server transaction that waits for its last timer', () => {
  for (const [method, status] of [
    ['OPTIONS', 200],
    ['INVITE', 200],
    ['INVITE', 486],
  ] as const) {
    it(`has let go of the ${method} that it answered ${status} and repeats what it has to`, () => {
      const sent: string[] = []
      const scheduler = new Scheduler(() => 0)
      const layer = new TransactionLayer({
        scheduler,
        timing: RFC_3261_TIMING,
        network: { send: (bytes) => void sent.push(bytes.toString()) },
        makeTrying: () => Buffer.from('100'),
      })
      const match = layer.match(request(method))
      assert.ok(match.kind === 'new')
      const transaction = layer.openServer(match.key, request(method), ARRIVAL)
      assert.equal(transaction.request.method, method)
      assert.ok(transaction.respond(status, Buffer.from(`${status}`)))
      assert.throws(() => transaction.request, /was answered/)
      assert.equal(layer.match(request(method)).kind, 'absorbed')
      // A 2xx to an INVITE is repeated by whoever waits for its ACK, and by nobody else.
      const repeats = method === 'INVITE' && status === 200 ? 0 : 1
      assert.deepEqual(sent, Array(1 + repeats).fill(`${status}`))
      assert.equal(transaction.respond(status, Buffer.from(`${status}`)), method === 'INVITE' && status === 200)
      layer.close()
      scheduler.close()
    })
  }
})
