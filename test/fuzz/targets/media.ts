import assert from 'node:assert/strict'
import { DtmfReceiver } from '../../../lib/media/dtmf.ts'
import { MAX_ESL_BODY, MAX_ESL_HEADERS, takeEslMessage } from '../../../lib/media/event-socket.ts'
import { parseMarkReport } from '../../../lib/media/fork-wire.ts'
import { FRAME_SAMPLES } from '../../../lib/media/g711.ts'
import { JITTER_BUFFER_BYTES, JitterBuffer } from '../../../lib/media/jitter-buffer.ts'
import { Reception } from '../../../lib/media/reception.ts'
import { formatRtcp, parseRtcp, roundTripMs } from '../../../lib/media/rtcp.ts'
import { emptyRtpHeader, isRtcp, MAX_RTP_BYTES, parseRtp, writeRtpHeader } from '../../../lib/media/rtp.ts'
import { parseWav } from '../../../lib/media/wav.ts'
import { STRANGERS_MS, type Target } from '../target.ts'

/** As much of an input as makes up a stream: a thousand packets. */
const MAX_STREAM_BYTES = 8_000

const FIELDS = { payloadType: 0, marker: true, sequence: 65_535, timestamp: 160, ssrc: 7 }

function rtpPacket(payload: Buffer, firstByte = 0x80): Buffer {
  const packet = Buffer.concat([Buffer.alloc(12), payload])
  writeRtpHeader(packet, FIELDS)
  packet[0] = firstByte
  return packet
}

const RTCP_SEED = formatRtcp({
  ssrc: 1,
  cname: 'a@192.0.2.1',
  sender: { wallMs: 1_700_000_000_000, rtpTimestamp: 160, packets: 5, octets: 800 },
  reception: {
    ssrc: 7,
    fractionLost: 1,
    cumulativeLost: 2,
    highestSequence: 3,
    jitter: 4,
    lastSr: 5,
    delaySinceLastSr: 6,
  },
  bye: true,
})

const MEMORY = new Uint8Array(JITTER_BUFFER_BYTES)
const FRAME = new Uint8Array(FRAME_SAMPLES)

/** A stream of packets that say what the input says of sequence, timestamp and source: eight bytes each. */
function stream(input: Buffer): void {
  const jitter = new JitterBuffer({ release: 'early', late: 'stretch', depthMs: 60, silence: 0xff }, MEMORY, 0)
  const reception = new Reception()
  let nowMs = 0
  for (let at = 0; at + 8 <= Math.min(input.length, MAX_STREAM_BYTES); at += 8) {
    nowMs += input.readUInt8(at) % 64
    const [ssrc, sequence, timestamp] = [
      input.readUInt8(at + 1) % 3,
      input.readUInt16BE(at + 2),
      input.readUInt32BE(at + 4),
    ]
    reception.onPacket(ssrc, sequence, timestamp, nowMs, true)
    jitter.push(ssrc, sequence, timestamp, input.subarray(at, at + MAX_RTP_BYTES), nowMs)
    jitter.pull(FRAME, nowMs)
  }
  reception.report()
}

/** RTP, RTCP and telephone-events as they come from anybody who guesses a port. */
export const RTP: Target = {
  name: 'rtp',
  corpus: [
    rtpPacket(Buffer.alloc(160, 0xff)),
    rtpPacket(Buffer.from([5, 0x8a, 0, 160])),
    rtpPacket(Buffer.from([0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, 1, 2, 3, 4]), 0x91),
    rtpPacket(Buffer.from([1, 2, 3, 4, 0, 0, 0, 4]), 0xa0),
    RTCP_SEED,
  ],
  words: ['\x80\xc8', '\x81\xc9\0\x07', '\x81\xca', '\0\0', '\xff\xff'],
  limitMs: STRANGERS_MS,
  check: (input) => {
    const header = emptyRtpHeader()
    if (parseRtp(input, header) === null) {
      new DtmfReceiver(() => {}).onPacket(input.subarray(header.payloadStart), header.timestamp, 0)
      assert.ok(input.length <= MAX_RTP_BYTES)
      assert.ok(
        header.payloadStart <= header.payloadEnd && header.payloadEnd <= input.length,
        'a payload beyond its packet',
      )
    }
    stream(input)
    isRtcp(input)
    const rtcp = parseRtcp(input)
    for (const block of rtcp?.blocks ?? []) roundTripMs(block, 1_700_000_000_100)
  },
}

/** FreeSWITCH's event socket and the reports of its audio fork, and sound files. */
export const MEDIA_SERVER: Target = {
  name: 'media-server',
  corpus: [
    'Content-Type: auth/request\n\n',
    'Content-Type: command/reply\nReply-Text: +OK accepted\n\n',
    'Content-Type: api/response\nContent-Length: 5\n\nhello',
    '{"type":"mark","data":{"name":"m1","event":"played"}}',
  ].map((text) => Buffer.from(text)),
  words: [
    '\n\n',
    'Content-Length: ',
    'Content-Type: ',
    '-1',
    'RIFF',
    'WAVEfmt ',
    'data',
    '{"type":"mark"',
    '"data":',
    'null',
  ],
  limitMs: STRANGERS_MS,
  check: (input) => {
    for (let rest = input; ; ) {
      const taken = takeEslMessage(rest)
      if (taken === 'bad') break
      if (taken === 'more') {
        assert.ok(rest.length <= MAX_ESL_HEADERS + MAX_ESL_BODY + 2, `${rest.length} bytes would be kept`)
        break
      }
      assert.ok(taken.rest.length < rest.length, 'a message without length')
      rest = taken.rest
    }
    parseMarkReport(input.toString('utf8'))
    parseWav(input)
  },
}
