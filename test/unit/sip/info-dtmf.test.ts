import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseInfoDtmf } from '../../../lib/sip/info-dtmf.ts'

describe('DTMF in the body of an INFO', () => {
  const cases: readonly [string, string, string, { digit: string; durationMs: number } | undefined][] = [
    ['reads the key and how long it was held', 'application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n', key('5', 160)],
    ['allows blanks, lone LF and any case', 'application/dtmf-relay', ' signal = a \n DURATION= 80', key('A', 80)],
    ['takes star and hash', 'application/dtmf-relay', 'Signal=*\r\nDuration=100', key('*', 100)],
    ['takes event numbers for star and hash', 'application/dtmf-relay', 'Signal=11\r\nDuration=100', key('#', 100)],
    ['assumes a length where none is told', 'application/dtmf-relay', 'Signal=9', key('9', 250)],
    ['cuts a press of hours', 'application/dtmf-relay', 'Signal=9\r\nDuration=99999999', key('9', 10_000)],
    ['reads the bare form', 'application/dtmf', '#\r\n', key('#', 250)],
    ['presses nothing at a hook flash', 'application/dtmf-relay', 'Signal=hf\r\nDuration=100', undefined],
    ['presses nothing at event 16, the flash', 'application/dtmf', '16', undefined],
    ['presses nothing without a signal', 'application/dtmf-relay', 'Duration=100', undefined],
    ['presses nothing at an empty body', 'application/dtmf', '', undefined],
    ['reads no other type', 'text/plain', 'Signal=5', undefined],
  ]
  for (const [why, type, body, want] of cases) {
    it(why, () => assert.deepEqual(parseInfoDtmf(type, body), want))
  }

  it('tells one key of sixteen and a bounded length, or nothing, whatever the body', () => {
    fc.assert(
      fc.property(fc.constantFrom('application/dtmf', 'application/dtmf-relay'), fc.string(), (type, text) => {
        const found = parseInfoDtmf(type, `Signal=${text}`) ?? parseInfoDtmf(type, text)
        if (found === undefined) return
        assert.match(found.digit, /^[0-9*#A-D]$/)
        assert.ok(found.durationMs >= 0 && found.durationMs <= 10_000)
      }),
    )
  })
})

function key(digit: string, durationMs: number): { digit: string; durationMs: number } {
  return { digit, durationMs }
}
