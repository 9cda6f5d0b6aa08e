import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatWarning } from '../../../lib/sip/warning.ts'

describe('a Warning', () => {
  it('names its code, us, and the reason', () => {
    assert.equal(formatWarning(304, 'the offer has no audio'), '304 tandem "the offer has no audio"')
  })

  it('stays one quoted string on one line, whatever it quotes of a peer', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.match(formatWarning(399, text), /^399 tandem "[\x20-\x21\x23-\x5b\x5d-\x7e]{0,200}"$/)
      }),
    )
  })
})
