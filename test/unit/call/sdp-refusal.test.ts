import assert from 'node:assert/strict'
import { refusalOfSdp } from '../../../lib/call/sdp-refusal.ts'

describe('the refusal of an SDP', () => {
  for (const [code, status, warning] of [
    ['sdp-malformed', 400, 399],
    ['sdp-no-audio', 488, 304],
    ['sdp-no-common-codec', 488, 305],
    ['sdp-no-common-address', 488, 301],
    ['sdp-srtp-required', 488, 302],
  ] as const) {
    it(`of ${code} is ${status} with warning ${warning}, and no invitation to try again`, () => {
      const refusal = refusalOfSdp({ code, message: 'why' })
      assert.deepEqual(refusal, {
        status,
        reason: status === 400 ? 'Bad Request' : 'Not Acceptable Here',
        temporary: false,
        cause: 'rejected',
        warning,
        detail: 'why',
      })
    })
  }
})
