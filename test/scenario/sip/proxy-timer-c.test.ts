import assert from 'node:assert/strict'
import { buildResponse } from '../../../lib/sip/build.ts'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import type { Sent } from '../../helpers/virtual-machine.ts'
import { VirtualSip } from '../../helpers/virtual-sip.ts'

const ALICE = '198.51.100.7'
const INVITE = `INVITE sip:bob@192.0.2.1 SIP/2.0\r
Via: SIP/2.0/UDP ${ALICE};branch=z9hG4bKa\r
Max-Forwards: 70\r
From: <sip:alice@${ALICE}>;tag=a\r
To: <sip:bob@192.0.2.1>\r
Call-ID: c\r
CSeq: 1 INVITE\r
Contact: <sip:alice@${ALICE}>\r
\r
`

describe('timer C of a proxied INVITE', () => {
  let sip: VirtualSip
  /** What has been sent, by where to: `CANCEL`, `INVITE`, `180`. */
  let said: (readonly [host: string, what: string])[]
  /** The INVITEs that destinations have received. */
  let invites: Map<string, SipRequest>

  beforeEach(async () => {
    said = []
    invites = new Map()
    sip = await VirtualSip.open(hear)
  })

  afterEach(() => sip.close())

  /** Those who are cancelled say so. */
  function hear({ bytes, remote }: Sent): void {
    const parsed = parseMessage(bytes)
    assert.ok(parsed.ok)
    const message = parsed.value
    said.push([remote.host, message.kind === 'request' ? message.method : String(message.status)])
    if (message.kind !== 'request') return
    if (message.method === 'INVITE') invites.set(remote.host, message)
    if (message.method === 'CANCEL') {
      answer(message, remote.host, 200)
      respond(remote.host, 487)
    }
  }

  function answer(request: SipRequest, host: string, status: number): void {
    const response = buildResponse(request, status, 'Said', { toTag: host, headers: [['Contact', `<sip:${host}>`]] })
    assert.ok(response.ok)
    sip.receive(response.value.serialize(), host)
  }

  function respond(host: string, status: number): void {
    const invite = invites.get(host)
    assert.ok(invite, `${host} was not called`)
    answer(invite, host, status)
  }

  /** The INVITE reaches the server, and its application has it proxied. */
  async function place(...hosts: string[]): Promise<void> {
    sip.receive(INVITE, ALICE)
    await sip.settle()
    const targets = hosts.map((host) => `sip:${host}`).join('|')
    sip.app.command(`proxy|${sip.app.requests[0]?.txnId}|||||||${targets}`)
    await sip.settle()
  }

  const heard = (host: string): string => said.flatMap(([to, what]) => (to === host ? [what] : [])).join(' ')

  it('cancels who rings for over three minutes, counted from the last provisional response but 100, and its caller gets 408', async () => {
    await place('198.51.100.1')
    respond('198.51.100.1', 180)
    await sip.pass(170)
    respond('198.51.100.1', 183)
    await sip.pass(100)
    respond('198.51.100.1', 100)
    await sip.pass(80)
    assert.equal(heard('198.51.100.1'), 'INVITE')
    await sip.pass(2)
    assert.equal(heard('198.51.100.1'), 'INVITE CANCEL ACK')
    assert.match(heard(ALICE), /^100 180 183 408/)
  })

  it('goes on to the next destination, and one that is silent after its CANCEL is not waited for without end', async () => {
    await place('198.51.100.1', '198.51.100.2')
    respond('198.51.100.1', 180)
    await sip.pass(181.2)
    assert.equal(heard('198.51.100.2'), 'INVITE')
    respond('198.51.100.2', 486)
    await sip.settle()
    assert.match(heard(ALICE), /^100 180 486/)
    await sip.pass(600)
    const { serverTransactions, clientTransactions, proxiedRequests, timers } = sip.stack.counters()
    assert.deepEqual([serverTransactions, clientTransactions, proxiedRequests, timers], [0, 0, 0, 0])
  })
})
