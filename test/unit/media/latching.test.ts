import assert from 'node:assert/strict'
import { Latching } from '../../../lib/media/latching.ts'

const SDP = { address: '192.0.2.1', port: 4000 }
const NAT = { address: '198.51.100.7', port: 31_000 }
const ATTACKER = { address: '203.0.113.66', port: 5555 }

/** Packets of one source, 20 ms apart; gives the verdicts as a string of `a` and `d`. */
function send(
  latching: Latching,
  from: { address: string; port: number },
  { count = 1, ssrc = 1, sequence = 0, atMs = 0, step = 1 } = {},
): string {
  let verdicts = ''
  for (let i = 0; i < count; i++) {
    const seq = (sequence + i * step) & 0xffff
    verdicts += latching.judge(from.address, from.port, ssrc, seq, atMs + i * 20) === 'accept' ? 'a' : 'd'
  }
  return verdicts
}

describe('Symmetric RTP', () => {
  it('sends to the address of the SDP and believes it from the first packet on', () => {
    const latching = new Latching(SDP)
    assert.deepEqual(latching.target, SDP)
    assert.equal(send(latching, SDP, { count: 3 }), 'aaa')
  })

  it('learns a port that a NAT has rewritten from the second packet in a row', () => {
    const latching = new Latching(SDP)
    const rewritten = { ...SDP, port: 4242 }
    assert.equal(send(latching, rewritten, { count: 3, sequence: 65_535 }), 'daa')
    assert.deepEqual(latching.target, rewritten)
  })

  it('learns a host that the SDP does not name only from five packets in a row of one stream', () => {
    const latching = new Latching(SDP)
    assert.equal(send(latching, NAT, { count: 6 }), 'ddddaa')
    assert.deepEqual(latching.target, NAT)
    assert.equal(latching.strangers, 4)
  })

  it('learns from nobody whose packets do not follow each other', () => {
    const latching = new Latching(SDP)
    assert.equal(send(latching, ATTACKER, { count: 50, step: 7 }), 'd'.repeat(50))
    assert.deepEqual(latching.target, SDP)
  })

  it('drops and counts a stranger once it is latched, however long it tries', () => {
    const latching = new Latching(SDP)
    for (let i = 0; i < 500; i++) {
      assert.equal(send(latching, SDP, { sequence: i, atMs: i * 20 }), 'a')
      assert.equal(send(latching, ATTACKER, { sequence: i + 1, atMs: i * 20 + 10 }), 'd')
    }
    assert.equal(latching.strangers, 500)
    assert.deepEqual(latching.target, SDP)
  })

  it('gives way to the address of the SDP even when a stranger was first', () => {
    const latching = new Latching(SDP)
    send(latching, ATTACKER, { count: 10, ssrc: 9 })
    assert.deepEqual(latching.target, ATTACKER)
    assert.equal(send(latching, SDP), 'a')
    assert.deepEqual(latching.target, SDP)
  })

  it('follows the same stream to another address once it was silent for 2 s, and no other stream', () => {
    const moved = { ...NAT, port: 31_001 }
    const latching = new Latching(null)
    send(latching, NAT, { count: 10 })
    assert.equal(send(latching, moved, { count: 6, sequence: 11, atMs: 1000 }), 'dddddd')
    assert.equal(send(latching, ATTACKER, { count: 20, ssrc: 2, sequence: 11, atMs: 3000 }), 'd'.repeat(20))
    assert.equal(send(latching, ATTACKER, { count: 20, sequence: 40_000, atMs: 3000 }), 'd'.repeat(20))
    assert.equal(send(latching, moved, { count: 6, sequence: 100, atMs: 3000 }), 'ddddaa')
    assert.deepEqual(latching.target, moved)
  })

  it('starts over when a re-INVITE names another address, and not when it names the same', () => {
    const latching = new Latching(SDP)
    send(latching, { ...SDP, port: 4242 }, { count: 3 })
    latching.expect(SDP)
    latching.expect(null)
    assert.equal(latching.target?.port, 4242)
    latching.expect(NAT)
    assert.deepEqual(latching.target, NAT)
    assert.equal(send(latching, SDP, { sequence: 50 }), 'd')
    assert.equal(send(latching, NAT, { sequence: 50 }), 'a')
  })

  it('trusts RTCP of the host that it exchanges RTP with', () => {
    const latching = new Latching(SDP)
    assert.equal(latching.trustsHost(SDP.address), true)
    assert.equal(latching.trustsHost(ATTACKER.address), false)
  })
})
