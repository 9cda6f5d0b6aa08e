import assert from 'node:assert/strict'
import fc from 'fast-check'
import { supportedCodecs } from '../../../lib/sip/codecs.ts'
import { acceptAnswer, answerOffer, type LocalMedia, makeOffer } from '../../../lib/sip/offer-answer.ts'
import { parseAddress, parseSdp } from '../../../lib/sip/sdp.ts'

const LOCAL: LocalMedia = {
  address: '192.0.2.10',
  rtpPort: 20_000,
  sessionId: '77',
  codecs: supportedCodecs(['PCMU', 'PCMA', 'G722', 'opus']),
  direction: 'sendrecv',
}

const sdp = (...lines: string[]): string => [...lines, ''].join('\r\n')

const HEAD = ['v=0', 'o=carrier 12 34 IN IP4 198.51.100.1', 's=call', 'c=IN IP4 198.51.100.1', 't=0 0'] as const

const OFFER = sdp(
  ...HEAD,
  'm=audio 4000 RTP/AVP 18 8 0 96',
  'a=rtpmap:18 G729/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:96 telephone-event/8000',
  'a=fmtp:96 0-16',
  'a=ptime:30',
)

function answer(offer: string, local = LOCAL, previous?: string): ReturnType<typeof unwrap> {
  return unwrap(answerOffer(offer, local, previous))
}

function unwrap(answered: ReturnType<typeof answerOffer>) {
  assert.ok(answered.ok, answered.ok ? '' : answered.error.message)
  return answered.value
}

const codeOf = (offer: string, local = LOCAL): string => {
  const answered = answerOffer(offer, local)
  return answered.ok ? 'ok' : answered.error.code
}

