import assert from 'node:assert/strict'
import { parseCredentials } from '../../../lib/sip/digest.ts'
import { parseMediaType } from '../../../lib/sip/media-type.ts'
import { parseUri } from '../../../lib/sip/uri.ts'
import { branchOf } from '../../../lib/sip/via.ts'
import { alone, type Fixture, sip, withSdp } from './fixture.ts'

/**
 * RFC 4475 §3.2, §3.3 and §3.4: what the transaction and the application above the parser have to judge. Only what cannot
 * be a message at all is refused here; 416, 420, 415, 483 and the like are given by those above, who find here what they
 * need for it.
 */
export const SEMANTICS: readonly Fixture[] = [
  {
    name: 'badbranch',
    section: '3.2.1',
    why: 'a branch that is the cookie and nothing else',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS sip:user@example.com SIP/2.0
        To: sip:user@example.com
        From: sip:caller@example.org;tag=33242
        Max-Forwards: 3
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK
        Accept: application/sdp
        Call-ID: badbranch.sadonfo23i420jv0as0derf3j3n
        CSeq: 8 OPTIONS
        l: 0
        `),
    ),
    check: (message) => assert.equal(branchOf(message.topVia()), 'z9hG4bK'),
  },
  {
    name: 'insuf',
    section: '3.3.1',
    why: 'no Call-ID, From or To',
    expected: 400,
    bytes: withSdp(
      sip(`
        INVITE sip:user@example.com SIP/2.0
        CSeq: 193942 INVITE
        Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf
        Content-Type: application/sdp
        l: 150
        `),
    ),
  },
  {
    name: 'unkscm',
    section: '3.3.2',
    why: 'a Request-URI of a scheme nobody knows, for the UAS to answer 416',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0
        To: sip:user@example.com
        From: sip:caller@example.net;tag=384
        Max-Forwards: 3
        Call-ID: unkscm.nasdfasser0q239nwsdfasdkl34
        CSeq: 3923423 OPTIONS
        Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
        Content-Length: 0
        `),
    ),
    check: (message) => {
      assert.ok(message.kind === 'request')
      assert.equal(message.requestUri().scheme, 'nobodyknowsthisscheme')
    },
  },
  {
    name: 'novelsc',
    section: '3.3.3',
    why: 'a Request-URI of a scheme that is known, but not for this',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0
        To: sip:user@example.com
        From: sip:caller@example.net;tag=384
        Max-Forwards: 3
        Call-ID: novelsc.asdfasser0q239nwsdfasdkl34
        CSeq: 3923423 OPTIONS
        Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
        Content-Length: 0
        `),
    ),
  },
  {
    name: 'unksm2',
    section: '3.3.4',
    why: 'other schemes in To, From and Contact',
    expected: 'accept',
    bytes: alone(
      sip(`
        REGISTER sip:example.com SIP/2.0
        To: isbn:2983792873
        From: <http://www.example.com>;tag=3234233
        Call-ID: unksm2.daksdj@hyphenated-host.example.com
        CSeq: 234902 REGISTER
        Max-Forwards: 70
        Via: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKkdjuw
        Contact: <name:John_Smith>
        l: 0
        `),
    ),
    check: (message) => {
      const contacts = message.contacts()
      assert.deepEqual([message.to().uri, message.from().uri], ['isbn:2983792873', 'http://www.example.com'])
      assert.ok(contacts !== '*' && contacts[0]?.uri === 'name:John_Smith')
    },
  },
  {
    name: 'bext01',
    section: '3.3.5',
    why: 'extensions that are required and unknown, for the UAS to answer 420',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS sip:user@example.com SIP/2.0
        To: sip:j_user@example.com
        From: sip:caller@example.net;tag=242etr
        Max-Forwards: 6
        Call-ID: bext01.0ha0isndaksdj
        Require: nothingSupportsThis, nothingSupportsThisEither
        Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis
        CSeq: 8 OPTIONS
        Via: SIP/2.0/TLS fold-and-staple.example.com;branch=z9hG4bKkdjuw
        Content-Length: 0
        `),
    ),
    check: (message) =>
      assert.deepEqual(message.values('require'), ['nothingSupportsThis', 'nothingSupportsThisEither']),
  },
  {
    name: 'invut',
    section: '3.3.6',
    why: 'a body of a type nobody knows, for the UAS to answer 415',
    expected: 'accept',
    bytes: Buffer.concat([
      sip(`
        INVITE sip:user@example.com SIP/2.0
        Contact: <sip:caller@host5.example.net>
        To: sip:j.user@example.com
        From: sip:caller@example.net;tag=8392034
        Max-Forwards: 70
        Call-ID: invut.0ha0isndaksdjadsfij34n23d
        CSeq: 235448 INVITE
        Via: SIP/2.0/UDP somehost.example.com;branch=z9hG4bKkdjuw
        Content-Type: application/unknownformat
        Content-Length: 40
        `),
      Buffer.from('\r\n<audio>\r\n <pcmu port="443"/>\r\n</audio>\r\n'),
    ]),
    check: (message) => {
      assert.equal(parseMediaType(message.header('c') ?? '')?.type, 'application/unknownformat')
      assert.equal(message.body.length, 40)
    },
  },
  {
    name: 'regaut01',
    section: '3.3.7',
    why: 'credentials of a scheme nobody knows, which count as none',
    expected: 'accept',
    bytes: alone(
      sip(`
        REGISTER sip:example.com SIP/2.0
        To: sip:j.user@example.com
        From: sip:j.user@example.com;tag=87321hj23128
        Max-Forwards: 8
        Call-ID: regaut01.0ha0isndaksdj
        CSeq: 9338 REGISTER
        Via: SIP/2.0/TCP 192.0.2.253;branch=z9hG4bKkdjuw
        Authorization: NoOneKnowsThisScheme opaque-data=here
        Content-Length:0
        `),
    ),
    check: (message) => assert.equal(parseCredentials(message.header('Authorization') ?? ''), undefined),
  },
  {
    name: 'multi01',
    section: '3.3.8',
    why: 'several values of headers that have one',
    expected: 400,
    bytes: withSdp(
      sip(`
        INVITE sip:user@company.com SIP/2.0
        Contact: <sip:caller@host25.example.net>
        Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw
        Max-Forwards: 70
        CSeq: 5 INVITE
        Call-ID: multi01.98asdh@192.0.2.1
        CSeq: 59 INVITE
        Call-ID: multi01.98asdh@192.0.2.2
        From: sip:caller@example.com;tag=3413415
        To: sip:user@example.com
        To: sip:other@example.net
        From: sip:caller@example.net;tag=2923420123
        Content-Type: application/sdp
        l: 150
        Contact: <sip:caller@host36.example.net>
        Max-Forwards: 5
        `),
    ),
  },
  {
    name: 'mcl01',
    section: '3.3.9',
    why: 'two Content-Lengths that contradict each other',
    expected: 400,
    bytes: Buffer.concat([
      sip(`
        OPTIONS sip:user@example.com SIP/2.0
        Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bK293423
        To: sip:user@example.com
        From: sip:other@example.net;tag=3923942
        Call-ID: mcl01.fhn2323orihawfdoa3o4r52o3irsdf
        CSeq: 15932 OPTIONS
        Content-Length: 13
        Max-Forwards: 60
        Content-Length: 5
        Content-Type: text/plain
        `),
      Buffer.from("\r\nThere's no way to know how many octets are supposed to be here.\r\n"),
    ]),
  },
  {
    name: 'bcast',
    section: '3.3.10',
    why: 'a response whose second Via is the broadcast address; the transaction above finds that it is not ours',
    expected: 'accept',
    bytes: withSdp(
      sip(`
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
        Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23
        Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf
        CSeq: 35 INVITE
        From: sip:user@example.com;tag=11141343
        To: sip:user@example.edu;tag=2229
        Content-Length: 150
        Content-Type: application/sdp
        Contact: <sip:user@host28.example.com>
        `),
    ),
    check: (message) => assert.equal(message.vias()[1]?.host, '255.255.255.255'),
  },
  {
    name: 'zeromf',
    section: '3.3.11',
    why: 'Max-Forwards 0, which a UAS answers like any other',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS sip:user@example.com SIP/2.0
        To: sip:user@example.com
        From: sip:caller@example.net;tag=3ghsd41
        Call-ID: zeromf.jfasdlfnm2o2l43r5u0asdfas
        CSeq: 39234321 OPTIONS
        Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw2349i
        Max-Forwards: 0
        Content-Length: 0
        `),
    ),
    check: (message) => assert.equal(message.maxForwards, 0),
  },
  {
    name: 'cparam01',
    section: '3.3.12',
    why: 'a parameter of the Contact header, as there are no brackets',
    expected: 'accept',
    bytes: alone(
      sip(`
        REGISTER sip:example.com SIP/2.0
        Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw
        Max-Forwards: 70
        From: sip:watson@example.com;tag=DkfVgjkrtMwaerKKpe
        To: sip:watson@example.com
        Call-ID: cparam01.70710@saturn.example.com
        CSeq: 2 REGISTER
        Contact: sip:+19725552222@gw1.example.net;unknownparam
        l: 0
        `),
    ),
    check: (message) => {
      const contacts = message.contacts()
      assert.ok(contacts !== '*')
      assert.equal(contacts[0]?.uri, 'sip:+19725552222@gw1.example.net')
      assert.equal(contacts[0]?.params.has('unknownparam'), true)
    },
  },
  {
    name: 'cparam02',
    section: '3.3.13',
    why: 'a parameter of the URI, as there are brackets',
    expected: 'accept',
    bytes: alone(
      sip(`
        REGISTER sip:example.com SIP/2.0
        Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw
        Max-Forwards: 70
        From: sip:watson@example.com;tag=838293
        To: sip:watson@example.com
        Call-ID: cparam02.70710@saturn.example.com
        CSeq: 3 REGISTER
        Contact: <sip:+19725552222@gw1.example.net;unknownparam>
        l: 0
        `),
    ),
    check: (message) => {
      const contacts = message.contacts()
      assert.ok(contacts !== '*')
      const uri = parseUri(contacts[0]?.uri ?? '')
      assert.ok(uri !== undefined && 'host' in uri && uri.params.has('unknownparam'))
      assert.equal(contacts[0]?.params.size, 0)
    },
  },
  {
    name: 'regescrt',
    section: '3.3.14',
    why: 'a Contact whose URI has a Route escaped in it, kept as it is',
    expected: 'accept',
    bytes: alone(
      sip(`
        REGISTER sip:example.com SIP/2.0
        To: sip:user@example.com
        From: sip:user@example.com;tag=8
        Max-Forwards: 70
        Call-ID: regescrt.k345asrl3fdbv@192.0.2.1
        CSeq: 14398234 REGISTER
        Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
        M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>
        L:0
        `),
    ),
    check: (message) => {
      const contacts = message.contacts()
      assert.ok(contacts !== '*')
      const uri = parseUri(contacts[0]?.uri ?? '')
      assert.ok(uri !== undefined && 'host' in uri)
      assert.deepEqual(uri.headers, [['Route', '%3Csip:sip.example.com%3E']])
    },
  },
  {
    name: 'sdp01',
    section: '3.3.15',
    why: 'an Accept that no answer of ours can meet, for the UAS to answer 406',
    expected: 'accept',
    bytes: withSdp(
      sip(`
        INVITE sip:user@example.com SIP/2.0
        To: sip:j_user@example.com
        Contact: <sip:caller@host15.example.net>
        From: sip:caller@example.net;tag=234
        Max-Forwards: 5
        Call-ID: sdp01.ndaksdj9342dasdd
        Accept: text/nobodyKnowsThis
        CSeq: 8 INVITE
        Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw
        Content-Length: 150
        Content-Type: application/sdp
        `),
    ),
    check: (message) => assert.equal(parseMediaType(message.header('Accept') ?? '')?.type, 'text/nobodyknowsthis'),
  },
  {
    name: 'inv2543',
    section: '3.4.1',
    why: 'an INVITE of RFC 2543: no branch, tag, Max-Forwards or Content-Length',
    expected: 'accept',
    bytes: withSdp(
      sip(`
        INVITE sip:UserB@example.com SIP/2.0
        Via: SIP/2.0/UDP iftgw.example.com
        From: <sip:+13035551111@ift.client.example.net;user=phone>
        Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
        To: sip:+16505552222@ss1.example.net;user=phone
        Call-ID: inv2543.1717@ift.client.example.com
        CSeq: 56 INVITE
        Content-Type: application/sdp
        `),
    ),
    check: (message) => {
      assert.equal(message.body.length, 150)
      assert.equal(message.recordRoutes().length, 1)
      assert.equal(message.maxForwards, undefined)
    },
  },
]
