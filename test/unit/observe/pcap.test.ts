import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatPcap } from '../../../lib/observe/pcap.ts'
import { START_MS, trace } from './messages.ts'

const OPTIONS = trace({ atMs: 5, direction: 'in', start: 'OPTIONS sip:192.0.2.1 SIP/2.0', cseq: '1 OPTIONS' })
const RECORD_AT = 24
const PACKET_AT = RECORD_AT + 16

/** The Internet checksum over a whole header or pseudo packet is zero where its checksum field is right. */
function sum(bytes: Buffer): number {
  let total = 0
  for (let at = 0; at < bytes.length; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return ~total & 0xffff
}

describe('pcap', () => {
  it('begins with the header of libpcap 2.4 for raw IP', () => {
    assert.equal(formatPcap([]).toString('hex'), 'a1b2c3d400020004000000000000000000040000' + '00000065')
  })

  it('holds the message between the addresses it had, at its time', () => {
    const file = formatPcap([OPTIONS])
    assert.equal(file.readUInt32BE(RECORD_AT), START_MS / 1000)
    assert.equal(file.readUInt32BE(RECORD_AT + 4), 5_000)
    assert.equal(file.readUInt32BE(RECORD_AT + 8), file.length - PACKET_AT)
    assert.deepEqual([...file.subarray(PACKET_AT + 12, PACKET_AT + 20)], [192, 0, 2, 11, 192, 0, 2, 1])
    assert.deepEqual([file.readUInt16BE(PACKET_AT + 20), file.readUInt16BE(PACKET_AT + 22)], [5080, 5060])
    assert.equal(file.subarray(PACKET_AT + 28).toString(), OPTIONS.message)
  })

  it('turns the addresses round for what we sent', () => {
    const file = formatPcap([{ ...OPTIONS, direction: 'out' }])
    assert.deepEqual([...file.subarray(PACKET_AT + 12, PACKET_AT + 16)], [192, 0, 2, 1])
  })

  it('has right checksums in the IP and UDP headers', () => {
    const packet = formatPcap([OPTIONS]).subarray(PACKET_AT)
    assert.equal(sum(packet.subarray(0, 20)), 0)
    const udp = packet.subarray(20)
    const pseudo = Buffer.from([0, 17, udp.length >>> 8, udp.length & 0xff])
    assert.equal(sum(Buffer.concat([packet.subarray(12, 20), pseudo, udp])), 0)
  })

  it('writes IPv6 for IPv6 addresses', () => {
    const packet = formatPcap([
      { ...OPTIONS, local: '[2001:db8::1]:5060', remote: '[2001:db8::192.0.2.7]:5080' },
    ]).subarray(PACKET_AT)
    assert.equal(packet.readUInt8(0) >>> 4, 6)
    assert.equal(packet.subarray(8, 24).toString('hex'), '20010db80000000000000000c0000207')
    assert.equal(packet.subarray(24, 40).toString('hex'), '20010db8000000000000000000000001')
    const udp = packet.subarray(40)
    const pseudo = Buffer.from([0, 17, udp.length >>> 8, udp.length & 0xff])
    assert.equal(sum(Buffer.concat([packet.subarray(8, 40), pseudo, udp])), 0)
  })

  it('cuts a message that no packet can hold and says how long it was', () => {
    const file = formatPcap([{ ...OPTIONS, message: 'x'.repeat(70_000) }])
    assert.equal(file.readUInt32BE(RECORD_AT + 8), 65_535)
    assert.equal(file.readUInt32BE(RECORD_AT + 12), 70_028)
  })

  it('writes a whole record for any addresses', () => {
    const address = fc.oneof(
      fc.string(),
      fc.ipV4().map((ip) => `${ip}:5060`),
      fc.ipV6().map((ip) => `[${ip}]:5060`),
    )
    fc.assert(
      fc.property(address, address, (local, remote) => {
        const file = formatPcap([{ ...OPTIONS, local, remote }])
        assert.equal(file.readUInt32BE(RECORD_AT + 8), file.length - PACKET_AT)
      }),
    )
  })
})
