import assert from 'node:assert/strict'
import { hasScheme } from '../../../lib/sip/contact-scheme.ts'

const ROWS: readonly (readonly [contact: string, want: boolean])[] = [
  ['<sip:alice@192.0.2.1>', true],
  ['sip:alice@192.0.2.1;transport=tcp', true],
  ['Alice <sips:alice@[2001:db8::1]>;expires=60', true],
  ['"A <b> \\" c" <sip:a@192.0.2.1>', true],
  ['<tel:+12025550100>', true],
  ['*', true],
  ['<[::1]>', false],
  ['[::1]', false],
  ['"sip:a" <192.0.2.1>', false],
  ['<:a>', false],
  ['', false],
]

describe('a Contact', () => {
  for (const [contact, want] of ROWS) {
    it(`${want ? 'has' : 'lacks'} a scheme: ${contact}`, () => assert.equal(hasScheme(contact), want))
  }
})
