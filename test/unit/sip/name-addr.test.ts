import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatNameAddr, parseNameAddr, tagOf } from '../../../lib/sip/name-addr.ts'
import { Params } from '../../../lib/sip/params.ts'

describe('a name-addr', () => {
  const readable: readonly [why: string, text: string, displayName: string | undefined, uri: string, tag?: string][] = [
    ['a URI alone', 'sip:a@example.com', undefined, 'sip:a@example.com'],
    ['a URI alone with a tag of the header', 'sip:a@example.com;tag=7', undefined, 'sip:a@example.com', '7'],
    ['parameters in and out of the brackets', '<sip:a@example.com;lr>;tag=7', undefined, 'sip:a@example.com;lr', '7'],
    ['a name of tokens', 'Alice B <sip:a@example.com>', 'Alice B', 'sip:a@example.com'],
    ['no blank before the bracket', 'Alice<sip:a@example.com>', 'Alice', 'sip:a@example.com'],
    ['a quoted name with escapes', '"J \\"R\\" \\\\" <sip:a@example.com>', 'J "R" \\', 'sip:a@example.com'],
    ['brackets and commas in the quotes', '"<sip:x@y>, Z" <sip:a@example.com>', '<sip:x@y>, Z', 'sip:a@example.com'],
    ['blanks around the parameters', '<sip:a@example.com> ; tag = 7', undefined, 'sip:a@example.com', '7'],
    ['a name that ought to be quoted', 'Bell, A. (x) <sip:a@example.com>', 'Bell, A. (x)', 'sip:a@example.com'],
    ['another scheme', '<tel:+12025550143>;tag=7', undefined, 'tel:+12025550143', '7'],
    ['a URI with headers in brackets', '<sip:a@b?Route=x>', undefined, 'sip:a@b?Route=x'],
  ]
  for (const [why, text, displayName, uri, tag] of readable) {
    it(`is read with ${why}`, () => {
      const address = parseNameAddr(text)
      assert.ok(address !== undefined)
      assert.deepEqual([address.displayName, address.uri, tagOf(address)], [displayName, uri, tag])
    })
  }

  const malformed: readonly [why: string, text: string][] = [
    ['nothing in it', ''],
    ['a quote that never closes', '"Mr. J. User <sip:j@example.com>'],
    ['no URI after the name', '"J"'],
    ['a bracket that never closes', '<sip:a@example.com'],
    ['an empty URI', '<>'],
    ['blanks in the URI', '< sip:a@example.com >'],
    ['no scheme', '<example.com>'],
    ['headers of the URI without brackets', 'sip:a@example.com?Route=%3Csip:b%3E'],
    ['a comma in the URI without brackets', 'sip:a,b@example.com'],
    ['empty parameters', '<sip:a@example.com>;;'],
    ['text after the bracket', '<sip:a@example.com> x'],
    ['a parameter given twice', '<sip:a@example.com>;tag=1;tag=2'],
  ]
  for (const [why, text] of malformed) {
    it(`is refused with ${why}`, () => assert.equal(parseNameAddr(text), undefined))
  }

  it('takes any name through formatting and parsing', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        fc.pre(name.trim() !== '' && !/^\s|\s$/.test(name))
        const params = Params.of([['tag', 'x']])
        const text = formatNameAddr({ displayName: name, uri: 'sip:a@example.com', params })
        assert.equal(parseNameAddr(text)?.displayName, name)
      }),
    )
  })
})
