import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'

/** Every run attacks with the same bytes. */
const SEED = 20_251_122

/** Texts that are worth more than random bytes where a parser is concerned. */
const SPLINTERS = [
  '\r\n',
  '\r\n\r\n',
  '\0',
  ';',
  '"',
  '<',
  '>',
  ',',
  ':',
  '%',
  '[',
  '@',
  '=',
  ' ',
  '\t',
  'é',
  '-1',
  '4294967296',
]

/** One change of a text, anywhere: left to its bias, fast-check would change the beginning again and again. */
const mutation = fc.record({
  kind: fc.constantFrom('cut', 'insert', 'repeat', 'flip' as const),
  /** Where, as a part of the whole. */
  at: fc.noBias(fc.integer({ min: 0, max: 9_999 })).map((tenThousandths) => tenThousandths / 10_000),
  length: fc.integer({ min: 1, max: 40 }),
  splinter: fc.constantFrom(...SPLINTERS),
  times: fc.integer({ min: 2, max: 60 }),
})
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never

function mutate(text: string, { kind, at, length, splinter, times }: Mutation): string {
  const from = Math.floor(at * text.length)
  const part = text.slice(from, from + length)
  const rest = text.slice(from + length)
  switch (kind) {
    case 'cut':
      return text.slice(0, from) + rest
    case 'insert':
      return text.slice(0, from) + splinter + part + rest
    case 'repeat':
      return text.slice(0, from) + part.repeat(times) + rest
    case 'flip':
      return (
        text.slice(0, from) +
        part.replaceAll(/[\s\S]/g, (char) => String.fromCharCode(char.charCodeAt(0) ^ 0x20)) +
        rest
      )
  }
}

/** `count` texts that are each the given one with a few changes. */
export function mutants(text: string, count: number): readonly string[] {
  return fc
    .sample(fc.array(mutation, { minLength: 1, maxLength: 4 }), { seed: SEED, numRuns: count })
    .map((mutations) => mutations.reduce(mutate, text))
}

/** `count` datagrams of random bytes. */
export const garbage = (count: number, maxLength = 1_400): readonly Buffer[] =>
  fc.sample(fc.uint8Array({ maxLength }), { seed: SEED, numRuns: count }).map((bytes) => Buffer.from(bytes))

/** Sends datagrams from a socket of its own, a few at a time so that the receiver's kernel buffer holds them. */
export async function sendDatagrams(
  packets: readonly (string | Buffer)[],
  port: number,
  target: string,
  from = '127.0.0.1',
): Promise<void> {
  const socket = createSocket('udp4')
  socket.bind(0, from)
  await once(socket, 'listening')
  for (const packet of packets) {
    await new Promise<void>((resolve) => {
      // One that is longer than UDP carries is refused by our own kernel: then it was no attack.
      socket.send(packet, port, target, () => setImmediate(resolve))
    })
  }
  socket.close()
  await once(socket, 'close')
}

/** Requests that are wrong in one way each, with the number to dial and the caller's own address in them. */
export function bombs(request: string): readonly (readonly [string, string])[] {
  const withHeaders = (lines: string): string => request.replace('\r\nContact:', `\r\n${lines}Contact:`)
  const withLength = (value: string): string =>
    request.replace(/Content-Length: .*\r\n/, `Content-Length: ${value}\r\n`)
  return [
    ['5,000 headers', withHeaders('X-A: b\r\n'.repeat(5_000))],
    ['a header of 50 KB', withHeaders(`X-Long: ${'a'.repeat(50_000)}\r\n`)],
    ['1,000 Vias', withHeaders('Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1\r\n'.repeat(1_000))],
    ['1,000 values in a Via', withHeaders(`Via: ${'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1, '.repeat(1_000)}\r\n`)],
    ['1,000 parameters', withHeaders(`Supported: a${';b=c'.repeat(1_000)}\r\n`)],
    ['10,000 folded lines', withHeaders(`X-Fold: a\r\n${' b\r\n'.repeat(10_000)}`)],
    ['20,000 open quotes', withHeaders(`X-Quote: ${'"\\'.repeat(10_000)}\r\n`)],
    ['20,000 open brackets', withHeaders(`Route: ${'<'.repeat(20_000)}\r\n`)],
    ['a body longer than the datagram', withLength('60000')],
    ['a body of less than nothing', withLength('-1')],
    ['a body of 2^64 bytes', withLength('18446744073709551616')],
    ['a body of NaN bytes', withLength('NaN')],
    ['two lengths', withHeaders('Content-Length: 0\r\nl: 99999\r\n')],
    ['a sequence number beyond 2^31', request.replace(/CSeq: \d+/, 'CSeq: 99999999999')],
    ['no hops', request.replace(/Max-Forwards: 70/, 'Max-Forwards: -1')],
    ['a URI of 30 KB', request.replace(/^INVITE sip:/, `INVITE sip:${'9'.repeat(30_000)}`)],
  ]
}