describe('An answer to an offer', () => {
  it('takes the first codec of the offer that we have, with its payload types, and says so in full', () => {
    const { sdp: text, agreed } = answer(OFFER)
    assert.equal(
      text,
      sdp(
        'v=0',
        'o=- 77 1 IN IP4 192.0.2.10',
        's=-',
        'c=IN IP4 192.0.2.10',
        't=0 0',
        'm=audio 20000 RTP/AVP 8 96',
        'a=rtpmap:8 PCMA/8000',
        'a=rtpmap:96 telephone-event/8000',
        'a=fmtp:96 0-15',
        'a=ptime:20',
        'a=sendrecv',
      ),
    )
    assert.deepEqual(agreed, {
      codec: 'PCMA',
      payloadType: 8,
      receive: [{ payloadType: 8, codec: 'PCMA' }],
      telephoneEvent: { send: 96, receive: 96 },
      remote: { address: '198.51.100.1', port: 4000 },
      remoteRtcp: { address: '198.51.100.1', port: 4001 },
      rtcpMux: false,
      ptimeMs: 20,
      direction: 'sendrecv',
      srtp: null,
    })
  })

  it('rejects every other stream with port 0 and keeps the order', () => {
    const offer = sdp(
      ...HEAD,
      'm=video 5000 RTP/AVP 31',
      'm=audio 4000 RTP/SAVP 0',
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz',
      'm=audio 4002/2 RTP/AVP 0',
      'm=image 6000 udptl t38',
    )
    const media = answer(offer)
      .sdp.split('\r\n')
      .filter((line) => line.startsWith('m='))
    assert.deepEqual(media, [
      'm=video 0 RTP/AVP 31',
      'm=audio 0 RTP/SAVP 0',
      'm=audio 20000 RTP/AVP 0',
      'm=image 0 udptl t38',
    ])
  })

  const directions: readonly [string, readonly string[], string][] = [
    ['hold by sendonly', ['a=sendonly'], 'recvonly'],
    ['receive only', ['a=recvonly'], 'sendonly'],
    ['inactive', ['a=inactive'], 'inactive'],
    ['hold by 0.0.0.0 (RFC 2543)', ['c=IN IP4 0.0.0.0'], 'recvonly'],
    ['hold by both', ['c=IN IP4 0.0.0.0', 'a=sendonly'], 'recvonly'],
    ['nothing said', [], 'sendrecv'],
  ]
  for (const [why, lines, want] of directions) {
    it(`answers ${want} to ${why}`, () => {
      const { sdp: text, agreed } = answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', ...lines))
      assert.equal(agreed.direction, want)
      assert.ok(text.includes(`\r\na=${want}\r\n`))
    })
  }

  it('takes direction and address from the session level where the media level says nothing', () => {
    const offer = sdp(...HEAD, 'a=sendonly', 'm=audio 4000 RTP/AVP 0', 'm=audio 5000 RTP/AVP 0', 'a=sendrecv')
    assert.equal(answer(offer).agreed.direction, 'recvonly')
    const own = sdp(...HEAD, 'a=sendonly', 'm=audio 4000 RTP/AVP 0', 'c=IN IP4 203.0.113.5', 'a=sendrecv')
    assert.deepEqual(answer(own).agreed.remote, { address: '203.0.113.5', port: 4000 })
    assert.equal(answer(own).agreed.direction, 'sendrecv')
  })

  it('sends nothing to 0.0.0.0', () => {
    const held = answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'c=IN IP4 0.0.0.0')).agreed
    assert.deepEqual([held.remote, held.remoteRtcp], [null, null])
  })

  it('takes up rtcp-mux and the port of a=rtcp only as offered', () => {
    const plain = answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'a=rtcp:4100 IN IP4 203.0.113.9'))
    assert.deepEqual(plain.agreed.remoteRtcp, { address: '203.0.113.9', port: 4100 })
    assert.ok(!plain.sdp.includes('rtcp-mux'))
    const muxed = answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'a=rtcp-mux'))
    assert.deepEqual(muxed.agreed.remoteRtcp, { address: '198.51.100.1', port: 4000 })
    assert.ok(muxed.sdp.includes('a=rtcp-mux'))
  })

  it('is made though a=rtcp names a number in place of an address', () => {
    const odd = answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'a=rtcp:9 IN IP4 18446744073709551616'))
    assert.deepEqual(odd.agreed.remoteRtcp, { address: '198.51.100.1', port: 9 })
  })

  it('sends packets of 10 ms where the far end takes no longer ones', () => {
    assert.equal(answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'a=maxptime:10')).agreed.ptimeMs, 10)
    assert.equal(answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'a=maxptime:150')).agreed.ptimeMs, 20)
  })

  it('maps dynamic payload types by name, and a telephone-event only with the clock of the codec', () => {
    const offer = sdp(
      ...HEAD,
      'm=audio 4000 RTP/AVP 111 97 98 99',
      'a=rtpmap:111 opus/48000/2',
      'a=rtpmap:97 telephone-event/48000',
      'a=rtpmap:98 pcmu/8000',
      'a=rtpmap:99 TELEPHONE-EVENT/8000',
    )
    const { agreed } = answer(offer)
    assert.deepEqual([agreed.codec, agreed.payloadType, agreed.telephoneEvent?.send], ['PCMU', 98, 99])
    assert.equal(answer(sdp(...HEAD, 'm=audio 4000 RTP/AVP 0')).agreed.telephoneEvent, null)
  })

  it('keeps its version while nothing changes, and counts up when something does', () => {
    const first = answer(OFFER).sdp
    assert.equal(answer(OFFER, LOCAL, first).sdp, first)
    const held = answer(OFFER.replace('a=ptime:30', 'a=sendonly'), LOCAL, first).sdp
    assert.match(held, /^o=- 77 2 /m)
    assert.match(answer(OFFER, LOCAL, held).sdp, /^o=- 77 3 /m)
  })

  it('reaches IPv6 from IPv6', () => {
    const offer = sdp(
      'v=0',
      'o=- 1 1 IN IP6 2001:DB8::1',
      's=-',
      'c=IN IP6 2001:0DB8:0::1',
      't=0 0',
      'm=audio 4000 RTP/AVP 0',
    )
    const { sdp: text, agreed } = answer(offer, { ...LOCAL, address: '2001:db8::2' })
    assert.deepEqual(agreed.remote, { address: '2001:db8::1', port: 4000 })
    assert.ok(text.includes('c=IN IP6 2001:db8::2'))
    assert.equal(codeOf(offer), 'sdp-no-common-address')
  })

  const refused: readonly [string, string, string][] = [
    ['is empty', '', 'sdp-malformed'],
    ['is no SDP', 'INVITE sip:x SIP/2.0\r\n', 'sdp-malformed'],
    ['has no origin', sdp('v=0', 's=-', 'm=audio 1 RTP/AVP 0'), 'sdp-malformed'],
    ['has a line without =', sdp(...HEAD, 'nonsense'), 'sdp-malformed'],
    ['has a broken media line', sdp(...HEAD, 'm=audio RTP/AVP 0'), 'sdp-malformed'],
    ['has a port above 65535', sdp(...HEAD, 'm=audio 70000 RTP/AVP 0'), 'sdp-malformed'],
    ['has a payload type above 127', sdp(...HEAD, 'm=audio 4000 RTP/AVP 128'), 'sdp-malformed'],
    ['is huge', sdp(...HEAD, `a=${'x'.repeat(20_000)}`), 'sdp-malformed'],
    ['has endless lines', sdp(...HEAD, ...Array.from({ length: 600 }, () => 'a=x')), 'sdp-malformed'],
    ['has endless media', sdp(...HEAD, ...Array.from({ length: 17 }, () => 'm=audio 1 RTP/AVP 0')), 'sdp-malformed'],
    ['has no media', sdp(...HEAD), 'sdp-no-audio'],
    ['has video only', sdp(...HEAD, 'm=video 4000 RTP/AVP 31'), 'sdp-no-audio'],
    ['has audio at port 0 only', sdp(...HEAD, 'm=audio 0 RTP/AVP 0'), 'sdp-no-audio'],
    [
      'has codecs of others only',
      sdp(...HEAD, 'm=audio 4000 RTP/AVP 18', 'a=rtpmap:18 G729/8000'),
      'sdp-no-common-codec',
    ],
    ['has PCMU at 16 kHz', sdp(...HEAD, 'm=audio 4000 RTP/AVP 96', 'a=rtpmap:96 PCMU/16000'), 'sdp-no-common-codec'],
    ['has an unknown transport', sdp(...HEAD, 'm=audio 4000 TCP/MRCPv2 1'), 'sdp-no-common-codec'],
    ['is encrypted only', sdp(...HEAD, 'm=audio 4000 RTP/SAVP 0'), 'sdp-srtp-required'],
    ['is WebRTC', sdp(...HEAD, 'm=audio 4000 UDP/TLS/RTP/SAVPF 0'), 'sdp-srtp-required'],
    ['is multicast', sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'c=IN IP4 224.2.1.1/127'), 'sdp-no-common-address'],
    ['names a host', sdp(...HEAD, 'm=audio 4000 RTP/AVP 0', 'c=IN IP4 phone.example.net'), 'sdp-no-common-address'],
  ]
  for (const [why, offer, code] of refused)
    it(`is refused with ${code} where the offer ${why}`, () => assert.equal(codeOf(offer), code))

  it('never throws, and never answers with other media lines than offered, whatever the offer', () => {
    const line = fc.oneof(
      fc.constantFrom(
        ...OFFER.split('\r\n'),
        'm=video 1 RTP/AVP 31',
        'a=rtcp-mux',
        'a=rtcp:0',
        'a=ptime:x',
        'm=audio 1 RTP/AVP',
      ),
      fc.string({ maxLength: 40 }).map((text) => `a=${text}`),
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const offer = sdp(...HEAD, ...lines)
        const answered = answerOffer(offer, LOCAL)
        if (!answered.ok) return
        const again = parseSdp(answered.value.sdp)
        const original = parseSdp(offer)
        assert.ok(again.ok && original.ok)
        assert.deepEqual(
          again.value.media.map(({ kind }) => kind),
          original.value.media.map(({ kind }) => kind),
        )
      }),
    )
  })
})

