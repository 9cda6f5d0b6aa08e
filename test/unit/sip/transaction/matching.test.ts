import assert from 'node:assert/strict'
import { clientTransactionKey, mergeKey, serverTransactionKey } from '../../../../lib/sip/transaction/matching.ts'
import { parseVia, type Via } from '../../../../lib/sip/via.ts'

const via = (text: string): Via => {
  const parsed = parseVia(`SIP/2.0/UDP ${text}`)
  assert.ok(parsed)
  return parsed
}

const INVITE = { method: 'INVITE', uri: 'sip:b@h', callId: 'c', fromTag: 'f', cseq: 1 }

describe('transaction matching', () => {
  it('finds the INVITE of an ACK to a failure by branch and sent-by', () => {
    const top = via('192.0.2.1:5060;branch=z9hG4bKx')
    assert.equal(serverTransactionKey(top, { ...INVITE, method: 'ACK' }), serverTransactionKey(top, INVITE))
  })

  it('tells methods, branches and hosts apart', () => {
    const keys = [
      serverTransactionKey(via('192.0.2.1;branch=z9hG4bKx'), INVITE),
      serverTransactionKey(via('192.0.2.1;branch=z9hG4bKx'), { ...INVITE, method: 'CANCEL' }),
      serverTransactionKey(via('192.0.2.1;branch=z9hG4bKy'), INVITE),
      serverTransactionKey(via('192.0.2.2;branch=z9hG4bKx'), INVITE),
    ]
    assert.equal(new Set(keys).size, keys.length)
  })

  it('finds the INVITE of a CANCEL by naming its method', () => {
    const top = via('192.0.2.1;branch=z9hG4bKx')
    const cancel = { ...INVITE, method: 'CANCEL' }
    assert.equal(serverTransactionKey(top, cancel, 'INVITE'), serverTransactionKey(top, INVITE))
  })

  it('compares what RFC 2543 did where there is no magic cookie', () => {
    const top = via('192.0.2.1;branch=1')
    assert.equal(serverTransactionKey(top, { ...INVITE, method: 'ACK' }), serverTransactionKey(top, INVITE))
    assert.notEqual(serverTransactionKey(top, { ...INVITE, cseq: 2 }), serverTransactionKey(top, INVITE))
    assert.notEqual(serverTransactionKey(top, { ...INVITE, callId: 'd' }), serverTransactionKey(top, INVITE))
    assert.notEqual(serverTransactionKey(via('192.0.2.1'), INVITE), serverTransactionKey(top, INVITE))
  })

  it('knows a request that forked and merged by tag, Call-ID and CSeq', () => {
    assert.equal(mergeKey(INVITE), mergeKey({ ...INVITE, uri: 'sip:other@h' }))
    assert.notEqual(mergeKey(INVITE), mergeKey({ ...INVITE, cseq: 2 }))
    assert.notEqual(clientTransactionKey('z', 'INVITE'), clientTransactionKey('z', 'CANCEL'))
  })
})
