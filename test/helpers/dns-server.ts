import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { DnsQuestion, DnsRecord } from '../../lib/sip/rfc3263.ts'

/**
 * Records by `TYPE name`, or by `name` the alias that a name is of. `silent`: no answer at all; `broken`: SERVFAIL; `lame`: a hint at
 * servers that are said to know; `forged`: an answer to another question, and then none.
 */
export type DnsZone = Record<string, readonly DnsRecord[] | 'silent' | 'broken' | 'lame' | 'forged' | Alias>

export interface Alias {
  readonly alias: string
  /** The records behind it are not told with it. */
  readonly bare?: true
}

const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33, NAPTR: 35 } as const
/** What a datagram without EDNS0 holds (RFC 1035 §2.3.4). */
const MAX_UDP = 512
const TRUNCATED = 0x0200
const NXDOMAIN = 3
const SERVFAIL = 2

/** Null where the port is taken: what is free for TCP may be another test's for UDP. */
async function bound(port: number): Promise<Socket | null> {
  const socket = createSocket('udp4').bind(port, '127.0.0.1')
  try {
    await once(socket, 'listening')
    return socket
  } catch (error) {
    socket.close()
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return null
    throw error
  }
}

/** A small authoritative server (RFC 1035) over UDP and TCP, whose zone can be changed as it runs. */
export class DnsServer {
  zone: DnsZone
  ttlS = 60
  /** Last field of the SOA that says that there is nothing; null: there is no SOA. */
  negativeTtlS: number | null = null
  /** Every question that came, as `TYPE name`. */
  readonly asked: string[] = []
  readonly #socket: Socket
  readonly #tcp: Server

  private constructor(socket: Socket, tcp: Server, zone: DnsZone) {
    this.#socket = socket
    this.#tcp = tcp
    this.zone = zone
    socket.on('message', (query, peer) => {
      const answer = this.#answer(query)
      if (answer !== undefined) socket.send(cutToFit(answer, query), peer.port, peer.address)
    })
    tcp.on('connection', (connection) => {
      connection.on('error', () => undefined)
      connection.on('data', (bytes) => {
        const answer = this.#answer(bytes.subarray(2))
        if (answer !== undefined) connection.end(Buffer.concat([words(answer.length), answer]))
      })
    })
  }

  static async start(zone: DnsZone): Promise<DnsServer> {
    for (;;) {
      const tcp = createServer().listen(0, '127.0.0.1')
      await once(tcp, 'listening')
      const address = tcp.address()
      const socket = await bound(typeof address === 'object' ? (address?.port ?? 0) : 0)
      if (socket !== null) return new DnsServer(socket, tcp, zone)
      tcp.close()
      await once(tcp, 'close')
    }
  }

  /** As `setServers` wants it. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  async close(): Promise<void> {
    this.#socket.close()
    this.#tcp.close()
    await Promise.all([once(this.#socket, 'close'), once(this.#tcp, 'close')])
  }

  #answer(query: Buffer): Buffer | undefined {
    const { question, end } = readQuestion(query)
    const key = `${question.type} ${question.name}`
    this.asked.push(key)
    const aliases = this.#aliases(question.name)
    const name = aliases.at(-1)?.target ?? question.name
    const link = this.zone[question.name]
    const isBare = typeof link === 'object' && 'bare' in link
    const found = isBare ? [] : this.zone[`${question.type} ${name}`]
    if (found === 'silent') return undefined
    const records = Array.isArray(found) ? found.map((record) => this.#record(nameOf(name), record)) : []
    const links = aliases.map(({ owner, target }) => this.#bare(nameOf(owner), 'CNAME', nameOf(target)))
    const isKnown = links.length > 0 || Object.keys(this.zone).some((each) => each.endsWith(` ${question.name}`))
    const code = found === 'broken' ? SERVFAIL : isKnown ? 0 : NXDOMAIN
    const authority = found === 'lame' ? [this.#bare(ROOT, 'NS', nameOf('ns.elsewhere.test'))] : this.#soa(records)
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    if (found === 'forged') header.writeUInt16BE(header.readUInt16BE(0) ^ 1, 0)
    // QR, AA, RD, RA and the RCODE.
    header.writeUInt16BE(0x8580 | code, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(links.length + records.length, 6)
    header.writeUInt16BE(authority.length, 8)
    return Buffer.concat([header, query.subarray(12, end), ...links, ...records, ...authority])
  }

  /** The aliases from a name on, each once: a loop is told as it is. */
  #aliases(name: string): readonly { readonly owner: string; readonly target: string }[] {
    const links: { readonly owner: string; readonly target: string }[] = []
    for (let owner = name; ; ) {
      const found = this.zone[owner]
      if (typeof found !== 'object' || !('alias' in found) || links.some((link) => link.owner === owner)) return links
      links.push({ owner, target: found.alias })
      owner = found.alias
    }
  }

  #soa(records: readonly Buffer[]): readonly Buffer[] {
    if (records.length > 0 || this.negativeTtlS === null) return []
    const numbers = Buffer.alloc(20)
    numbers.writeUInt32BE(this.negativeTtlS, 16)
    return [this.#bare(ROOT, 'SOA', Buffer.concat([ROOT, ROOT, numbers]))]
  }

  #record(owner: Buffer, record: DnsRecord): Buffer {
    return this.#bare(owner, record.type, dataOf(record))
  }

  #bare(owner: Buffer, type: keyof typeof TYPES, data: Buffer): Buffer {
    const head = Buffer.alloc(10)
    head.writeUInt16BE(TYPES[type], 0)
    head.writeUInt16BE(1, 2)
    head.writeUInt32BE(this.ttlS, 4)
    head.writeUInt16BE(data.length, 8)
    return Buffer.concat([owner, head, data])
  }
}

/** As much as a datagram holds: the question alone, and the word that there is more. */
function cutToFit(answer: Buffer, query: Buffer): Buffer {
  if (answer.length <= MAX_UDP) return answer
  const head = Buffer.from(answer.subarray(0, readQuestion(query).end))
  head.writeUInt16BE(head.readUInt16BE(2) | TRUNCATED, 2)
  head.writeUInt32BE(0, 6)
  return head
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
      return Buffer.concat([words(record.priority, record.weight, record.port), nameOf(record.target)])
    case 'NAPTR': {
      const texts = [record.flags, record.service, ''].map(text)
      return Buffer.concat([words(record.order, record.preference), ...texts, nameOf(record.replacement)])
    }
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, i * 2)
  return bytes
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])

const nameOf = (value: string): Buffer =>
  Buffer.concat([
    ...value
      .split('.')
      .filter((label) => label !== '')
      .map(text),
    Buffer.from([0]),
  ])

const ROOT = Buffer.from([0])
