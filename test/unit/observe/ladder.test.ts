import assert from 'node:assert/strict'
import fc from 'fast-check'
import { buildLadder, type LadderArrow, MAX_LADDER_ROWS } from '../../../lib/observe/ladder.ts'
import { formatLadder } from '../../../lib/observe/ladder-text.ts'
import { event, OFFER, START_MS, trace } from './messages.ts'

const INVITE = 'INVITE sip:+12025550100@192.0.2.1 SIP/2.0'
const TAG = 'To: <sip:+12025550100@192.0.2.1>;tag=ours'

/** A call that comes in, fails on one target, is answered by the agent, is held, and ends. */
const CALL = [
  trace({ atMs: 0, direction: 'in', start: INVITE, cseq: '1 INVITE', sdp: OFFER }),
  trace({ atMs: 1, direction: 'out', start: 'SIP/2.0 100 Trying', cseq: '1 INVITE' }),
  trace({ atMs: 20, direction: 'out', start: INVITE, cseq: '1 INVITE', dialog: 'b', remote: '192.0.2.12:5080' }),
  trace({ atMs: 520, direction: 'out', start: INVITE, cseq: '1 INVITE', dialog: 'b', remote: '192.0.2.12:5080' }),
  trace({
    atMs: 600,
    direction: 'in',
    start: 'SIP/2.0 503 Gone',
    cseq: '1 INVITE',
    dialog: 'b',
    remote: '192.0.2.12:5080',
  }),
  trace({ atMs: 700, direction: 'out', start: 'SIP/2.0 200 OK', cseq: '1 INVITE', headers: [TAG], sdp: OFFER }),
  trace({ atMs: 710, direction: 'in', start: 'ACK sip:192.0.2.1 SIP/2.0', cseq: '1 ACK', headers: [TAG] }),
  trace({
    atMs: 3000,
    direction: 'in',
    start: INVITE,
    cseq: '2 INVITE',
    headers: [TAG],
    sdp: `${OFFER}a=sendonly\r\n`,
  }),
  trace({ atMs: 4000, direction: 'in', start: INVITE, cseq: '3 INVITE', headers: [TAG], sdp: OFFER }),
  trace({ atMs: 9000, direction: 'in', start: 'BYE sip:192.0.2.1 SIP/2.0', cseq: '4 BYE', headers: [TAG] }),
  trace({ atMs: 9001, direction: 'out', start: 'SIP/2.0 200 OK', cseq: '4 BYE', headers: [TAG] }),
]
const EVENTS = [event(650, 'agent.connected', { backend: 'local' }), event(2500, 'dtmf', { digit: '5' })]
const TURNS = [{ at: new Date(START_MS + 900), who: 'agent' as const, text: 'Hello' }]

const arrows = (ladder: ReturnType<typeof buildLadder>) =>
  ladder.rows.filter((row): row is LadderArrow => row.kind !== 'note')