describe('Our own offer', () => {
  const accept = (ours: string, theirs: string): string => {
    const accepted = acceptAnswer(ours, theirs, LOCAL.codecs)
    return accepted.ok ? 'ok' : accepted.error.code
  }

  it('offers what is supported, in the order of the configuration', () => {
    assert.match(
      makeOffer({ ...LOCAL, codecs: supportedCodecs(['opus', 'PCMA', 'PCMU']) }),
      /m=audio 20000 RTP\/AVP 8 0 101/,
    )
  })

  it('agrees with the answer that the other side makes', () => {
    const ours = makeOffer(LOCAL)
    const theirs = answer(ours, { ...LOCAL, address: '198.51.100.2', rtpPort: 30_000, codecs: ['PCMA'] })
    const accepted = acceptAnswer(ours, theirs.sdp, LOCAL.codecs)
    assert.ok(accepted.ok)
    assert.equal(accepted.value.codec, 'PCMA')
    assert.deepEqual(accepted.value.remote, { address: '198.51.100.2', port: 30_000 })
    assert.deepEqual(accepted.value.telephoneEvent, { send: 101, receive: 101 })
    assert.deepEqual(
      accepted.value.receive.map(({ codec }) => codec),
      ['PCMU', 'PCMA'],
    )
  })

  it('keeps the places of rejected streams in a later offer, with a new version', () => {
    const before = answer(sdp(...HEAD, 'm=video 5000 RTP/AVP 31', 'm=audio 4000 RTP/AVP 0')).sdp
    const later = makeOffer({ ...LOCAL, direction: 'sendonly' }, before)
    assert.match(later, /^o=- 77 2 /m)
    assert.match(later, /m=video 0 RTP\/AVP 31\r\nm=audio 20000 RTP\/AVP 0 8 101/)
  })

  it('goes on with the session of another leg, at an address of its own: the origin names the session', () => {
    const before = answer(sdp(...HEAD, 'm=video 5000 RTP/AVP 31', 'm=audio 4000 RTP/AVP 0')).sdp
    const elsewhere = { ...LOCAL, address: '198.51.100.2', rtpPort: 30_000, sessionId: '99' }
    const later = makeOffer(elsewhere, before)
    assert.match(later, /^o=- 77 2 IN IP4 192\.0\.2\.10\r\n/m)
    assert.match(later, /^c=IN IP4 198\.51\.100\.2\r\n/m)
    assert.match(later, /m=video 0 RTP\/AVP 31\r\nm=audio 30000 /)
    assert.match(makeOffer(elsewhere, 'nonsense'), /^o=- 99 2 IN IP4 198\.51\.100\.2\r\n/m)
  })

  it('uses the telephone-event number of each side', () => {
    const theirs = sdp(...HEAD, 'm=audio 4000 RTP/AVP 0 110', 'a=rtpmap:110 telephone-event/8000')
    const accepted = acceptAnswer(makeOffer(LOCAL), theirs, LOCAL.codecs)
    assert.deepEqual(accepted.ok && accepted.value.telephoneEvent, { send: 110, receive: 101 })
  })

  it('refuses answers that do not fit it', () => {
    const ours = makeOffer(LOCAL)
    assert.equal(accept(ours, 'nonsense'), 'sdp-malformed')
    assert.equal(accept(ours, sdp(...HEAD)), 'sdp-malformed')
    assert.equal(accept(ours, sdp(...HEAD, 'm=audio 0 RTP/AVP 0')), 'sdp-no-audio')
    assert.equal(accept(ours, sdp(...HEAD, 'm=audio 4000 RTP/SAVP 0')), 'sdp-srtp-required')
    assert.equal(accept(ours, sdp(...HEAD, 'm=audio 4000 RTP/AVP 18')), 'sdp-no-common-codec')
  })
})

describe('Addresses in SDP', () => {
  it('are canonical unicast literals, the unspecified one, or refused', () => {
    assert.equal(parseAddress('192.0.2.1'), '192.0.2.1')
    assert.equal(parseAddress('2001:DB8:0:0::1'), '2001:db8::1')
    assert.equal(parseAddress('0.0.0.0'), null)
    assert.equal(parseAddress('::'), null)
    for (const bad of ['255.255.255.255', '239.1.1.1', 'ff02::1', '1.2.3', '1.2.3.400', 'a:b]x', ':', '']) {
      assert.equal(parseAddress(bad), undefined, bad)
    }
  })
})
