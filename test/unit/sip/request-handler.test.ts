import assert from 'node:assert/strict'
import { directInstruction, handlerFault, handlerOf, readInstruction } from '../../../lib/sip/request-handler.ts'

const handler = (url: string, sipMethod = '*') => ({ sipMethod, httpMethod: 'GET', url }) as const

describe('request handlers', () => {
  it('are found by method, then by the star', () => {
    const [all, invite] = [handler('tcp://a:1'), handler('tcp://b:1', 'invite')]
    assert.equal(handlerOf([all, invite], 'INVITE'), invite)
    assert.equal(handlerOf([all, invite], 'MESSAGE'), all)
    assert.equal(handlerOf([invite], 'MESSAGE'), undefined)
  })

  const faulty: readonly (readonly [string, boolean])[] = [
    ['http://127.0.0.1:8080/x', false],
    ['https://routes.example.net', false],
    ['tcp://127.0.0.1:3001', false],
    ['tls://[::1]:3001', false],
    ['tcp://127.0.0.1', true],
    ['tcp://127.0.0.1:70000', true],
    ['http://', true],
    ['file:///etc/passwd', true],
  ]
  for (const [url, want] of faulty) {
    it(`${want ? 'refuse' : 'take'} ${url}`, () => assert.equal(handlerFault(handler(url)) !== undefined, want))
  }

  it('may name the application itself', () => {
    assert.deepEqual(directInstruction(handler('tls://[::1]:3001')), {
      kind: 'connect',
      host: '::1',
      port: 3001,
      transport: 'tls',
    })
    assert.equal(directInstruction(handler('http://127.0.0.1')), undefined)
  })
})

describe('what a request handler answers', () => {
  const said: readonly (readonly [string, unknown, unknown])[] = [
    [
      'a route to an address',
      { action: 'route', data: { uri: '127.0.0.1:3001;transport=tls' } },
      { kind: 'connect', host: '127.0.0.1', port: 3001, transport: 'tls' },
    ],
    ['a route by tag', { action: 'route', data: { tag: 'blue' } }, { kind: 'tag', tag: 'blue' }],
    ['a refusal', { action: 'reject', data: { status: 486 } }, { kind: 'reject', status: 486, reason: undefined }],
    [
      'a redirection',
      { action: 'redirect', data: { contact: 'sip:a@192.0.2.1' } },
      { kind: 'redirect', contacts: ['sip:a@192.0.2.1'] },
    ],
    [
      'a proxy with the defaults of drachtio-server',
      { action: 'proxy', data: { destination: ['sip:a@192.0.2.1', 'sip:b@192.0.2.2'] } },
      {
        kind: 'proxy',
        fields: ['', '', 'followRedirects', 'serial', '5s', '60s', 'sip:a@192.0.2.1', 'sip:b@192.0.2.2'],
      },
    ],
  ]
  for (const [what, answer, want] of said) {
    it(`may be ${what}`, () => assert.deepEqual(readInstruction(JSON.stringify(answer)), { ok: true, value: want }))
  }

  const nonsense: readonly unknown[] = [
    [],
    'text',
    {},
    { action: 'route' },
    { action: 'route', data: {} },
    { action: 'route', data: { uri: 'no port' } },
    { action: 'route', data: { uri: '127.0.0.1:3001;transport=udp' } },
    { action: 'reject', data: { status: '486' } },
    { action: 'reject', data: { status: 700 } },
    { action: 'redirect', data: { contact: [] } },
    { action: 'redirect', data: { contact: [1] } },
    { action: 'proxy', data: {} },
    { action: 'proxy', data: { destination: Array.from({ length: 61 }, () => 'sip:a@192.0.2.1') } },
  ]
  for (const answer of nonsense) {
    it(`is not ${JSON.stringify(answer).slice(0, 60)}`, () =>
      assert.equal(readInstruction(JSON.stringify(answer)).ok, false))
  }
})
