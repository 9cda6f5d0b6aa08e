import assert from 'node:assert/strict'
import { parseServerEvent } from '../../../lib/agent/protocol.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { judgeAnswer } from '../../../lib/dns/answer.ts'
import { decodeMessage, formatQuestion } from '../../../lib/dns/codec.ts'
import { askForTcp, respond } from '../../../lib/dns/respond.ts'
import type { ZoneView } from '../../../lib/dns/zone.ts'
import { OWN_MS, STRANGERS_MS, seedsOf, type Target } from '../target.ts'

/** Frames of a realtime API. */
export const REALTIME: Target = {
  name: 'realtime',
  corpus: seedsOf('realtime').flatMap((file) =>
    file
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Buffer.from(line)),
  ),
  words: [
    '"type":',
    '"response":{',
    'null',
    '[]',
    '{}',
    '"',
    '\\u0000',
    '\\ud800',
    '"__proto__":{}',
    '1e999',
    '"delta":"',
    '[',
    '{"a":',
    'true',
  ],
  limitMs: STRANGERS_MS,
  check: (input) => {
    parseServerEvent(input.toString('utf8'))
  },
}

/** A configuration file with mistakes: each comes with its place, and none ends the program. */
export const CONFIG: Target = {
  name: 'config',
  corpus: seedsOf('config'),
  words: [
    '&a ', '*a', '<<: *a', '!!binary ', '!!js/function ', '? ', '- ', ': ', '| ', '> ', '---\n', '...\n', '#', '${', '${X}', '${X:-}', '\t', '  ', '{', '}', '[', ']',
    '"', "'", '\n', 'null', '.nan', '.inf', '0o7', '1_000', '__proto__: 1\n', 'sip:\n', 'trunks:\n', 'agents:\n', '[*a,*a,*a,*a,*a,*a,*a,*a,*a]',
  ], // biome-ignore format: a table
  limitMs: OWN_MS,
  check: (input) => {
    const parsed = parseConfig(input.toString('utf8'), { env: { X: 'x' }, file: 'fuzz.yaml' })
    if (parsed.ok) return
    assert.ok(parsed.error.length > 0, 'refused without a reason')
    for (const { message, line, column } of parsed.error) {
      assert.ok(message !== '', 'a problem without words')
      assert.ok(line >= 1 && column >= 1, `a problem at ${line}:${column}`)
    }
  },
}

const VIEW: ZoneView = {
  zone: 'example.com',
  self: 'a',
  serial: 1,
  nodes: [
    {
      ...{ id: 'a', region: 'east', address: '192.0.2.1', state: 'serving', freeCalls: 10, servesDns: true },
      sockets: [{ transport: 'udp', port: 5060 }],
    },
  ],
}

/** Datagrams of whoever answers for a name server, or asks ours. */
export const DNS: Target = {
  name: 'dns',
  corpus: [
    formatQuestion(7, '_sip._udp.example.com', 'SRV'),
    formatQuestion(8, 'example.com', 'NAPTR'),
    ...seedsOf('dns').map((hex) => Buffer.from(hex.toString().replace(/\s+/g, ''), 'hex')),
  ],
  words: ['\xc0\x0c', '\xc0\x00', '\0\x01\0\x01', '\0\x21\0\x01', '\x3f', '\xff\xff'],
  limitMs: STRANGERS_MS,
  check: (input) => {
    const packet = decodeMessage(input)
    if (packet !== null) judgeAnswer(packet, { name: '_sip._udp.example.com', type: 'SRV' })
    const response = respond(input, false, VIEW)
    if (response !== null) assert.notEqual(decodeMessage(response.bytes), null, 'our answer cannot be read')
    askForTcp(input)
  },
}
