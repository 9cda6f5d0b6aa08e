import assert from 'node:assert/strict'
import {
  afterRemoteRequest,
  confirmAsUac,
  type Dialog,
  isInOrder,
  openAsUac,
  openAsUas,
  routeInDialog,
} from '../../../lib/sip/dialog.ts'
import type { SipMessage, SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'

function parse(lines: readonly string[]): SipMessage {
  const parsed = parseMessage(Buffer.from([...lines, '', ''].join('\r\n')))
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

function request(method: string, seq: number, ...more: string[]): SipRequest {
  const message = parse([
    `${method} sip:bob@192.0.2.2 SIP/2.0`,
    'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
    'From: "Alice" <sip:alice@192.0.2.1>;tag=a',
    'To: <sip:bob@192.0.2.2>',
    'Call-ID: c',
    `CSeq: ${seq} ${method}`,
    ...more,
  ])
  if (message.kind !== 'request') throw new Error('not a request')
  return message
}

function response(status: number, toTag: string, ...more: string[]): SipResponse {
  const message = parse([
    `SIP/2.0 ${status} x`,
    'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
    'From: "Alice" <sip:alice@192.0.2.1>;tag=a',
    `To: <sip:bob@192.0.2.2>${toTag === '' ? '' : `;tag=${toTag}`}`,
    'Call-ID: c',
    'CSeq: 1 INVITE',
    ...more,
  ])
  if (message.kind !== 'response') throw new Error('not a response')
  return message
}

const must = (dialog: Dialog | undefined): Dialog => {
  assert.ok(dialog)
  return dialog
}

const CONTACT = 'Contact: <sip:alice@192.0.2.1:5070>'
const ROUTES = 'Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>'

describe('dialog', () => {
  it('takes the route set of the INVITE in order as UAS, and reversed from the answer as UAC', () => {
    const uas = must(openAsUas(request('INVITE', 1, CONTACT, ROUTES), 'b', 'confirmed'))
    assert.deepEqual(uas.routeSet, ['<sip:p1.example;lr>', '<sip:p2.example;lr>'])
    const uac = must(openAsUac(request('INVITE', 1, CONTACT), response(200, 'b', 'Contact: <sip:b@h>', ROUTES)))
    assert.deepEqual(uac.routeSet, ['<sip:p2.example;lr>', '<sip:p1.example;lr>'])
  })

  it('of a 1xx without Contact has the address that it came from as its target, and a 2xx without is none', () => {
    const invite = request('INVITE', 1, CONTACT)
    assert.equal(must(openAsUac(invite, response(180, 'b'), 'sip:192.0.2.9')).remoteTarget, 'sip:192.0.2.9')
    assert.equal(openAsUac(invite, response(200, 'b'), 'sip:192.0.2.9'), undefined)
  })

  it('has the same tags, crossed, on both sides', () => {
    const invite = request('INVITE', 1, CONTACT)
    const uas = must(openAsUas(invite, 'b', 'confirmed'))
    const uac = must(openAsUac(invite, response(200, 'b', 'Contact: <sip:b@h>')))
    assert.deepEqual([uas.localTag, uas.remoteTag], [uac.remoteTag, uac.localTag])
    assert.equal(uas.remote, 'Alice <sip:alice@192.0.2.1>;tag=a')
    assert.equal(uas.local, '<sip:bob@192.0.2.2>;tag=b')
    assert.equal(uac.remoteTarget, 'sip:b@h')
  })

  it('is not opened without a Contact, nor by a response without a To tag', () => {
    assert.equal(openAsUas(request('INVITE', 1), 'b', 'early'), undefined)
    assert.equal(openAsUac(request('INVITE', 1, CONTACT), response(180, '', 'Contact: <sip:b@h>')), undefined)
    assert.equal(openAsUac(request('INVITE', 1, CONTACT), response(180, 'b')), undefined)
  })

  it('is confirmed with the target and the route set of the 2xx', () => {
    const early = must(openAsUac(request('INVITE', 1, CONTACT), response(180, 'b', 'Contact: <sip:b@early>')))
    const confirmed = confirmAsUac(early, response(200, 'b', 'Contact: <sip:b@late>', ROUTES))
    assert.equal(confirmed.state, 'confirmed')
    assert.equal(confirmed.remoteTarget, 'sip:b@late')
    assert.equal(confirmed.routeSet.length, 2)
  })

  it('takes requests whose CSeq grows, and no others', () => {
    const dialog = must(openAsUas(request('INVITE', 10, CONTACT), 'b', 'confirmed'))
    for (const [seq, want] of [
      [9, false],
      [10, false],
      [11, true],
      [500, true],
    ] as const) {
      assert.equal(isInOrder(dialog, seq), want)
    }
    const uac = must(openAsUac(request('INVITE', 10, CONTACT), response(200, 'b', 'Contact: <sip:b@h>')))
    assert.equal(isInOrder(uac, 1), true)
  })

  it('moves its target by a re-INVITE but not by an INFO', () => {
    const dialog = must(openAsUas(request('INVITE', 1, CONTACT), 'b', 'confirmed'))
    const moved = 'Contact: <sip:alice@192.0.2.99>'
    assert.equal(afterRemoteRequest(dialog, request('INVITE', 2, moved)).remoteTarget, 'sip:alice@192.0.2.99')
    assert.equal(afterRemoteRequest(dialog, request('INFO', 2, moved)).remoteTarget, 'sip:alice@192.0.2.1:5070')
    assert.equal(afterRemoteRequest(dialog, request('INFO', 2)).remoteSeq, 2)
  })

  it('routes by loose routers, and rewrites the URI for a strict one', () => {
    const dialog = must(openAsUas(request('INVITE', 1, CONTACT), 'b', 'confirmed'))
    const target = 'sip:alice@192.0.2.1:5070'
    assert.deepEqual(routeInDialog(dialog), { uri: target, routes: [], nextHop: target })
    const loose = { ...dialog, routeSet: ['<sip:p1;lr>', '<sip:p2;lr>'] }
    assert.deepEqual(routeInDialog(loose), { uri: target, routes: loose.routeSet, nextHop: 'sip:p1;lr' })
    const strict = { ...dialog, routeSet: ['<sip:p1>', '<sip:p2;lr>'] }
    assert.deepEqual(routeInDialog(strict), {
      uri: 'sip:p1',
      routes: ['<sip:p2;lr>', `<${target}>`],
      nextHop: 'sip:p1',
    })
  })
})
