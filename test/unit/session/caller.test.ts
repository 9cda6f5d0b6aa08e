import assert from 'node:assert/strict'
import { knownCaller, shownCaller } from '../../../lib/session/caller.ts'

const NUMBER = '+12025550101'
const FROM = `"A" <sip:${NUMBER}@192.0.2.1>;tag=1`

describe('who a caller is known as', () => {
  const known: [why: string, facts: Partial<Parameters<typeof knownCaller>[0]>][] = [
    ['a number', {}],
    ['without a name', { from: `<sip:${NUMBER}@192.0.2.1>;tag=1` }],
    ['without brackets', { from: `sip:${NUMBER}@192.0.2.1;tag=1` }],
    ['privacy of other things', { privacy: 'session;critical' }],
    ['no privacy wanted', { privacy: 'none' }],
    ['dialled as in its country', { user: '2025550101' }],
    ['a name that is a word of ours', { from: `"Anonymous Coffee" <sip:${NUMBER}@192.0.2.1>;tag=1` }],
  ]
  for (const [why, facts] of known) {
    it(`is the number: ${why}`, () => {
      assert.equal(knownCaller({ number: NUMBER, user: NUMBER, from: FROM, privacy: null, ...facts }), NUMBER)
    })
  }

  const nobody: [why: string, facts: Partial<Parameters<typeof knownCaller>[0]>][] = [
    ['no telephone number', { number: 'alice', user: 'alice' }],
    ['no number at all', { number: '', user: '' }],
    ['an extension', { number: '+123' }],
    ['Privacy: id', { privacy: 'id' }],
    ['Privacy: user', { privacy: 'user;critical' }],
    ['Privacy: header, among others', { privacy: 'session; Header' }],
    ['From anonymous, as RFC 3323 has it', { from: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1' }],
    ['From anonymous at the carrier', { from: '<sip:Anonymous@192.0.2.1>;tag=1' }],
    ['From with any user at anonymous.invalid', { from: `<sip:c8oqz84zk7z@anonymous.invalid>;tag=1` }],
    ['From restricted', { from: 'sip:restricted@192.0.2.1;tag=1' }],
    ['From unknown', { from: '<sips:unknown@192.0.2.1>;tag=1' }],
    ['the digits of ANONYMOUS on a keypad', { number: '+266696687', user: '+266696687' }],
    ['the digits of RESTRICTED, read as a number', { number: '+17378742833', user: '7378742833' }],
    ['the digits of UNAVAILABLE', { number: '+86282452253', user: '86282452253' }],
  ]
  for (const [why, facts] of nobody) {
    it(`is nobody: ${why}`, () => {
      assert.equal(knownCaller({ number: NUMBER, user: NUMBER, from: FROM, privacy: null, ...facts }), '')
    })
  }
})

describe('who a caller is shown as to whom they are put through to', () => {
  const open = { number: NUMBER, isHidden: false, privacy: null, isAsserted: false }
  for (const [why, facts, want] of [
    ['the number', {}, open],
    ['the number, with the wish to be seen', { privacy: 'none' }, { ...open, privacy: 'none' }],
    ['nobody, where they have no number', { number: 'alice', user: 'alice' }, { ...open, number: null }],
    ['hidden, whose number is known', { privacy: 'id' }, { ...open, isHidden: true, privacy: 'id' }],
    ['hidden, and that is critical', { privacy: 'user;critical' }, { ...open, isHidden: true, privacy: 'id;critical' }],
    [
      'hidden by From alone',
      { from: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1' },
      { ...open, isHidden: true, privacy: 'id' },
    ],
    [
      'hidden, by a number that is none',
      { number: '+17378742833', user: '7378742833' },
      { ...open, number: null, isHidden: true, privacy: 'id' },
    ],
  ] as const) {
    it(`is ${why}`, () => {
      const all = { number: NUMBER, user: NUMBER, from: FROM, privacy: null, ...facts }
      assert.deepEqual(shownCaller(all, false), want)
    })
  }
})
