import type { SipMessage } from '../../../lib/sip/message.ts'

/** One message of RFC 4475 and what is to become of it. */
export interface Fixture {
  /** The name of the message in the RFC. */
  readonly name: string
  readonly section: string
  /** What it tests. */
  readonly why: string
  /** Accepted by the parser, answered with a status by it, or dropped without an answer. */
  readonly expected: 'accept' | 400 | 505 | 'drop'
  readonly bytes: Buffer
  /** What an accepted message must say. */
  readonly check?: (message: SipMessage) => void
}

/**
 * The head of a message from text as one writes it: each line ends in CRLF, and the indentation of the first line is
 * taken off all. `\xHH` in the text of a `String.raw` stands for a byte.
 */
export function sip(text: string): Buffer {
  const lines = text.replace(/^\n/, '').replace(/\n *$/, '').split('\n')
  const indent = /^ */.exec(lines[0] ?? '')?.[0].length ?? 0
  const wire = lines.map((line) => line.slice(indent))
  const bytes = Buffer.from(`${wire.join('\r\n')}\r\n`, 'utf8').toString('latin1')
  return Buffer.from(
    bytes.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

/** The description that most of the INVITEs carry: 150 bytes. */
export const SDP = `v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
`
  .split('\n')
  .join('\r\n')

/** A head, and a body after it. */
export const withSdp = (head: Buffer): Buffer => Buffer.concat([head, Buffer.from(`\r\n${SDP}`)])

/** A head and no body. */
export const alone = (head: Buffer): Buffer => Buffer.concat([head, Buffer.from('\r\n')])
