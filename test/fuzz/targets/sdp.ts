import assert from 'node:assert/strict'
import { acceptAnswer, answerOffer, makeOffer } from '../../../lib/sip/offer-answer.ts'
import { relayOffer, withoutRtcpMux } from '../../../lib/sip/relay-offer.ts'
import { isHold, parseSdp } from '../../../lib/sip/sdp.ts'
import { sessionBodyOf } from '../../../lib/sip/session-body.ts'
import { readSessionRequest } from '../../../lib/sip/session-request.ts'
import { STRANGERS_MS, seedsOf, type Target } from '../target.ts'

const LOCAL = {
  address: '192.0.2.1',
  rtpPort: 40_000,
  sessionId: '1',
  codecs: ['PCMU', 'PCMA'],
  direction: 'sendrecv',
} as const

const OUR_OFFER = makeOffer(LOCAL)

const MULTIPART = {
  type: 'multipart/mixed;boundary=b',
  disposition: undefined,
  encoding: undefined,
  require: undefined,
  accept: undefined,
  hasContact: true,
}

/** A session description as an offer, as an answer, and between the delimiters of a multipart body. */
export const SDP: Target = {
  name: 'sdp',
  corpus: seedsOf('sdp'),
  words: [
    'v=0', 'm=audio ', 'm=', 'a=rtpmap:', 'a=fmtp:', 'a=ptime:', 'a=sendonly', 'a=inactive', 'a=rtcp:', 'a=rtcp-mux', 'c=IN IP4 ', 'c=IN IP6 ::1', '0.0.0.0',
    'telephone-event/8000', 'PCMU/8000', '--b', '--b--', 'RTP/SAVP', 'a=candidate:', 'a=fingerprint:', 'a=crypto:', '\r\n', '\n', '__proto__', 'constructor',
  ], // biome-ignore format: a table
  limitMs: STRANGERS_MS,
  check: (input) => {
    const text = input.toString('utf8')
    isHold(text)
    const multipart = sessionBodyOf({ ...MULTIPART, body: text })
    if (multipart.kind === 'session' && multipart.sdp !== null) parseSdp(multipart.sdp)
    readSessionRequest({ ...MULTIPART, body: text })
    withoutRtcpMux(text)
    acceptAnswer(OUR_OFFER, text, LOCAL.codecs)
    if (!parseSdp(text).ok) return
    const answer = answerOffer(text, LOCAL)
    if (!answer.ok) return
    const { sdp, agreed } = answer.value
    assert.ok(parseSdp(sdp).ok, 'our answer cannot be read')
    assert.ok(parseSdp(relayOffer(agreed, '1', 1)).ok, 'our offer to the agent cannot be read')
    // The other side has to be able to take what we answer, and we a further offer after it.
    assert.ok(answerOffer(text, LOCAL, sdp).ok, 'the same offer is refused the second time')
    makeOffer(LOCAL, sdp)
  },
}
