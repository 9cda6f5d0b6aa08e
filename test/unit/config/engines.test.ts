import assert from 'node:assert/strict'
import { parseMediaEngine, parsePostgres, parseRedis, parseSipEngine } from '../../../lib/config/engines.ts'

describe('an engine', () => {
  it('is embedded, or a server named by a URL with its secret', () => {
    assert.deepEqual(parseSipEngine('embedded'), { kind: 'embedded' })
    assert.deepEqual(parseSipEngine('drachtio://:cymru@127.0.0.1'), {
      kind: 'drachtio',
      servers: [{ host: '127.0.0.1', port: 9022 }],
      secret: 'cymru',
      tls: false,
      ca: null,
    })
    assert.deepEqual(parseMediaEngine('freeswitch://:Clue%40Con@media.example.net'), {
      kind: 'freeswitch',
      servers: [{ host: 'media.example.net', port: 8021, secret: 'Clue@Con' }],
    })
    assert.equal(parseSipEngine('freeswitch://:x@127.0.0.1'), undefined)
    assert.equal(parseSipEngine('drachtio://:%E0%A4%A@127.0.0.1'), undefined)
  })

  it('is one of several drachtio-servers, over TLS where that is asked for', () => {
    assert.deepEqual(parseSipEngine('drachtios://:a%40b@sip1.example.net,[::1]:9999?ca=%2Fetc%2Fca.pem'), {
      kind: 'drachtio',
      servers: [
        { host: 'sip1.example.net', port: 9023 },
        { host: '::1', port: 9999 },
      ],
      secret: 'a@b',
      tls: true,
      ca: '/etc/ca.pem',
    })
  })

  const NONE: readonly (readonly [why: string, text: string])[] = [
    ['without a secret', 'drachtio://127.0.0.1'],
    ['with an empty secret', 'drachtio://:@127.0.0.1'],
    ['with a secret that the wire protocol would cut', 'drachtio://:a%7Cb@127.0.0.1'],
    ['without a host', 'drachtio://:s@'],
    ['with a hole in the list', 'drachtio://:s@a,,b'],
    ['with a port that is none', 'drachtio://:s@a:99999'],
    ['with an authority and no TLS', 'drachtio://:s@a?ca=x.pem'],
    ['with an escape that is no text', 'drachtio://:%E0%A4%41@a'],
  ]
  for (const [why, text] of NONE) {
    it(`is no drachtio-server ${why}`, () => assert.equal(parseSipEngine(text), undefined))
  }

  it('is several FreeSWITCH servers that share a secret, each named once', () => {
    assert.deepEqual(parseMediaEngine('freeswitch://:s@192.0.2.1,192.0.2.2:8022,[2001:db8::1]:8021'), {
      kind: 'freeswitch',
      servers: [
        { host: '192.0.2.1', port: 8021, secret: 's' },
        { host: '192.0.2.2', port: 8022, secret: 's' },
        { host: '2001:db8::1', port: 8021, secret: 's' },
      ],
    })
    for (const text of [
      'freeswitch://:s@a,a',
      'freeswitch://:s@a,,b',
      'freeswitch://a',
      'freeswitch://:s@',
      'drachtio://:s@a',
    ]) {
      assert.equal(parseMediaEngine(text), undefined, text)
    }
  })

  it('stores records in the data folder or on a server', () => {
    assert.deepEqual(parsePostgres('embedded'), { kind: 'embedded' })
    assert.deepEqual(parsePostgres('postgres://tandem@db/calls'), { kind: 'server', url: 'postgres://tandem@db/calls' })
    assert.equal(parsePostgres('mysql://db/calls'), undefined)
  })

  const REDIS: readonly (readonly [text: string, want: unknown])[] = [
    ['embedded', { kind: 'embedded' }],
    ['redis://127.0.0.1:6379', { kind: 'server', url: 'redis://127.0.0.1:6379' }],
    ['rediss://cache.example.net', { kind: 'server', url: 'rediss://cache.example.net' }],
    [
      'redis+sentinel://h1,h2:26380/main',
      {
        kind: 'sentinel',
        hosts: [
          { host: 'h1', port: 26_379 },
          { host: 'h2', port: 26_380 },
        ],
        name: 'main',
        password: null,
      },
    ],
    [
      'redis+cluster://:pass@h1,h2',
      {
        kind: 'cluster',
        hosts: [
          { host: 'h1', port: 6_379 },
          { host: 'h2', port: 6_379 },
        ],
        password: 'pass',
      },
    ],
    ['redis+sentinel://h1,h2', undefined],
    ['redis+cluster://h1/name', undefined],
    ['redis://', undefined],
    ['memcached://h1', undefined],
  ]
  for (const [text, want] of REDIS) {
    it(`${want === undefined ? 'refuses' : 'reads'} ${text} as shared state`, () => {
      assert.deepEqual(parseRedis(text), want)
    })
  }
})
