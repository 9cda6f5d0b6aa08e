import assert from 'node:assert/strict'
import { KeyWrap } from '../../app/key-wrap.ts'
import { callId } from '../../lib/core/ids.ts'

const wrap = new KeyWrap(Buffer.alloc(32, 1))
const [call, other] = [callId('01J00000000000000000000000'), callId('01J00000000000000000000001')]

describe('What is wrapped for a call', () => {
  it('is read with the same key for the same call, and looks different each time', () => {
    const [one, two] = [wrap.wrap(call, 'a secret'), wrap.wrap(call, 'a secret')]
    assert.equal(wrap.unwrap(call, one), 'a secret')
    assert.notEqual(one, two)
    assert.ok(!Buffer.from(one, 'base64url').includes('secret'))
  })

  it('is nothing for another call, with another key, or changed in any byte', () => {
    const text = wrap.wrap(call, 'a secret')
    assert.equal(wrap.unwrap(other, text), null)
    assert.equal(new KeyWrap(Buffer.alloc(32, 2)).unwrap(call, text), null)
    for (let i = 0; i < Buffer.from(text, 'base64url').length; i++) {
      const bytes = Buffer.from(text, 'base64url')
      bytes.writeUInt8(bytes.readUInt8(i) ^ 1, i)
      assert.equal(wrap.unwrap(call, bytes.toString('base64url')), null)
    }
  })

  for (const text of ['', 'A', 'not base64 !', 'A'.repeat(37)]) {
    it(`is nothing where it is "${text.slice(0, 12)}"`, () => assert.equal(wrap.unwrap(call, text), null))
  }
})
