import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  callerHeaders,
  type IdentityPolicy,
  privacyOnward,
  type ShownCaller,
} from '../../../lib/sip/caller-identity.ts'

const HOST = '192.0.2.1'
const URI = `<sip:+12025550101@${HOST}>`
const ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
const OPEN: ShownCaller = { number: '+12025550101', isHidden: false, privacy: null, isAsserted: true }
const HIDDEN: ShownCaller = { ...OPEN, isHidden: true, privacy: 'id' }
const NOBODY: ShownCaller = { ...HIDDEN, number: null }

describe('who calls, in an INVITE of ours', () => {
  const rows: readonly [why: string, caller: ShownCaller, policy: IdentityPolicy, want: Record<string, string>][] = [
    ['is From alone, as by default', OPEN, 'none', { From: URI }],
    ['is asserted to a trunk of that policy', OPEN, 'pai', { From: URI, 'P-Asserted-Identity': URI }],
    ['is told to one that asserts it itself', OPEN, 'ppi', { From: URI, 'P-Preferred-Identity': URI }],
    ['is not asserted where nobody has told us so', { ...OPEN, isAsserted: false }, 'pai', { From: URI }],
    ['is nobody to a trunk without a policy', HIDDEN, 'none', { From: ANONYMOUS, Privacy: 'id' }],
    [
      'is known to the trunk alone that is trusted',
      HIDDEN,
      'pai',
      { From: ANONYMOUS, 'P-Asserted-Identity': URI, Privacy: 'id' },
    ],
    [
      'is known to the trunk that hides it',
      HIDDEN,
      'ppi',
      { From: ANONYMOUS, 'P-Preferred-Identity': URI, Privacy: 'id' },
    ],
    ['is nobody where we know of none', NOBODY, 'pai', { From: ANONYMOUS, Privacy: 'id' }],
    ['is nobody without hiding', { ...NOBODY, isHidden: false, privacy: null }, 'pai', { From: ANONYMOUS }],
    ['wants to be seen', { ...OPEN, privacy: 'none' }, 'none', { From: URI, Privacy: 'none' }],
  ]
  for (const [why, caller, policy, want] of rows) {
    it(why, () => assert.deepEqual(callerHeaders(caller, policy, HOST), want))
  }

  it('never breaks a line, and hides a hidden number from whom no policy trusts', () => {
    const number = fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constant('+12025550101'))
    fc.assert(
      fc.property(number, fc.boolean(), fc.constantFrom('none', 'pai', 'ppi'), (text, isAsserted, policy) => {
        const headers = callerHeaders({ number: text, isHidden: true, privacy: 'id', isAsserted }, policy, HOST)
        assert.equal(headers['From'], ANONYMOUS)
        for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]+$/)
        assert.equal(Object.keys(headers).length, policy !== 'none' && isAsserted ? 3 : 2)
      }),
    )
  })
})

describe('the Privacy of an INVITE that goes on', () => {
  for (const [asked, isHidden, want] of [
    [null, false, null],
    [null, true, 'id'],
    ['none', false, 'none'],
    ['NONE', false, 'none'],
    ['session', false, null],
    ['header;user', true, 'id'],
    ['id;critical', true, 'id;critical'],
    ['user; Critical', true, 'id;critical'],
    ['nonesuch\r\nX: y', false, null],
  ] as const) {
    it(`is ${want} where ${asked} is asked for, and who calls is ${isHidden ? '' : 'not '}hidden`, () =>
      assert.equal(privacyOnward(asked, isHidden), want))
  }
})
