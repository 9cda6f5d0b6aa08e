import assert from 'node:assert/strict'
import { IdMaker } from '../../../lib/sip/ids.ts'

describe('SIP ids', () => {
  it('come from the random bytes given, with the cookie for branches and the version for UUIDs', () => {
    let next = 0
    const ids = new IdMaker((bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = next++ & 0xff
    })
    assert.equal(ids.branch(), 'z9hG4bK000102030405060708090a0b')
    assert.equal(ids.tag(), '0c0d0e0f10111213')
    assert.match(ids.uuid(), /^14151617-1819-4a1b-9c1d-1e1f20212223$/)
  })

  it('do not repeat when the pool is filled anew', () => {
    let fills = 0
    let state = 1
    const ids = new IdMaker((bytes) => {
      fills += 1
      for (let i = 0; i < bytes.length; i++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        bytes[i] = state >>> 24
      }
    })
    const seen = new Set(Array.from({ length: 300 }, () => ids.uuid()))
    assert.equal(seen.size, 300)
    assert.equal(fills, 2)
  })
})
