import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type HeaderPolicy, mayPass, type OnwardInvite, onwardHeaders } from '../../../lib/sip/header-policy.ts'
import { splitList } from '../../../lib/sip/list-values.ts'
import { parseNameAddr } from '../../../lib/sip/name-addr.ts'

const CALLED = '+12025550100'
const NOTHING: HeaderPolicy = { passHeaders: [], diversion: 'none' }

const invite = (headers: Readonly<Record<string, string>> = {}, more: Partial<OnwardInvite> = {}): OnwardInvite => ({
  header: (name) => Object.entries(headers).find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1],
  given: {},
  hops: null,
  called: CALLED,
  isShown: true,
  branch: 1,
  uri: 'sip:+12025550123@198.51.100.7',
  host: '192.0.2.1',
  ...more,
})

const SIGNED = { Identity: 'eyJ.eyJ.sig;info=<https://cert.example/a.pem>', Date: 'Mon, 23 Nov 2026 20:00:00 GMT' }
const TOPOLOGY = {
  Via: 'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1',
  'Record-Route': '<sip:10.0.0.2;lr>',
  Contact: '<sip:alice@10.0.0.1>',
  'User-Agent': 'pbx/1',
  Server: 'pbx/1',
  'P-Charging-Vector': 'icid-value=1',
  'P-Asserted-Identity': '<sip:+12025550199@10.0.0.1>',
  'Remote-Party-ID': '<sip:+12025550199@10.0.0.1>',
  'Session-ID': 'a'.repeat(32),
  Authorization: 'Digest username="a"',
  'Proxy-Authorization': 'Digest username="a"',
}

describe('the headers of a caller that pass on', () => {
  const pass = (...passHeaders: string[]): HeaderPolicy => ({ ...NOTHING, passHeaders })
  const rows: readonly [why: string, from: OnwardInvite, policy: HeaderPolicy, want: Record<string, string>][] = [
    ['are none without a policy', invite({ ...TOPOLOGY, ...SIGNED, 'User-to-User': '00' }), NOTHING, {}],
    [
      'are those that the policy names, in any case',
      invite({ 'user-to-user': '00c8', Reason: 'SIP;cause=302', Subject: 'x' }),
      pass('User-to-User', 'reason'),
      { 'User-to-User': '00c8', reason: 'SIP;cause=302' },
    ],
    ['are none of a leg or a hop, whatever it names', invite(TOPOLOGY), pass(...Object.keys(TOPOLOGY)), {}],
    ['are signed with their Date', invite(SIGNED), pass('Identity'), SIGNED],
    ['are not signed for who hides', invite(SIGNED, { isShown: false }), pass('Identity', 'Date'), {}],
    [
      'stand behind what a router gives',
      invite({ 'User-to-User': '00' }, { given: { 'user-to-user': '01', 'X-Ticket': '7' } }),
      pass('User-to-User'),
      { 'user-to-user': '01', 'X-Ticket': '7' },
    ],
    ['are left out where they are no text', invite({ Subject: 'a\r\nX: y' }), pass('Subject'), {}],
    ['are left out where they are far too long', invite({ Subject: 'a'.repeat(4_097) }), pass('Subject'), {}],
    ['have one hop less', invite({}, { hops: 70 }), NOTHING, { 'Max-Forwards': '69' }],
    ['have no hop less than none', invite({}, { hops: 0 }), NOTHING, { 'Max-Forwards': '0' }],
  ]
  for (const [why, from, policy, want] of rows) it(why, () => assert.deepEqual(onwardHeaders(from, policy), want))
})

