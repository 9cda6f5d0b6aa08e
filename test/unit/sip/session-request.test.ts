import assert from 'node:assert/strict'
import { readSessionRequest, type SessionRequestFacts } from '../../../lib/sip/session-request.ts'

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n'

describe('an INVITE, whoever it is for', () => {
  const request: SessionRequestFacts = {
    type: 'application/sdp',
    disposition: undefined,
    encoding: undefined,
    body: SDP,
    require: undefined,
    accept: undefined,
    hasContact: true,
  }

  it('is served where nothing is wrong with it', () => {
    assert.deepEqual(readSessionRequest(request), { ok: true, offer: SDP })
    for (const accept of ['application/sdp', 'text/plain, Application/SDP;q=0.5', '*/*', 'application/*'])
      assert.deepEqual(readSessionRequest({ ...request, accept }), { ok: true, offer: SDP })
    assert.deepEqual(readSessionRequest({ ...request, require: '100rel' }), { ok: true, offer: SDP })
  })

  const refused: readonly [string, Partial<SessionRequestFacts>, number, object][] = [
    ['has no Contact', { hasContact: false }, 400, {}],
    ['requires what we cannot do', { require: 'timer, 100rel,x' }, 420, { Unsupported: 'x' }],
    ['takes no SDP back', { accept: 'text/nobodyKnowsThis, application/sdpx' }, 406, {}],
    ['has a strange body', { type: 'text/plain' }, 415, { Accept: 'application/sdp, multipart/mixed' }],
  ]
  for (const [why, change, status, headers] of refused) {
    it(`is refused with ${status} where it ${why}`, () => {
      const read = readSessionRequest({ ...request, ...change })
      assert.ok(!read.ok)
      assert.equal(read.objection.status, status)
      assert.deepEqual(read.objection.headers, headers)
    })
  }
})
