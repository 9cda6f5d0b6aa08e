import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { MAX_PROXY_DESTINATIONS, readProxyCommand } from '../../../lib/sip/proxy-command.ts'
import {
  type Forwarding,
  forwardRequest,
  isLooped,
  loopBranch,
  loopHash,
  maxBreadth,
  recordRouteOf,
} from '../../../lib/sip/proxy-request.ts'
import { redirectTargets, withAllChallenges } from '../../../lib/sip/proxy-response.ts'
import { isSecured, passThrough, securedHop } from '../../../lib/sip/proxy-route.ts'
import { RouteTokens } from '../../../lib/sip/route-token.ts'

function requestOf(method: string, uri: string, ...headers: string[]): SipRequest {
  const lines = [
    `${method} ${uri} SIP/2.0`,
    'Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1',
    'From: <sip:alice@example.com>;tag=a',
    'To: <sip:bob@example.com>',
    'Call-ID: c1',
    `CSeq: 1 ${method}`,
    ...headers,
    'Content-Length: 0',
  ]
  const parsed = parseMessage(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`))
  assert.ok(parsed.ok && parsed.value.kind === 'request')
  return parsed.value
}

function responseOf(status: number, ...headers: string[]): SipResponse {
  const request = requestOf('INVITE', 'sip:bob@example.com', ...headers)
  const text = request
    .serialize()
    .toString()
    .replace(/^.*\r\n/, `SIP/2.0 ${status} Whatever\r\n`)
  const parsed = parseMessage(Buffer.from(text))
  assert.ok(parsed.ok && parsed.value.kind === 'response')
  return parsed.value
}

const local = { protocol: 'udp', host: '192.0.2.1', port: 5060 } as const
const FORWARDING: Forwarding = {
  uri: 'sip:bob@198.51.100.1',
  routes: [],
  recordRoutes: [],
  breadth: 60,
  headers: [],
  local,
  branch: 'z9hG4bKours',
}

function forwarded(request: SipRequest, changes: Partial<Forwarding> = {}): SipRequest {
  const result = forwardRequest(request, { ...FORWARDING, ...changes })
  assert.ok(result.ok)
  return result.value
}

describe('a request that is proxied', () => {
  it('has its target, a hop less and our Via on top', () => {
    const request = forwarded(requestOf('INVITE', 'sip:bob@example.com', 'Max-Forwards: 5'))
    assert.equal(request.uri, 'sip:bob@198.51.100.1')
    assert.equal(request.maxForwards, 4)
    assert.equal(request.header('Max-Breadth'), '60')
    assert.deepEqual(
      request.vias().map(({ host, params }) => `${host} ${params.get('branch')}`),
      ['192.0.2.1 z9hG4bKours', '192.0.2.9 z9hG4bK-1'],
    )
  })

  it('gets 70 hops where it does not say', () => {
    assert.equal(forwarded(requestOf('INVITE', 'sip:bob@example.com')).maxForwards, 70)
  })

  it('has our Record-Route before those it came with, and a REGISTER a Path', () => {
    const recordRoutes = [recordRouteOf(local, ';lr', false)]
    const invite = forwarded(requestOf('INVITE', 'sip:b@example.com', 'Record-Route: <sip:192.0.2.7;lr>'), {
      recordRoutes,
    })
    assert.deepEqual(invite.values('Record-Route'), ['<sip:192.0.2.1:5060;lr>', '<sip:192.0.2.7;lr>'])
    const register = forwarded(requestOf('REGISTER', 'sip:example.com', 'Require: foo'), { recordRoutes })
    assert.deepEqual(register.values('Path'), ['<sip:192.0.2.1:5060;lr>'])
    assert.deepEqual(register.values('Require'), ['foo', 'path'])
    assert.equal(register.has('Record-Route'), false)
  })

  it('keeps the rest of its route, and what an application sets takes the place of what stood there', () => {
    const request = forwarded(requestOf('INVITE', 'sip:b@example.com', 'Route: <sip:192.0.2.1;lr>', 'X-A: 1'), {
      routes: ['<sip:192.0.2.8;lr>'],
      headers: [['x-a', '2']],
    })
    assert.deepEqual(request.values('Route'), ['<sip:192.0.2.8;lr>'])
    assert.deepEqual(request.headers('X-A'), ['2'])
    assert.equal(forwarded(request, { routes: [] }).has('Route'), false)
  })

  it('is refused where an application would smuggle a line in', () => {
    const request = requestOf('INVITE', 'sip:b@example.com')
    assert.equal(forwardRequest(request, { ...FORWARDING, headers: [['X-A', 'a\r\nVia: b']] }).ok, false)
  })

  it('loops when it comes again unchanged, and spirals with another Request-URI', () => {
    const request = requestOf('INVITE', 'sip:bob@example.com')
    const hash = loopHash(request)
    const again = forwarded(request, { uri: request.uri, branch: loopBranch('z9hG4bKx', hash) })
    const isOwn = ({ host }: { readonly host: string }): boolean => host === '192.0.2.1'
    assert.equal(isLooped(again, loopHash(again), isOwn), true)
    assert.equal(
      isLooped(again, loopHash(again), () => false),
      false,
    )
    const spiral = forwarded(request, { branch: loopBranch('z9hG4bKx', hash) })
    assert.equal(isLooped(spiral, loopHash(spiral), isOwn), false)
  })

  it('spreads no further than it says, nor than the default', () => {
    const rows: readonly [string | undefined, number][] = [
      [undefined, 60],
      ['3', 3],
      ['0', 0],
      ['1000', 60],
      ['many', 60],
    ]
    for (const [text, want] of rows) {
      const headers = text === undefined ? [] : [`Max-Breadth: ${text}`]
      assert.equal(maxBreadth(requestOf('INVITE', 'sip:b@example.com', ...headers)), want)
    }
  })
})

describe('the route of a request in a proxied dialog', () => {
  const isOurs = (uri: string): boolean => uri.includes('192.0.2.1')

  it('loses all values of ours at its top, and leads to the next', () => {
    const routes = 'Route: <sip:192.0.2.1:5060;transport=tcp;lr>, <sip:192.0.2.1;lr>, <sip:192.0.2.8;lr>'
    assert.deepEqual(passThrough(requestOf('BYE', 'sip:bob@198.51.100.1', routes), isOurs), {
      uri: 'sip:bob@198.51.100.1',
      routes: ['<sip:192.0.2.8;lr>'],
      nextHop: 'sip:192.0.2.8;lr',
      leavesBy: 'sip:192.0.2.1;lr',
    })
  })

  it('leads to the Request-URI when nothing is left of it', () => {
    const passage = passThrough(requestOf('BYE', 'sip:bob@198.51.100.1', 'Route: <sip:192.0.2.1;lr>'), isOurs)
    assert.equal(passage.nextHop, 'sip:bob@198.51.100.1')
  })

  it('is none of ours where it begins with another', () => {
    const routes = 'Route: <sip:192.0.2.8;lr>, <sip:192.0.2.1;lr>'
    assert.equal(passThrough(requestOf('BYE', 'sip:bob@198.51.100.1', routes), isOurs).leavesBy, undefined)
  })

  it('is put right after a strict router, and made ready for one', () => {
    const after = passThrough(requestOf('BYE', 'sip:192.0.2.1;lr', 'Route: <sip:bob@198.51.100.1>'), isOurs)
    assert.equal(after.uri, 'sip:bob@198.51.100.1')
    assert.deepEqual(after.routes, [])
    const routes = 'Route: <sip:192.0.2.1;lr>, <sip:192.0.2.8>'
    const before = passThrough(requestOf('BYE', 'sip:bob@198.51.100.1', routes), isOurs)
    assert.equal(before.uri, 'sip:192.0.2.8')
    assert.deepEqual(before.routes, ['<sip:bob@198.51.100.1>'])
  })

  it('is secure at every hop where the Request-URI or the next route says sips', () => {
    assert.equal(securedHop('sips:b@example.com', 'sip:192.0.2.8:5070;lr'), 'sips:192.0.2.8:5070;lr')
    assert.equal(securedHop('sip:b@example.com', 'sip:192.0.2.8;lr'), 'sip:192.0.2.8;lr')
    assert.equal(isSecured('sip:b@example.com', ['"P" <sips:192.0.2.8;lr>', '<sip:192.0.2.9;lr>']), true)
    assert.equal(isSecured('sip:b@example.com', ['<sip:192.0.2.8;lr>', '<sips:192.0.2.9;lr>']), false)
    assert.equal(isSecured('SIPS:b@example.com', []), true)
  })

  it('carries a token of its call that nobody else can make', () => {
    const tokens = new RouteTokens('secret')
    const uri = `sip:192.0.2.1${tokens.params('c1')}`
    assert.equal(tokens.isOurs(uri, 'c1'), true)
    assert.equal(tokens.isOurs(uri, 'c2'), false)
    assert.equal(new RouteTokens('other').isOurs(uri, 'c1'), false)
    assert.equal(tokens.isOurs('sip:192.0.2.1;lr', 'c1'), false)
    assert.equal(tokens.isOurs('tel:+12025550100', 'c1'), false)
  })
})

describe('responses to a proxied request', () => {
  it('name where to go on, the most wanted first, and to sips from sips alone', () => {
    const contact = 'Contact: <sip:a@192.0.2.1>;q=0.2, <sips:b@192.0.2.2>, <tel:+12025550100>'
    assert.deepEqual(redirectTargets(responseOf(302, contact), false), ['sips:b@192.0.2.2', 'sip:a@192.0.2.1'])
    assert.deepEqual(redirectTargets(responseOf(302, contact), true), ['sips:b@192.0.2.2'])
    assert.deepEqual(redirectTargets(responseOf(302), false), [])
  })

  it('carry the challenges of all', () => {
    const one = responseOf(407, 'Proxy-Authenticate: Digest realm="a", nonce="1"')
    const other = responseOf(401, 'WWW-Authenticate: Digest realm="b", nonce="2"')
    const whole = withAllChallenges(one, [other, one])
    assert.ok(whole.ok)
    assert.equal(whole.value.status, 407)
    assert.equal(whole.value.headers('Proxy-Authenticate').length, 1)
    assert.equal(whole.value.headers('WWW-Authenticate').length, 1)
  })
})

describe('the proxy command', () => {
  it('is read field by field', () => {
    const fields = [
      't',
      'remainInDialog',
      'fullResponse',
      '',
      'simultaneous',
      '2s',
      '1500ms',
      '192.0.2.7:5080',
      'tel:1',
      'sip:sips:b@192.0.2.2',
    ]
    const wish = readProxyCommand([...fields, 'sip:a@192.0.2.1'])
    assert.ok(wish.ok)
    assert.deepEqual(wish.value, {
      txnId: 't',
      remainInDialog: true,
      fullResponse: true,
      followRedirects: false,
      simultaneous: true,
      provisionalTimeoutMs: 2000,
      finalTimeoutMs: 1500,
      destinations: ['sip:192.0.2.7:5080', 'sips:b@192.0.2.2', 'sip:a@192.0.2.1'],
    })
  })

  it('takes no nonsense for a timeout, and not any number of destinations', () => {
    const wish = readProxyCommand(['t', '', '', '', 'serial', 'soon', '-1s', 'sip:a@192.0.2.1'])
    assert.ok(wish.ok)
    assert.equal(wish.value.provisionalTimeoutMs, undefined)
    assert.equal(wish.value.finalTimeoutMs, undefined)
    const many = Array.from({ length: MAX_PROXY_DESTINATIONS + 1 }, (_, i) => `sip:a${i}@192.0.2.1`)
    assert.equal(readProxyCommand(['t', '', '', '', '', '', '', ...many]).ok, false)
  })
})
