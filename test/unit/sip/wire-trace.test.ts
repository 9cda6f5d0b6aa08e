import assert from 'node:assert/strict'
import { WireTrace } from '../../../lib/sip/wire-trace.ts'

const HOSTPORTS = ['udp/192.0.2.1:5060', 'tcp/192.0.2.1:5060']
const INVITE = 'INVITE sip:+12025550100@carrier.example SIP/2.0\r\nCall-ID: a@b\r\n\r\n'
const RINGING = 'SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TCP 192.0.2.1\r\nCall-ID: a@b\r\n\r\n'

interface Row {
  readonly why: string
  readonly sending?: readonly string[]
  readonly before?: readonly string[]
  readonly payload: string
  readonly want: readonly [direction: string, protocol: string, local: string, remote: string] | null
}

const ROWS: readonly Row[] = [
  {
    why: 'a request that came in outside of dialogs, with the address that it came to',
    payload: `1|sip|network|99|udp|198.51.100.7|5080|10:00:00.000001|txn||192.0.2.9|5062|\r\n${INVITE}`,
    want: ['in', 'udp', '192.0.2.9:5062', '198.51.100.7:5080'],
  },
  {
    why: 'one in a dialog, without a protocol in its frame',
    payload: `1|sip|network|99||2001:db8::7|5080|10:00:00.000001|txn|dialog|\r\n${RINGING}`,
    want: ['in', 'tcp', '192.0.2.1:5060', '[2001:db8::7]:5080'],
  },
  {
    why: 'what the server made itself: nobody sent it',
    payload: `1|sip|network|0|udp||0|10:00:00.000001|txn||\r\n${RINGING}`,
    want: null,
  },
  {
    why: 'a BYE that the server sent by itself',
    payload: `1|sip|application|99|udp|198.51.100.7|5080|10:00:00.000001|unsolicited|dialog|\r\n${INVITE}`,
    want: ['out', 'udp', '192.0.2.1:5060', '198.51.100.7:5080'],
  },
  {
    why: 'a response that was sent, to the peer that its frame names',
    payload: `1|response|m|OK|application|99|tcp|198.51.100.7|5080|10:00:00.000001|txn|dialog||Msg sent:|\r\n${RINGING}`,
    want: ['out', 'tcp', '192.0.2.1:5060', '198.51.100.7:5080'],
  },
  {
    why: 'a request that was sent, to its next hop',
    sending: [`m|sip|||sip:198.51.100.9:5090;transport=udp;lr\r\n${INVITE}`],
    payload: `1|response|m|OK|application|99|udp|192.0.2.1|5060|10:00:00.000001|txn|Msg sent:|\r\n${INVITE}`,
    want: ['out', 'udp', '192.0.2.1:5060', '198.51.100.9:5090'],
  },
  {
    why: 'a request that was sent in a dialog, to where messages of the dialog came from',
    sending: [`m|sip||dialog\r\n${INVITE}`],
    before: [`1|sip|network|99|udp|198.51.100.7|5080|10:00:00.000001|txn|dialog|\r\n${RINGING}`],
    payload: `1|response|m|OK|application|99||192.0.2.1|5060|10:00:00.000001|txn|Msg sent:|\r\n${INVITE}`,
    want: ['out', 'udp', '192.0.2.1:5060', '198.51.100.7:5080'],
  },
  {
    why: 'a request of which nothing else is known, to where its URI leads',
    payload: `1|response|m|OK|application|99|udp|192.0.2.1|5060|10:00:00.000001|txn|Msg sent:|\r\n${INVITE}`,
    want: ['out', 'udp', '192.0.2.1:5060', 'carrier.example:5060'],
  },
  { why: 'a command that was refused', payload: '1|response|m|NOK|unknown dialog', want: null },
  { why: 'a pong', payload: '1|response|m|OK|pong', want: null },
  {
    why: 'a message without a Call-ID',
    payload: '1|sip|network|9|udp|192.0.2.7|5060|t|x||\r\nBYE sip:a SIP/2.0\r\n\r\n',
    want: null,
  },
]

describe('the trace of a drachtio-server', () => {
  for (const { why, sending = [], before = [], payload, want } of ROWS) {
    it(`reads ${why}`, () => {
      const trace = new WireTrace(HOSTPORTS)
      for (const one of sending) trace.sending(one)
      for (const one of before) trace.received(one)
      const read = trace.received(payload)
      assert.deepEqual(read === null ? null : [read.direction, read.protocol, read.local, read.remote], want)
      if (read !== null) assert.equal(read.callId, 'a@b')
      if (read !== null) assert.equal(read.message, payload.slice(payload.indexOf('\r\n') + 2))
    })
  }

  it('remembers no more peers than its limit', () => {
    const trace = new WireTrace(HOSTPORTS)
    const sip = (id: number) => `OPTIONS sip:x SIP/2.0\r\nCall-ID: c${id}\r\n\r\n`
    for (let id = 0; id < 5_000; id++) trace.received(`1|sip|network|9|udp|198.51.100.7|5080|t|x||\r\n${sip(id)}`)
    const sent = (id: number) => trace.received(`1|response|m|OK|application|9|udp|192.0.2.1|5060|t|x|\r\n${sip(id)}`)
    assert.equal(sent(4_999)?.remote, '198.51.100.7:5080')
    assert.equal(sent(0)?.remote, 'x:5060')
  })
})
