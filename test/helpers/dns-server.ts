import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { DnsQuestion, DnsRecord } from '../../lib/sip/rfc3263.ts'

/** Records by `TYPE name`; `silent`: no answer at all; `broken`: SERVFAIL. */
export type DnsZone = Record<string, readonly DnsRecord[] | 'silent' | 'broken'>

const TYPES = { A: 1, AAAA: 28, SRV: 33, NAPTR: 35 } as const
const NXDOMAIN = 3
const SERVFAIL = 2

/** A small authoritative server (RFC 1035) over UDP, whose zone can be changed as it runs. */
export class DnsServer {
  zone: DnsZone
  ttlS = 60
  /** Every question that came, as `TYPE name`. */
  readonly asked: string[] = []
  readonly #socket: Socket

  private constructor(socket: Socket, zone: DnsZone) {
    this.#socket = socket
    this.zone = zone
    socket.on('message', (query, peer) => {
      const answer = this.#answer(query)
      if (answer !== undefined) socket.send(answer, peer.port, peer.address)
    })
  }

  static async start(zone: DnsZone): Promise<DnsServer> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new DnsServer(socket, zone)
  }

  /** As `setServers` wants it. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  async close(): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  #answer(query: Buffer): Buffer | undefined {
    const { question, end } = readQuestion(query)
    const key = `${question.type} ${question.name}`
    this.asked.push(key)
    const found = this.zone[key]
    if (found === 'silent') return undefined
    const records = found === undefined || found === 'broken' ? [] : found
    const isKnown = Object.keys(this.zone).some((each) => each.endsWith(` ${question.name}`))
    const code = found === 'broken' ? SERVFAIL : isKnown ? 0 : NXDOMAIN
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    // QR, AA, RD, RA and the RCODE.
    header.writeUInt16BE(0x8580 | code, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    return Buffer.concat([header, query.subarray(12, end), ...records.map((record) => this.#record(record))])
  }

  /** Owned by the name of the question, at offset 12. */
  #record(record: DnsRecord): Buffer {
    const data = dataOf(record)
    const head = Buffer.alloc(12)
    head.writeUInt16BE(0xc00c, 0)
    head.writeUInt16BE(TYPES[record.type], 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt32BE(this.ttlS, 6)
    head.writeUInt16BE(data.length, 10)
    return Buffer.concat([head, data])
  }
}

function readQuestion(query: Buffer): { readonly question: DnsQuestion; readonly end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const code = query.readUInt16BE(at + 1)
  const type = (['A', 'AAAA', 'SRV', 'NAPTR'] as const).find((name) => TYPES[name] === code) ?? 'A'
  return { question: { name: labels.join('.').toLowerCase(), type }, end: at + 5 }
}

function dataOf(record: DnsRecord): Buffer {
  switch (record.type) {
    case 'A':
      return Buffer.from(record.address.split('.').map(Number))
    case 'AAAA':
      return Buffer.from(record.address.split(':').flatMap((group) => [...Buffer.from(group.padStart(4, '0'), 'hex')]))
    case 'SRV':
      return Buffer.concat([words(record.priority, record.weight, record.port), name(record.target)])
    case 'NAPTR': {
      const texts = [record.flags, record.service, ''].map(text)
      return Buffer.concat([words(record.order, record.preference), ...texts, name(record.replacement)])
    }
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, i * 2)
  return bytes
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])

const name = (value: string): Buffer =>
  Buffer.concat([
    ...value
      .split('.')
      .filter((label) => label !== '')
      .map(text),
    Buffer.from([0]),
  ])
