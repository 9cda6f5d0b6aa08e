import assert from 'node:assert/strict'
import { buildRefusal } from '../../../lib/sip/build.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { INVALID } from './invalid.ts'
import { SEMANTICS } from './semantics.ts'
import { VALID } from './valid.ts'

const VERDICTS = { accept: 'is accepted', drop: 'is dropped', 400: 'is answered 400', 505: 'is answered 505' } as const

describe('RFC 4475', () => {
  const all = [...VALID, ...INVALID, ...SEMANTICS]

  it('has 49 messages', () => {
    assert.equal(new Set(all.map(({ name }) => name)).size, 49)
  })

  for (const { name, section, why, expected, bytes, check } of all) {
    it(`§${section} ${name} ${VERDICTS[expected]}: ${why}`, () => {
      const parsed = parseMessage(bytes)
      if (expected === 'accept') {
        assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
        check?.(parsed.value)
        const again = parseMessage(parsed.value.serialize())
        assert.ok(again.ok)
        check?.(again.value)
        return
      }
      assert.ok(!parsed.ok)
      const answer = buildRefusal(parsed.error, 'Refused', 'ours')?.toString('latin1')
      if (expected === 'drop') assert.equal(answer, undefined)
      else assert.match(answer ?? '', new RegExp(`^SIP/2\\.0 ${expected} Refused\\r\\n[^]*Via`))
    })
  }
})
