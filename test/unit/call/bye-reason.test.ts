import assert from 'node:assert/strict'
import { saysFault } from '../../../lib/call/bye-reason.ts'

describe('the Reason of a BYE', () => {
  const table: [reason: string, fault: boolean][] = [
    ['', false],
    ['Q.850;cause=16;text="Normal call clearing"', false],
    ['Q.850;cause=31', false],
    ['Q.850;cause=38;text="Network out of order"', true],
    ['q.850 ; Cause = 41', true],
    ['Q.850;text="Temporary failure";cause=41', true],
    ['Q.850;cause=102;text="Recovery on timer expiry"', true],
    ['Q.850;cause=127;text="Interworking, unspecified"', false],
    ['Q.850;cause=410', false],
    ['SIP;cause=200;text="Call completed elsewhere"', false],
    ['SIP;cause=408;text="RTP timeout"', true],
    ['SIP ;cause=503', true],
    ['SIP;cause=487', false],
    ['SIP;cause=603', false],
    ['SIP;cause=200, Q.850;cause=38', true],
    ['Q.850;cause=16;text="SIP;cause=503"', false],
    ['Q.850;cause=16;text="a \\" SIP;cause=503"', false],
    ['XSIP;cause=503', false],
    ['RELEASE_CAUSE;cause=38', false],
  ]
  for (const [reason, fault] of table) {
    it(`${fault ? 'tells of a fault' : 'tells of none'}: ${reason}`, () => assert.equal(saysFault(reason), fault))
  }

  it('is read in no time, however long it is', () => {
    const startedAtMs = performance.now()
    for (const text of [
      'Q.850;'.repeat(10_000),
      ' SIP;'.repeat(12_000),
      `SIP;${'"'.repeat(60_000)}`,
      `SIP;${'cause='.repeat(10_000)}`,
    ]) {
      assert.equal(saysFault(text), false)
    }
    assert.ok(performance.now() - startedAtMs < 1_000)
  })
})
