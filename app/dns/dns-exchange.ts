import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { HostPort } from '../../lib/config/addresses.ts'
import { type DnsVerdict, isAnswerTo, judgeAnswer } from '../../lib/dns/answer.ts'
import { decodeMessage, formatQuestion } from '../../lib/dns/codec.ts'
import type { DnsQuestion } from '../../lib/sip/rfc3263.ts'

/** What a server said; rejects where it says nothing until `signal` ends the wait, or cannot be reached. */
export async function askServer(server: HostPort, question: DnsQuestion, signal: AbortSignal): Promise<DnsVerdict> {
  const verdict = await overUdp(server, question, signal)
  // What does not fit in a datagram is asked for over TCP (RFC 7766 §5).
  return verdict.kind === 'truncated' ? overTcp(server, question, signal) : verdict
}

/** A socket of its own for each question: whoever forges an answer has to guess its port too (RFC 5452). */
function overUdp({ host, port }: HostPort, question: DnsQuestion, signal: AbortSignal): Promise<DnsVerdict> {
  const id = randomInt(0x1_0000)
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  return new Promise<DnsVerdict>((resolve, reject) => {
    onAbort(signal, reject)
    socket.on('error', reject)
    socket.on('message', (bytes) => {
      const verdict = judge(bytes, question, id)
      if (verdict !== null) resolve(verdict)
    })
    // Connected, it hears this server alone, and of a closed port at once.
    socket.connect(port, host, () => socket.send(formatQuestion(id, question.name, question.type)))
  }).finally(() => socket.close())
}

function overTcp({ host, port }: HostPort, question: DnsQuestion, signal: AbortSignal): Promise<DnsVerdict> {
  const id = randomInt(0x1_0000)
  const socket = connect({ host, port })
  return new Promise<DnsVerdict>((resolve, reject) => {
    onAbort(signal, reject)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the DNS server closed the connection')))
    socket.on('connect', () => {
      const asked = formatQuestion(id, question.name, question.type)
      socket.write(Buffer.concat([Buffer.from([asked.length >> 8, asked.length & 0xff]), asked]))
    })
    let received = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      // No longer than its two bytes of length can say: 64 KiB.
      received = Buffer.concat([received, bytes])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const verdict = judge(received.subarray(2, 2 + received.readUInt16BE(0)), question, id)
      if (verdict === null) reject(new Error('the DNS server answers another question'))
      else resolve(verdict)
    })
  }).finally(() => socket.destroy())
}

/** Null: it is no answer to this question, and anybody may have sent it. */
function judge(bytes: Buffer, question: DnsQuestion, id: number): DnsVerdict | null {
  const packet = decodeMessage(bytes)
  return packet !== null && isAnswerTo(packet, question, id) ? judgeAnswer(packet, question) : null
}

function onAbort(signal: AbortSignal, reject: (error: Error) => void): void {
  const give = (): void => reject(new Error('no answer of the DNS server'))
  if (signal.aborted) give()
  else signal.addEventListener('abort', give, { once: true })
}