/** SDP that no phone sends. */
export function sdpBombs(offer: string): readonly (readonly [string, string])[] {
  return [
    ['3,000 streams', `${offer}${'m=audio 6000 RTP/AVP 0\r\n'.repeat(2_000)}`],
    ['an attribute of 50 KB', `${offer}a=fmtp:0 ${'x'.repeat(50_000)}\r\n`],
    ['3,000 attributes', `${offer}${'a=rtpmap:0 PCMU/8000\r\n'.repeat(2_500)}`],
    ['5,000 payload types', offer.replace(/RTP\/AVP .*/, `RTP/AVP ${'0 '.repeat(5_000)}`)],
    ['a port beyond ports', offer.replace(/m=audio \d+/, 'm=audio 99999999')],
    ['a port below ports', offer.replace(/m=audio \d+/, 'm=audio -1')],
    ['a ptime of nothing', `${offer}a=ptime:0\r\n`],
    ['a ptime of a year', `${offer}a=ptime:31536000000\r\n`],
    ['a clock rate of nothing', `${offer}a=rtpmap:0 PCMU/0\r\n`],
    ['names of Object', `${offer}a=__proto__:1\r\na=constructor:2\r\na=rtpmap:__proto__ PCMU/8000\r\n`],
    ['a host that is none', offer.replace(/c=IN IP4 .*/, `c=IN IP4 ${'a.'.repeat(5_000)}`)],
    ['a host for everybody', offer.replace(/c=IN IP4 .*/, 'c=IN IP4 224.0.0.1')],
    ['bytes that are no text', `${offer}a=\u0000\u0001\ufffd\r\n`],
  ]
}

/** What may come in a dialog, and what may not. */
export const IN_DIALOG_METHODS = [
  'INVITE',
  'UPDATE',
  'INFO',
  'OPTIONS',
  'REFER',
  'NOTIFY',
  'MESSAGE',
  'PRACK',
  'ACK',
  'SUBSCRIBE',
  'NONE',
]

/** Streams whose framing is lost, each made of a whole request. */
export const brokenStreams = (text: string): readonly string[] => [
  text.replace(/Content-Length: .*\r\n/, ''),
  text.replace(/Content-Length: .*\r\n/, 'Content-Length: 3\r\n').repeat(3),
  text.replace(/Content-Length: .*\r\n/, 'Content-Length: 70000\r\n'),
  text.replace(/Content-Length: .*\r\n/, 'Content-Length: -5\r\n'),
  text.replace(/Content-Length: .*\r\n/, 'Content-Length: 1\r\nContent-Length: 2\r\n'),
  text.replaceAll('\r\n', '\n'),
  `GET / HTTP/1.1\r\nHost: a\r\n\r\n${text}`,
  `\r\n\r\n\r\n\r\n${text.slice(0, 50)}\r\n\r\n${text}`,
  '\r\n'.repeat(30_000),
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
]

/** A TCP connection from `from` that is open. What the node does to it later is for the test to see. */
export async function connected(target: string, port: number, from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: target, port, localAddress: from })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket.resume()
}

/** Ends connections at once and waits until they are gone. */
export async function destroyAll(sockets: readonly Socket[]): Promise<void> {
  const open = sockets.filter((socket) => !socket.closed)
  const closed = open.map((socket) => once(socket, 'close'))
  for (const socket of open) socket.destroy()
  await Promise.all(closed)
}
