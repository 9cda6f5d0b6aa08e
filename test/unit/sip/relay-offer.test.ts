import assert from 'node:assert/strict'
import { knownCodecs } from '../../../lib/sip/codecs.ts'
import { type AgreedMedia, answerOffer, type LocalMedia } from '../../../lib/sip/offer-answer.ts'
import { placeholderOffer, relayOffer, withoutRtcpMux } from '../../../lib/sip/relay-offer.ts'
import { parseSdp } from '../../../lib/sip/sdp.ts'

const LOCAL: LocalMedia = {
  address: '192.0.2.9',
  rtpPort: 4000,
  sessionId: '7',
  codecs: ['PCMU', 'PCMA'],
  direction: 'sendrecv',
}

const offer = (direction: string, address = '198.51.100.7'): string =>
  [
    'v=0',
    `o=- 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    'm=audio 30000 RTP/AVP 8 96',
    'a=rtpmap:96 telephone-event/8000',
    'a=rtcp-mux',
    `a=${direction}`,
    '',
  ].join('\r\n')

function agreed(sdp: string): AgreedMedia {
  const answered = answerOffer(sdp, LOCAL)
  assert.ok(answered.ok)
  return answered.value.agreed
}

describe('what was agreed with a far end, told to a media server', () => {
  it('is the far end, one codec and its telephone-event', () => {
    assert.equal(
      relayOffer(agreed(offer('sendrecv')), '7', 3),
      [
        'v=0',
        'o=- 7 3 IN IP4 198.51.100.7',
        's=-',
        'c=IN IP4 198.51.100.7',
        't=0 0',
        'm=audio 30000 RTP/AVP 8 96',
        'a=rtpmap:8 PCMA/8000',
        'a=rtpmap:96 telephone-event/8000',
        'a=fmtp:96 0-15',
        'a=ptime:20',
        'a=sendrecv',
        '',
      ].join('\r\n'),
    )
  })

  it('has the clock and the channels of the codec, and the telephone-event beside it', () => {
    const opus = [
      'v=0',
      'o=- 1 1 IN IP4 198.51.100.7',
      's=-',
      'c=IN IP4 198.51.100.7',
      't=0 0',
      'm=audio 30000 RTP/AVP 111 9 96 97',
      'a=rtpmap:111 opus/48000/2',
      'a=rtpmap:96 telephone-event/8000',
      'a=rtpmap:97 telephone-event/48000',
      '',
    ].join('\r\n')
    const answered = answerOffer(opus, { ...LOCAL, codecs: knownCodecs(['PCMU', 'opus', 'G722', 'speex']) })
    assert.ok(answered.ok)
    const lines = ['m=audio 30000 RTP/AVP 111 97', 'a=rtpmap:111 opus/48000/2', 'a=rtpmap:97 telephone-event/48000']
    const relayed = relayOffer(answered.value.agreed, '7', 1)
    for (const line of lines) assert.ok(relayed.includes(`${line}\r\n`), relayed)
    assert.match(answered.value.sdp, /^m=audio 4000 RTP\/AVP 111 97\r\na=rtpmap:111 opus\/48000\/2\r$/m)
    const wideband = answerOffer(opus, { ...LOCAL, codecs: knownCodecs(['G722']) })
    assert.ok(wideband.ok)
    assert.match(relayOffer(wideband.value.agreed, '7', 1), /^m=audio 30000 RTP\/AVP 9 96\r\na=rtpmap:9 G722\/8000\r$/m)
  })

  it("has the far end's direction, so that a hold is one there too", () => {
    assert.match(relayOffer(agreed(offer('sendonly')), '7', 1), /^a=sendonly\r$/m)
    assert.match(relayOffer(agreed(offer('inactive')), '7', 1), /^a=inactive\r$/m)
  })

  it('sends nothing anywhere while the far end is nowhere', () => {
    const sdp = relayOffer(agreed(offer('sendrecv', '0.0.0.0')), '7', 1)
    assert.match(sdp, /^c=IN IP4 0\.0\.0\.0\r$/m)
    assert.match(sdp, /^a=inactive\r$/m)
  })

  it('may be nothing yet: a port is all that is wanted', () => {
    const parsed = parseSdp(placeholderOffer('192.0.2.9', '7'))
    assert.ok(parsed.ok)
    const [audio] = parsed.value.media
    assert.deepEqual([audio?.port, audio?.direction, audio?.codecs.length], [9, 'inactive', 3])
  })

  it('never has rtcp-mux, which the far end is not told of either', () => {
    assert.doesNotMatch(withoutRtcpMux(offer('sendrecv')), /rtcp-mux/)
    assert.equal(withoutRtcpMux(offer('sendrecv').replace('a=rtcp-mux\r\n', '')).length, offer('sendrecv').length - 12)
  })
})
