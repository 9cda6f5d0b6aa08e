import assert from 'node:assert/strict'
import { buildResponse } from '../../../lib/sip/build.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { VirtualSip } from '../../helpers/virtual-sip.ts'

const PEER = '198.51.100.7'

const request = (method: string, to: string, contact: string): string => `${method} sip:bob@192.0.2.1 SIP/2.0\r
Via: SIP/2.0/UDP ${PEER};branch=z9hG4bK${method}\r
Max-Forwards: 70\r
From: <sip:alice@${PEER}>;tag=a\r
To: <sip:bob@192.0.2.1>${to}\r
Call-ID: c\r
CSeq: 1 ${method}\r
Contact: <sip:alice@${contact}>\r
\r
`

describe('what cannot be sent', () => {
  let sip: VirtualSip

  afterEach(() => sip.close())

  const nothingLeft = async (): Promise<void> => {
    await sip.pass(600)
    const { dialogs, pendingRequests, serverTransactions, timers } = sip.stack.counters()
    assert.deepEqual({ dialogs, pendingRequests, serverTransactions, timers }, { ...NOTHING })
  }
  /** A call that comes in and is answered. */
  const call = async (contact = PEER): Promise<void> => {
    sip.receive(request('INVITE', '', contact), PEER)
    await sip.settle()
    sip.app.command(`sip|${sip.app.requests[0]?.txnId}|`, Buffer.from('SIP/2.0 200 OK\r\nTo: ;tag=b\r\n\r\n'))
    await sip.settle()
    sip.receive(request('ACK', ';tag=b', PEER), PEER)
    await sip.settle()
    assert.equal(sip.stack.counters().dialogs, 1)
  }
  const NOTHING = { dialogs: 0, pendingRequests: 0, serverTransactions: 0, timers: 0 }

  it('leaves no dialog behind where it is a BYE, as to a Contact whose name has no address', async () => {
    sip = await VirtualSip.open()
    await call('nowhere.invalid')
    sip.app.command('sip||c;from-tag=a', Buffer.from('BYE sip:x SIP/2.0\r\n\r\n'))
    await sip.settle()
    await nothingLeft()
  })

  it('leaves no dialog behind where it is a BYE that wants credentials, and nobody has any', async () => {
    sip = await VirtualSip.open(({ bytes }) => {
      const bye = parseMessage(bytes)
      if (!bye.ok || bye.value.kind !== 'request') return
      const challenge = buildResponse(bye.value, 407, 'Proxy Authentication Required')
      if (challenge.ok) sip.receive(challenge.value.serialize(), PEER)
    })
    await call()
    sip.app.command('sip||c;from-tag=a', Buffer.from('BYE sip:x SIP/2.0\r\n\r\n'))
    await sip.pass(30)
    assert.equal(sip.stack.counters().dialogs, 1)
    await nothingLeft()
  })

  it('leaves no dialog behind where it is the answer to an INVITE', async () => {
    sip = await VirtualSip.open(() => {}, 1)
    sip.receive(request('INVITE', '', PEER), PEER)
    await sip.settle()
    for (const status of ['180 Ringing', '183 Progress', '200 OK']) {
      sip.app.command(`sip|${sip.app.requests[0]?.txnId}|`, Buffer.from(`SIP/2.0 ${status}\r\n\r\n`))
      await sip.settle()
    }
    await nothingLeft()
  })
})