describe('the ladder of a call', () => {
  it('is drawn as SIP engineers know it', () => {
    const ladder = buildLadder({ traces: CALL, events: EVENTS, turns: TURNS })
    assert.deepEqual(formatLadder(ladder, { width: 100 }).split('\n'), [
      '                   caller                    Tandem                    target                     agent',
      '               192.0.2.11:5080           192.0.2.1:5060            192.0.2.12:5080',
      '    0.000             │─ INVITE +12025550100 ──►│                         │                         │  SDP PCMU PCMA telephone-event',
      '    0.001             │◄────── 100 Trying ──────│                         │                         │',
      '    0.020             │                         │─ INVITE +12025550100 ──►│                         │',
      '    0.520             │                         │─ INVITE +12025550100 ──►│                         │  retransmission 1',
      '    0.600             │                         │◄─────── 503 Gone ───────│                         │',
      '    0.650             │                         │                         │                         │ • agent.connected backend=local',
      '    0.700             │◄──────── 200 OK ────────│                         │                         │  SDP PCMU PCMA telephone-event',
      '    0.710             │───────── ACK ──────────►│                         │                         │',
      '    0.900             │◄╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ “Hello” ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌│',
      '    2.500             │╌╌╌╌╌╌╌╌ DTMF 5 ╌╌╌╌╌╌╌╌►│                         │                         │',
      '    3.000             │────── re-INVITE ───────►│                         │                         │  SDP PCMU PCMA telephone-event, hold (sendonly)',
      '    4.000             │────── re-INVITE ───────►│                         │                         │  SDP PCMU PCMA telephone-event, resume',
      '    9.000             │───────── BYE ──────────►│                         │                         │',
      '    9.001             │◄───── 200 OK (BYE) ─────│                         │                         │',
      '',
    ])
  })

  it('is drawn in ASCII where that is asked for', () => {
    const text = formatLadder(buildLadder({ traces: CALL, events: EVENTS, turns: TURNS }), { ascii: true })
    assert.match(text, /\|-+ INVITE \+12025550100 -+>\|/)
    assert.match(text, /\|<\.+ "Hello" \.+\|/)
    assert.doesNotMatch(text, /\P{ASCII}/u)
  })

  it('puts legs that came in on the left, legs that we opened on the right, the agent at the end', () => {
    const { parties } = buildLadder({ traces: CALL, events: EVENTS, turns: TURNS })
    assert.deepEqual(
      parties.map((party) => [party.kind, party.name, party.address]),
      [
        ['peer', 'caller', '192.0.2.11:5080'],
        ['tandem', 'Tandem', '192.0.2.1:5060'],
        ['peer', 'target', '192.0.2.12:5080'],
        ['agent', 'agent', null],
      ],
    )
  })

  it('marks a retransmission, and nothing else, as one', () => {
    const again = arrows(buildLadder({ traces: CALL, events: [], turns: [] })).filter((row) => row.retransmission > 0)
    assert.deepEqual(
      again.map((row) => [row.label, row.afterMs, row.retransmission]),
      [['INVITE +12025550100', 520, 1]],
    )
  })

  it('tells an offer, a hold and its end apart', () => {
    const notes = arrows(buildLadder({ traces: CALL, events: [], turns: [] })).map((row) => row.notes.join('; '))
    const sdp = 'SDP PCMU PCMA telephone-event'
    assert.deepEqual(
      notes.filter((note) => note !== ''),
      [sdp, sdp, `${sdp}; hold (sendonly)`, `${sdp}; resume`],
    )
  })

  it('names a re-INVITE as one, and a response by its request', () => {
    const labels = arrows(buildLadder({ traces: CALL, events: [], turns: [] })).map((row) => row.label)
    assert.deepEqual(labels.slice(-4), ['re-INVITE', 're-INVITE', 'BYE', '200 OK (BYE)'])
  })

  it('draws turns and digits between the caller and the agent', () => {
    const audio = arrows(buildLadder({ traces: CALL, events: EVENTS, turns: TURNS })).filter(
      (row) => row.kind === 'audio',
    )
    assert.deepEqual(
      audio.map((row) => [row.from, row.to, row.label]),
      [
        [3, 0, '“Hello”'],
        [0, 1, 'DTMF 5'],
      ],
    )
  })

  it('puts messages in the order of time, and keeps the order of those with the same time', () => {
    const ladder = buildLadder({ traces: CALL.toReversed(), events: EVENTS, turns: TURNS })
    const times = ladder.rows.map((row) => row.afterMs)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    )
  })

  it('says so where nothing is on record', () => {
    assert.match(formatLadder(buildLadder({ traces: [], events: [], turns: [] })), /^No message/)
  })

  it('shows what is no SIP, and lets no control character of a peer reach the terminal', () => {
    const hostile = trace({
      atMs: 0,
      direction: 'in',
      start: 'SIP/2.0 200 \u001b[2J\u009b31mOK\u202e',
      cseq: '1 INVITE',
    })
    const garbage = { ...hostile, message: '\u0000\u0007garbage' }
    const text = formatLadder(buildLadder({ traces: [hostile, garbage], events: [], turns: [] }))
    assert.match(text, /unreadable message/)
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\u202e]/u)
  })

  it('stays within its limits, whatever it is given', () => {
    const many = Array.from({ length: MAX_LADDER_ROWS + 50 }, (_, i) =>
      trace({ atMs: i, direction: 'out', start: INVITE, cseq: `${i} INVITE`, dialog: `d${i}` }),
    )
    const ladder = buildLadder({ traces: many, events: [], turns: [] })
    assert.equal(ladder.rows.length, MAX_LADDER_ROWS)
    assert.equal(ladder.omitted, 50)
    assert.ok(ladder.parties.length <= 9)
    assert.match(formatLadder(ladder), /50 more rows are not shown/)
  })

  it('draws any text that pretends to be SIP without a throw', () => {
    const fragment = fc.constantFrom(
      'INVITE sip:x SIP/2.0',
      '\r\n',
      'CSeq: 1 INVITE',
      'Call-ID: x',
      '\r\n\r\n',
      'm=audio 1 RTP/AVP 0',
      'Content-Type: application/sdp',
    )
    const message = fc.array(fc.oneof(fragment, fc.string())).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: -5, max: 400 }), (messages, width) => {
        const traces = messages.map((text, i) => ({
          ...trace({ atMs: i, direction: 'in', start: '', cseq: '' }),
          message: text,
        }))
        const text = formatLadder(buildLadder({ traces, events: [], turns: [] }), { width })
        assert.ok(text.split('\n').every((line) => line.length < 1_000))
      }),
    )
  })
})