describe('the diversions of a call that goes on (RFC 5806)', () => {
  const OURS = `<sip:${CALLED}@192.0.2.1>;reason=unconditional;counter=1;privacy=off`
  const BEFORE = '"Desk" <sip:+12025550177@198.51.100.1>;reason=no-answer;counter=1'
  for (const [why, came, want] of [
    ['have the number that was called', undefined, OURS],
    ['have it first, before those that came', BEFORE, `${OURS}, ${BEFORE}`],
    ['have several that came', `${BEFORE}, ${BEFORE}`, `${OURS}, ${BEFORE}, ${BEFORE}`],
    ['have none that is private', `${BEFORE};privacy=full, ${BEFORE};privacy=OFF`, `${OURS}, ${BEFORE};privacy=OFF`],
    ['have none that came where one is malformed', `${BEFORE}, nonsense`, OURS],
    ['have none that came where they are too many', Array.from({ length: 21 }, () => '<sip:a@b>').join(), OURS],
  ] as const) {
    it(why, () => {
      const from = invite(came === undefined ? {} : { Diversion: came })
      assert.equal(onwardHeaders(from, { ...NOTHING, diversion: 'diversion' })['Diversion'], want)
    })
  }
})

describe('the history of a call that goes on (RFC 7044)', () => {
  const to = '<sip:+12025550123@198.51.100.7>'
  const called = `<sip:${CALLED}@192.0.2.1>`
  const came = `<sip:${CALLED}@carrier.example;user=phone>`
  for (const [why, headers, branch, want] of [
    ['begins with the number that was called', {}, 1, `${called};index=1, ${to};index=1.1;mp=1`],
    ['tells branches apart', {}, 3, `${called};index=1, ${to};index=1.3;mp=1`],
    [
      'goes on with what came',
      { 'History-Info': `<sip:+12025550177@a.example>;index=1, ${came};index=1.1;mp=1` },
      1,
      `<sip:+12025550177@a.example>;index=1, ${came};index=1.1;mp=1, ${to};index=1.1.1;mp=1.1`,
    ],
    [
      'shows a gap where somebody kept none',
      { 'History-Info': '<sip:+12025550177@a.example>;index=1' },
      1,
      `<sip:+12025550177@a.example>;index=1, ${called};index=1.0, ${to};index=1.0.1;mp=1.0`,
    ],
    [
      'has none of who wants it private',
      { 'History-Info': `${came};index=1`, Privacy: 'history' },
      1,
      `${called};index=1, ${to};index=1.1;mp=1`,
    ],
    [
      'has no entry that is private',
      { 'History-Info': `<sip:+12025550177@a.example?Privacy=history>;index=1, ${came};index=1.1` },
      1,
      `${came};index=1.1, ${to};index=1.1.1;mp=1.1`,
    ],
    [
      'begins anew where an entry has no index',
      { 'History-Info': `${came};index=1, ${came}` },
      1,
      `${called};index=1, ${to};index=1.1;mp=1`,
    ],
  ] as const) {
    it(why, () => {
      const policy: HeaderPolicy = { ...NOTHING, diversion: 'history-info' }
      assert.equal(onwardHeaders(invite(headers, { branch }), policy)['History-Info'], want)
    })
  }
})

describe('an INVITE that goes on, whatever the caller sends', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary' }).map((text) => `<sip:${text}@a>;index=1, <sip:b@c>;index=1.1`),
  )
  it('has headers of one line each, none that may not pass, and lists that can be read', () => {
    const policies = fc.record<HeaderPolicy>({
      passHeaders: fc.subarray(['Identity', 'User-to-User', 'Via', 'Contact', 'Diversion', 'Call-ID', 'X-A', 'a b']),
      diversion: fc.constantFrom('none', 'diversion', 'history-info'),
    })
    fc.assert(
      fc.property(policies, hostile, hostile, fc.nat(255), (policy, value, called, hops) => {
        const headers = onwardHeaders({ ...invite({}, { hops, called }), header: () => value }, policy)
        for (const [name, text] of Object.entries(headers)) {
          assert.match(text, /^[\x20-\x7e]+$/, name)
          assert.ok(mayPass(name) || ['Max-Forwards', 'Diversion', 'History-Info'].includes(name), name)
        }
        for (const name of ['Diversion', 'History-Info'])
          for (const each of splitList(headers[name] ?? '')) assert.ok(parseNameAddr(each) !== undefined, each)
      }),
    )
  })
})
