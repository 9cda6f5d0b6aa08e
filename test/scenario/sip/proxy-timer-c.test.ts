import assert from 'node:assert/strict'
import { SipStack } from '../../../app/sip/sip-stack.ts'
import { buildResponse } from '../../../lib/sip/build.ts'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { RFC_3261_TIMING } from '../../../lib/sip/transaction/timing.ts'
import { Prng } from '../../fuzz/prng.ts'
import { APP_SECRET, FuzzApp } from '../../fuzz/world/app.ts'
import { VirtualMachine } from '../../helpers/virtual-machine.ts'

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
  let machine: VirtualMachine
  let stack: SipStack
  let app: FuzzApp
  /** What has been sent, by where to: `CANCEL`, `INVITE`, `180`. */
  let said: (readonly [host: string, what: string])[]
  /** The INVITEs that destinations have received. */
  let invites: Map<string, SipRequest>

  beforeEach(async () => {
    machine = new VirtualMachine(new Prng(1))
    said = []
    invites = new Map()
    const started = await SipStack.start(
      {
        listen: [{ protocol: 'udp', host: '192.0.2.1', port: 5060 }],
        advertise: undefined,
        secret: APP_SECRET,
        adminHost: '127.0.0.1',
        adminPort: 0,
        userAgent: undefined,
        minSessionS: 90,
        timing: RFC_3261_TIMING,
        tls: undefined,
        trace: undefined,
      },
      machine.host,
    )
    assert.ok(started.ok)
    stack = started.value.stack
    stack.gate.set({ allowAll: true, sources: [], unknown: 'drop' })
    app = await FuzzApp.connect(started.value.adminPort)
  })

  afterEach(async () => {
    await app.leave()
    await stack.close()
  })

  /** Until everybody waits. Those who are cancelled say so. */
  async function settle(): Promise<void> {
    do {
      await app.quiet()
      for (const { bytes, remote } of machine.sent.splice(0)) {
        const parsed = parseMessage(bytes)
        assert.ok(parsed.ok)
        const message = parsed.value
        said.push([remote.host, message.kind === 'request' ? message.method : String(message.status)])
        if (message.kind !== 'request') continue
        if (message.method === 'INVITE') invites.set(remote.host, message)
        if (message.method === 'CANCEL') {
          answer(message, remote.host, 200)
          respond(remote.host, 487)
        }
      }
    } while (machine.runLate())
  }

  const pass = (seconds: number): Promise<void> => machine.advance(seconds * 1000, settle)

  function receive(bytes: Buffer, host: string): void {
    const arrival = {
      protocol: 'udp',
      localHost: '192.0.2.1',
      localPort: 5060,
      remoteHost: host,
      remotePort: 5060,
    } as const
    stack.onMessage(bytes, { ...arrival, flow: undefined })
  }

  function answer(request: SipRequest, host: string, status: number): void {
    const response = buildResponse(request, status, 'Said', { toTag: host, headers: [['Contact', `<sip:${host}>`]] })
    assert.ok(response.ok)
    receive(response.value.serialize(), host)
  }

  function respond(host: string, status: number): void {
    const invite = invites.get(host)
    assert.ok(invite, `${host} was not called`)
    answer(invite, host, status)
  }

  /** The INVITE reaches the server, and its application has it proxied. */
  async function place(...hosts: string[]): Promise<void> {
    receive(Buffer.from(INVITE), ALICE)
    await settle()
    const targets = hosts.map((host) => `sip:${host}`).join('|')
    app.command(`proxy|${app.requests[0]?.txnId}|||||||${targets}`)
    await settle()
  }

  const heard = (host: string): string => said.flatMap(([to, what]) => (to === host ? [what] : [])).join(' ')

  it('cancels who rings for over three minutes, counted from the last provisional response but 100, and its caller gets 408', async () => {
    await place('198.51.100.1')
    respond('198.51.100.1', 180)
    await pass(170)
    respond('198.51.100.1', 183)
    await pass(100)
    respond('198.51.100.1', 100)
    await pass(80)
    assert.equal(heard('198.51.100.1'), 'INVITE')
    await pass(2)
    assert.equal(heard('198.51.100.1'), 'INVITE CANCEL ACK')
    assert.match(heard(ALICE), /^100 180 183 408/)
  })

  it('goes on to the next destination, and one that is silent after its CANCEL is not waited for without end', async () => {
    await place('198.51.100.1', '198.51.100.2')
    respond('198.51.100.1', 180)
    await pass(181.2)
    assert.equal(heard('198.51.100.2'), 'INVITE')
    respond('198.51.100.2', 486)
    await settle()
    assert.match(heard(ALICE), /^100 180 486/)
    await pass(600)
    const { serverTransactions, clientTransactions, proxiedRequests, timers } = stack.counters()
    assert.deepEqual([serverTransactions, clientTransactions, proxiedRequests, timers], [0, 0, 0, 0])
  })
})
