import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MAX_MESSAGE_BYTES } from '../../../lib/sip/limits.ts'
import { type StreamEvent, StreamFramer } from '../../../lib/sip/stream-framer.ts'

const FIRST = 'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 5\r\n\r\nab\r\n\r'
const SECOND = 'BYE sip:a@b SIP/2.0\r\nl :\r\n 0\r\nVia: SIP/2.0/TCP h\r\n\r\n'
const PING = '\r\n\r\n'

/** What the framer makes of chunks, one short text for each event. */
function frame(framer: StreamFramer, chunks: Iterable<Buffer>): string[] {
  const events: StreamEvent[] = []
  for (const chunk of chunks) {
    events.push(...framer.push(chunk))
  }
  return events.map((event) => {
    if (event.kind === 'message') return event.bytes.toString('latin1')
    return event.kind === 'fault' ? `fault ${event.fault.code}` : 'ping'
  })
}

/** The bytes cut at the given places. */
function* cut(bytes: Buffer, places: readonly number[]): Generator<Buffer> {
  let start = 0
  for (const place of [...new Set(places)].sort((a, b) => a - b)) {
    yield bytes.subarray(start, place)
    start = place
  }
  yield bytes.subarray(start)
}

describe('a SIP stream', () => {
  const stream = Buffer.from(`${FIRST}${PING}${SECOND}\r\n${FIRST}${PING}`)
  const wanted = [FIRST, 'ping', SECOND, FIRST, 'ping']

  it('is cut into its messages and pings when it comes in one piece', () => {
    assert.deepEqual(frame(new StreamFramer(), [stream]), wanted)
  })

  it('is cut the same wherever it is split in two', () => {
    for (let place = 0; place <= stream.length; place++) {
      assert.deepEqual(frame(new StreamFramer(), cut(stream, [place])), wanted, `split at ${place}`)
    }
  })

  it('is cut the same when it comes byte by byte', () => {
    assert.deepEqual(frame(new StreamFramer(), cut(stream, [...stream.keys()])), wanted)
  })

  it('is cut the same however it is split', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (places) => {
        assert.deepEqual(frame(new StreamFramer(), cut(stream, places)), wanted)
      }),
    )
  })

  it('holds nothing once its messages are whole', () => {
    const framer = new StreamFramer()
    framer.push(Buffer.from(FIRST.slice(0, 40)))
    assert.equal(framer.heldBytes, 40)
    framer.push(Buffer.from(FIRST.slice(40)))
    assert.equal(framer.heldBytes, 0)
  })

  it('takes one CRLF for the answer to a ping and no ping', () => {
    assert.deepEqual(frame(new StreamFramer(), [Buffer.from('\r\n')]), [])
  })

  it('takes a flood of CRLFs for one ping', () => {
    assert.deepEqual(frame(new StreamFramer(), [Buffer.from('\r\n'.repeat(30_000))]), ['ping'])
  })

  const faults: readonly [why: string, text: string, code: string][] = [
    ['without Content-Length', 'OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n', 'content-length'],
    ['with a negative one', 'OPTIONS sip:a@b SIP/2.0\r\nl: -5\r\n\r\n', 'content-length'],
    ['with one of words', 'OPTIONS sip:a@b SIP/2.0\r\nContent-Length: many\r\n\r\n', 'content-length'],
    ['with two', 'OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\nContent-Length: 5\r\n\r\n', 'header-repeated'],
    ['with one beyond the limit', 'OPTIONS sip:a@b SIP/2.0\r\nl: 99999\r\n\r\n', 'message-too-large'],
    ['with one of eleven digits', 'OPTIONS sip:a@b SIP/2.0\r\nl: 00000000000\r\n\r\n', 'content-length'],
    ['with a head that never ends', 'X'.repeat(MAX_MESSAGE_BYTES + 1), 'message-too-large'],
  ]
  for (const [why, text, code] of faults) {
    it(`has lost its framing at a message ${why}`, () => {
      const framer = new StreamFramer()
      assert.deepEqual(frame(framer, [Buffer.from(SECOND), Buffer.from(text)]), [SECOND, `fault ${code}`])
      assert.deepEqual(frame(framer, [Buffer.from(SECOND)]), [], 'nothing after it is read')
      assert.equal(framer.heldBytes, 0)
    })
  }

  it('may carry a message as large as the limit, byte by byte, and none larger', () => {
    const head = (length: number): string => `OPTIONS sip:a@b SIP/2.0\r\nContent-Length: ${length}\r\n\r\n`
    const body = MAX_MESSAGE_BYTES - head(10_000).length
    const largest = Buffer.from(head(body) + 'x'.repeat(body))
    assert.equal(largest.length, MAX_MESSAGE_BYTES)
    const messages = frame(new StreamFramer(), cut(largest, [...largest.keys()]))
    assert.deepEqual([messages.length, messages[0]?.length], [1, MAX_MESSAGE_BYTES])
    assert.deepEqual(frame(new StreamFramer(), [Buffer.from(head(body + 1))]), ['fault message-too-large'])
  })

  it('never makes the framer throw, whatever comes', () => {
    const text = fc.string({ unit: fc.constantFrom('\r\n', '\r\n\r\n', 'l:', 'l: 3', 'A', ' ', '\r', '\n') })
    fc.assert(
      fc.property(
        fc.array(text),
        (chunks) =>
          void frame(
            new StreamFramer(),
            chunks.map((one) => Buffer.from(one)),
          ),
      ),
    )
  })
})
