import assert from 'node:assert/strict'
import { parseUri } from '../../../lib/sip/uri.ts'
import { isSameUri } from '../../../lib/sip/uri-equality.ts'
import { unescapeUri } from '../../../lib/sip/uri-escapes.ts'
import { alone, type Fixture, sip, withSdp } from './fixture.ts'

const long = (word: string, times: number): string => word.repeat(times)

const VIA_SPELLINGS = [
  'Via',
  'v',
  'V',
  'Via',
  'ViA',
  'VIa',
  'VIA',
  'via',
  'viA',
  'vIa',
  'vIA',
  'V ',
  'v ',
  'Via  ',
  'v  ',
]

/** RFC 4475 §3.1.1: syntactically valid, however it looks. */
export const VALID: readonly Fixture[] = [
  {
    name: 'wsinv',
    section: '3.1.1.1',
    why: 'blanks, folds, compact forms, escapes and odd case wherever the grammar lets them stand',
    expected: 'accept',
    bytes: withSdp(
      sip(String.raw`
        INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
        TO :
         sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
        from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
          ;
          tag = 98asjd8
        MaX-fOrWaRdS: 0068
        Call-ID: wsinv.ndaksdj@192.0.2.1
        Content-Length   : 150
        cseq: 0009
          INVITE
        Via  : SIP  /   2.0
         /UDP
            192.0.2.2;branch=390skdjuw
        s :
        NewFangledHeader:   newfangled value
         continued newfangled value
        UnknownHeaderWithUnusualValue: ;;,,;;,;
        Content-Type: application/sdp
        Route:
         <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
        v:  SIP  / 2.0  / TCP     spindle.example.com   ;
          branch  =   z9hG4bK9ikj8  ,
         SIP  /    2.0   / UDP  192.168.255.111   ; branch=
         z9hG4bK30239
        m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
              newvalue ;
          secondparam ; q = 0.33
        `),
    ),
    check: (message) => {
      assert.equal(message.from().displayName, 'J Rosenberg \\"')
      assert.equal(message.to().params.get('tag'), '1918181833n')
      assert.equal(message.maxForwards, 68)
      assert.deepEqual(message.cseq(), { seq: 9, method: 'INVITE' })
      assert.deepEqual(
        message.vias().map(({ transport, host, params }) => [transport, host, params.get('branch')]),
        [
          ['UDP', '192.0.2.2', '390skdjuw'],
          ['TCP', 'spindle.example.com', 'z9hG4bK9ikj8'],
          ['UDP', '192.168.255.111', 'z9hG4bK30239'],
        ],
      )
      assert.equal(message.header('Subject'), '')
      assert.equal(message.header('NewFangledHeader'), 'newfangled value continued newfangled value')
      const contacts = message.contacts()
      assert.ok(contacts !== '*')
      assert.deepEqual([contacts[0]?.displayName, contacts[0]?.params.get('q')], ['Quoted string ""', '0.33'])
      assert.equal(message.body.length, 150)
    },
  },
  {
    name: 'intmeth',
    section: '3.1.1.2',
    why: 'every kind of character that is legal in methods, URIs, names and values, UTF-8 and quoted controls too',
    expected: 'accept',
    bytes: alone(
      sip(
        String.raw`
        !interesting-Method0123456789_*+~.%indeed' sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0
        Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+${'`'}'~
        To: "BEL:\\x07 NUL:\\x00 DEL:\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>
        From: token1~${'`'} token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%="работающий";tag=_token~1'+${'`'}*%!-.
        Call-ID: intmeth.word%ZK-!.*_+'@word${'`'}~)(><:\/"][?}{
        CSeq: 139122385 !interesting-Method0123456789_*+~.%indeed'
        Max-Forwards: 255
        extensionHeader-!.%*+_${'`'}'~:大停電
        Content-Length: 0
        `,
      ),
    ),
    check: (message) => {
      assert.ok(message.kind === 'request')
      const uri = message.requestUri()
      assert.ok('host' in uri)
      assert.equal(uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
      assert.equal(uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
      assert.equal(message.to().displayName, 'BEL:\x07 NUL:\0 DEL:\x7f')
      assert.equal(message.from().params.get("fromparam''~+*_!.-%"), 'работающий')
      assert.equal(message.header("extensionHeader-!.%*+_`'~"), '大停電')
    },
  },
  {
    name: 'esc01',
    section: '3.1.1.3',
    why: 'escapes in user, parameter names and values',
    expected: 'accept',
    bytes: withSdp(
      sip(`
        INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0
        To: sip:%75se%72@example.com
        From: <sip:I%20have%20spaces@example.net>;tag=938
        Max-Forwards: 87
        i: esc01.239409asdfakjkn23onasd0-3234
        CSeq: 234234 INVITE
        Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw
        C: application/sdp
        Contact:
          <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>
        Content-Length: 150
        `),
    ),
    check: (message) => {
      assert.ok(message.kind === 'request')
      const uri = message.requestUri()
      assert.ok('host' in uri && uri.user !== undefined)
      assert.deepEqual([uri.host, unescapeUri(uri.user)], ['example.net', 'sips:user@example.com'])
      const [to, plain] = [parseUri(message.to().uri), parseUri('sip:user@example.com')]
      assert.ok(to !== undefined && plain !== undefined && isSameUri(to, plain))
    },
  },
  {
    name: 'escnull',
    section: '3.1.1.4',
    why: 'escaped NULs in URIs, which end no string',
    expected: 'accept',
    bytes: alone(
      sip(`
        REGISTER sip:example.com SIP/2.0
        To: sip:null-%00-null@example.com
        From: sip:null-%00-null@example.com;tag=839923423
        Max-Forwards: 70
        Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd
        CSeq: 14398234 REGISTER
        Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
        Contact: <sip:%00@host5.example.com>
        Contact: <sip:%00%00@host5.example.com>
        L:0
        `),
    ),
    check: (message) => {
      const contacts = message.contacts()
      assert.ok(contacts !== '*')
      const [one, two] = contacts.map(({ uri }) => parseUri(uri))
      assert.ok(one !== undefined && two !== undefined && !isSameUri(one, two))
    },
  },
  {
    name: 'esc02',
    section: '3.1.1.5',
    why: 'percent signs where they escape nothing: in methods, names and tokens',
    expected: 'accept',
    bytes: alone(
      sip(`
        RE%47IST%45R sip:registrar.example.com SIP/2.0
        To: "%Z%45" <sip:resource@example.com>
        From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23
        Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf
        Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234
        CSeq: 29344 RE%47IST%45R
        Max-Forwards: 70
        Contact: <sip:alias1@host1.example.com>
        C%6Fntact: <sip:alias2@host2.example.com>
        Contact: <sip:alias3@host3.example.com>
        l: 0
        `),
    ),
    check: (message) => {
      assert.ok(message.kind === 'request')
      assert.equal(message.method, 'RE%47IST%45R')
      assert.equal(message.from().displayName, '%Z%45')
      assert.equal(message.contacts().length, 2)
    },
  },
  {
    name: 'lwsdisp',
    section: '3.1.1.6',
    why: 'no blank between the display name and the bracket',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS sip:user@example.com SIP/2.0
        To: sip:user@example.com
        From: caller<sip:caller@example.com>;tag=323
        Max-Forwards: 70
        Call-ID: lwsdisp.1234abcd@funky.example.com
        CSeq: 60 OPTIONS
        Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw
        l: 0
        `),
    ),
    check: (message) => assert.equal(message.from().displayName, 'caller'),
  },
  {
    name: 'longreq',
    section: '3.1.1.7',
    why: 'names and values of hundreds of characters, and many Vias',
    expected: 'accept',
    bytes: withSdp(
      sip(`
        INVITE sip:user@example.com SIP/2.0
        To: "I have a user name of ${long('extreme', 10)} proportion"<sip:user@example.com:6000;unknownparam1=very${long('long', 20)}value;longparam${long('name', 25)}=shortvalue;very${long('long', 24)}ParameterNameWithNoValue>
        F: sip:${long('amazinglylongcallername', 5)}@example.net;tag=12${long('982', 50)}424;unknownheaderparam${long('name', 20)}=unknowheaderparam${long('value', 15)};unknownValueless${long('paramname', 10)}
        Call-ID: longreq.one${long('really', 20)}longcallid
        CSeq: 3882340 INVITE
        Unknown-${long('Long', 20)}-Name: unknown-${long('long', 20)}-value; unknown-${long('long', 20)}-parameter-name = unknown-${long('long', 20)}-parameter-value
        ${VIA_SPELLINGS.map((name, i) => `${name}: SIP/2.0/TCP sip${33 - i}.example.com`).join('\n        ')}
        ${Array.from({ length: 18 }, (_, i) => `Via: SIP/2.0/TCP sip${18 - i}.example.com`).join('\n        ')}
        Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=very${long('long', 50)}branchvalue
        Max-Forwards: 70
        Contact: <sip:${long('amazinglylongcallername', 5)}@host5.example.net>
        Content-Type: application/sdp
        l: 150
        `),
    ),
    check: (message) => {
      assert.equal(message.vias().length, 34)
      assert.equal(message.from().params.get('tag')?.length, 155)
      assert.match(message.to().displayName ?? '', /^I have a user name of (extreme){10} proportion$/)
    },
  },
  {
    name: 'dblreq',
    section: '3.1.1.8',
    why: 'a second request in the same datagram, which is to be ignored',
    expected: 'accept',
    bytes: Buffer.concat([
      alone(
        sip(`
        REGISTER sip:example.com SIP/2.0
        To: sip:j.user@example.com
        From: sip:j.user@example.com;tag=43251j3j324
        Max-Forwards: 8
        I: dblreq.0ha0isndaksdj99sdfafnl3lk233412
        Contact: sip:j.user@host.example.com
        CSeq: 8 REGISTER
        Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492
        Content-Length: 0
        `),
      ),
      Buffer.from('\r\nINVITE sip:joe@example.com SIP/2.0\r\nt: sip:joe@example.com\r\n\r\n'),
    ]),
    check: (message) => assert.equal(message.body.length, 0),
  },
  {
    name: 'semiuri',
    section: '3.1.1.9',
    why: 'a semicolon and an escaped at sign in the user part',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0
        To: sip:j_user@example.com
        From: sip:caller@example.org;tag=33242
        Max-Forwards: 3
        Call-ID: semiuri.0ha0isndaksdj
        CSeq: 8 OPTIONS
        Accept: application/sdp, application/pkcs7-mime,
                multipart/mixed, multipart/signed,
                message/sip, message/sipfrag
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw
        l: 0
        `),
    ),
    check: (message) => {
      assert.ok(message.kind === 'request')
      const uri = message.requestUri()
      assert.ok('host' in uri)
      assert.deepEqual([uri.user, uri.host, uri.params.size], ['user;par=u%40example.net', 'example.com', 0])
      assert.equal(message.values('Accept').length, 6)
    },
  },
  {
    name: 'transports',
    section: '3.1.1.10',
    why: 'Vias of transports we have and have not',
    expected: 'accept',
    bytes: alone(
      sip(`
        OPTIONS sip:user@example.com SIP/2.0
        To: sip:user@example.com
        From: <sip:caller@example.com>;tag=323
        Max-Forwards: 70
        Call-ID:  transports.kijh4akdnaqjkwendsasfdj
        Accept: application/sdp
        CSeq: 60 OPTIONS
        Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw
        Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf
        Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj
        Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en
        Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee
        l: 0
        `),
    ),
    check: (message) => {
      const transports = message.vias().map(({ transport }) => transport)
      assert.deepEqual(transports, ['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP'])
    },
  },
  {
    name: 'mpart01',
    section: '3.1.1.11',
    why: 'a body of several parts with binary content and line ends of its own',
    expected: 'accept',
    bytes: (() => {
      const text =
        '--7a9cbec0\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec0\r\nContent-Type: application/octet-stream\r\n\r\n'
      const binary = Buffer.from('3082015206092a864886f70d010702a0000d0a0d0afffe00c3', 'hex')
      const body = Buffer.concat([Buffer.from(text), binary, Buffer.from('\r\n--7a9cbec0--\r\n')])
      const head = sip(`
        MESSAGE sip:kumiko@example.org SIP/2.0
        Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-;rport
        Max-Forwards: 70
        Route: <sip:127.0.0.1:5080>
        Identity: r5mwreLuyDRYBi/0TiPwEsY3rEVsk/G2WxhgTV1PF7hHuLIK0YWVKZhKv9Mj8UeXqkMVbnVq37CD+813gvYjcBUaZngQmXc9WNZSDNGCzA=
        Contact: <sip:fluffy@127.0.0.1:5070>
        To: <sip:kumiko@example.org>
        From: <sip:fluffy@example.com>;tag=2fb0dcc9
        Call-ID: 3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..
        CSeq: 1 MESSAGE
        Content-Transfer-Encoding: binary
        Content-Type: multipart/mixed;boundary=7a9cbec0
        Date: Sat, 15 Oct 2005 04:44:56 GMT
        User-Agent: SIPimp.org/0.2.5 (curses)
        Content-Length: ${body.length}
        `)
      return Buffer.concat([head, Buffer.from('\r\n'), body])
    })(),
    check: (message) => assert.ok(message.body.includes(Buffer.from('0d0a0d0afffe00c3', 'hex'))),
  },
  {
    name: 'unreason',
    section: '3.1.1.12',
    why: 'a reason phrase in UTF-8 that is not the usual one',
    expected: 'accept',
    bytes: withSdp(
      sip(`
        SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое
        Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
        Call-ID: unreason.1234ksdfak3j2erwedfsASdf
        CSeq: 35 INVITE
        From: sip:user@example.com;tag=11141343
        To: sip:user@example.edu;tag=2229
        Content-Length: 150
        Content-Type: application/sdp
        Contact: <sip:user@host198.example.com>
        `),
    ),
    check: (message) => {
      assert.ok(message.kind === 'response')
      assert.equal(message.reason, '= 2**3 * 5**2 но сто девяносто девять - простое')
    },
  },
  {
    name: 'noreason',
    section: '3.1.1.13',
    why: 'no reason phrase',
    expected: 'accept',
    bytes: alone(
      sip(`
        SIP/2.0 100${' '}
        Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe
        Call-ID: noreason.asndj203insdf99223ndf
        CSeq: 35 INVITE
        From: <sip:user@example.com>;tag=39ansfi3
        To: <sip:user@example.edu>;tag=902jndnke3
        Content-Length: 0
        Contact: <sip:user@host105.example.com>
        `),
    ),
    check: (message) => assert.ok(message.kind === 'response' && message.reason === ''),
  },
]
