import assert from 'node:assert/strict'
import { FrameDecoder, MAX_CLIENT_FRAME_BYTES } from '../../../app/sip/wire/framing.ts'
import { parseCommand } from '../../../app/sip/wire/heads.ts'
import { readDraft } from '../../../lib/sip/draft.ts'
import { MAX_MESSAGE_BYTES } from '../../../lib/sip/limits.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { readProxyCommand } from '../../../lib/sip/proxy-command.ts'
import { type StreamEvent, StreamFramer } from '../../../lib/sip/stream-framer.ts'
import { Prng } from '../prng.ts'
import { STRANGERS_MS, seedsOf, type Target } from '../target.ts'
import { SIP_CORPUS, SIP_WORDS } from './sip-message.ts'

/** The input in pieces, cut where its own bytes say, so that a kept input is cut alike each time. */
function pieces(input: Buffer): Buffer[] {
  const prng = new Prng(input.length, input[0] ?? 0, input.at(-1) ?? 0)
  const found: Buffer[] = []
  for (let at = 0; at < input.length; ) {
    const length = prng.oneIn(3) ? 1 : 1 + prng.length(3000)
    found.push(Buffer.from(input.subarray(at, at + length)))
    at += length
  }
  return found
}

const shownOf = (event: StreamEvent): string => (event.kind === 'message' ? event.bytes.toString('latin1') : event.kind)

/** Without pings: how many CRLFs make one depends on where the stream was cut. */
const messagesOf = (events: readonly StreamEvent[]): readonly string[] =>
  events.filter(({ kind }) => kind !== 'ping').map(shownOf)

/** Bytes of a connection: the same messages come out wherever they are cut. */
export const STREAM: Target = {
  name: 'stream',
  corpus: [...SIP_CORPUS, Buffer.concat(SIP_CORPUS.slice(0, 4)), Buffer.from('\r\n\r\n')],
  words: [...SIP_WORDS, '\r\n\r\n\r\n\r\n'],
  limitMs: STRANGERS_MS,
  check: (input) => {
    const whole = new StreamFramer().push(input)
    const framer = new StreamFramer()
    const cut = pieces(input).flatMap((piece) => {
      const events = framer.push(piece)
      assert.ok(framer.heldBytes <= MAX_MESSAGE_BYTES + 1, `${framer.heldBytes} bytes are held`)
      return events
    })
    assert.deepEqual(messagesOf(cut), messagesOf(whole))
    for (const event of whole) if (event.kind === 'message') parseMessage(event.bytes)
  },
}

function framesOf(chunks: readonly Buffer[]): string[] {
  const frames: string[] = []
  const decoder = new FrameDecoder()
  for (const chunk of chunks) {
    const fault = decoder.push(chunk, (payload) => {
      assert.ok(payload.length <= MAX_CLIENT_FRAME_BYTES)
      const command = parseCommand(payload)
      if (command?.message !== undefined) readDraft(command.message)
      if (command?.name === 'proxy') readProxyCommand(command.fields)
      frames.push(payload.toString('latin1'))
    })
    if (fault !== undefined) return [...frames, fault.code]
  }
  return frames
}

/** Bytes of an application at the admin port. */
export const WIRE: Target = {
  name: 'wire',
  corpus: seedsOf('wire'),
  words: [
    '0#',
    '7#',
    '#',
    '|',
    '1048576#',
    '1048577#',
    'sip',
    'proxy',
    'authenticate',
    'ping',
    'route',
    '\r\n',
    ...SIP_WORDS,
  ],
  limitMs: STRANGERS_MS,
  check: (input) => {
    assert.deepEqual(framesOf(pieces(input)), framesOf([input]))
  },
}
