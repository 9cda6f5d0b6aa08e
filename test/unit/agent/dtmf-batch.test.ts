import assert from 'node:assert/strict'
import { addDigit, DTMF_PAUSE_MS, isDue, MAX_DTMF_DIGITS, NO_DIGITS } from '../../../lib/agent/dtmf-batch.ts'

describe('keys that a caller presses', () => {
  it('are one number until a pause', () => {
    let batch = addDigit(NO_DIGITS, '4', 0)
    batch = addDigit(batch, '2', 1_000)
    assert.equal(batch.digits, '42')
    assert.ok(!isDue(batch, 1_000 + DTMF_PAUSE_MS - 1))
    assert.ok(isDue(batch, 1_000 + DTMF_PAUSE_MS))
  })

  it('are complete at once with #, or when there are too many', () => {
    assert.ok(isDue(addDigit(addDigit(NO_DIGITS, '4', 0), '#', 5), 5))
    let many = NO_DIGITS
    for (let i = 0; i < MAX_DTMF_DIGITS; i++) many = addDigit(many, '1', 0)
    assert.ok(isDue(many, 0))
  })

  it('are nothing where there were none, or where the sign is no key', () => {
    assert.ok(!isDue(NO_DIGITS, 1e9))
    for (const sign of ['', 'E', '12', 'a', '!']) assert.equal(addDigit(NO_DIGITS, sign, 0), NO_DIGITS)
  })
})
