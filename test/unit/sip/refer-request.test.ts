import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type ReferFacts, readRefer } from '../../../lib/sip/refer-request.ts'

const FACTS: ReferFacts = {
  referTo: '<sip:+12025550151@192.0.2.7>',
  referSub: undefined,
  require: undefined,
  hasContact: true,
}

const read = (facts: Partial<ReferFacts>) => readRefer({ ...FACTS, ...facts })

describe('a REFER of a far end', () => {
  const GOOD: readonly (readonly [why: string, facts: Partial<ReferFacts>, user: string, wantsNotify: boolean])[] = [
    ['names a number', {}, '+12025550151', true],
    ['has no brackets', { referTo: 'sip:1002@pbx.example' }, '1002', true],
    ['has a name and parameters', { referTo: '"Ward, 2" <sip:1002@pbx.example;user=phone>;x=y' }, '1002', true],
    ['says which method', { referTo: '<sip:1002@pbx.example;method=INVITE>' }, '1002', true],
    ['has parameters of the number', { referTo: '<sip:+12025550151;npdi@pbx.example>' }, '+12025550151', true],
    ['has escapes', { referTo: '<sip:%2B12025550151@pbx.example>' }, '+12025550151', true],
    ['has a tel URI', { referTo: '<tel:+1-202-555-0151>' }, '+1-202-555-0151', true],
    ['wants no NOTIFY', { referSub: 'False', require: 'norefersub' }, '+12025550151', false],
    ['wants NOTIFYs', { referSub: 'true' }, '+12025550151', true],
  ]
  for (const [why, facts, user, wantsNotify] of GOOD) {
    it(`is read where it ${why}`, () => {
      assert.deepEqual(read(facts), { ok: true, value: { user, wantsNotify } })
    })
  }

  const BAD: readonly (readonly [why: string, facts: Partial<ReferFacts>, status: number, reason: string])[] = [
    ['has no Contact', { hasContact: false }, 400, 'Missing Contact'],
    ['has no Refer-To', { referTo: undefined }, 400, 'Missing Refer-To'],
    ['has an empty one', { referTo: '  ' }, 400, 'Malformed Refer-To'],
    ['has two', { referTo: '<sip:1002@a.example>, <sip:1003@a.example>' }, 400, 'Several Refer-To'],
    ['is cut', { referTo: '<sip:1002@pbx.exam' }, 400, 'Malformed Refer-To'],
    ['is no URI', { referTo: '<1002>' }, 400, 'Malformed Refer-To'],
    ['is huge', { referTo: `<sip:${'1'.repeat(4_000)}@a.example>` }, 400, 'Malformed Refer-To'],
    ['has huge lists', { referTo: ','.repeat(100_000) }, 400, 'Missing Refer-To'],
    ['names nobody', { referTo: '<sip:pbx.example>' }, 603, 'Refer-To Of Nobody'],
    ['leads elsewhere', { referTo: '<https://a.example/>' }, 603, 'Refer-To Of An Unknown Scheme'],
    ['asks for a BYE', { referTo: '<sip:1002@a.example;method=BYE>' }, 603, 'Refer-To Of Another Method'],
    ['replaces a dialog', { referTo: '<sip:1002@a.example?Replaces=1%3Bto-tag%3D2>' }, 603, 'No Attended Transfer'],
    ['has headers', { referTo: '<sip:1002@a.example?Subject=x>' }, 603, 'Refer-To With Headers'],
    ['requires what we do not have', { require: 'norefersub, multiple-refer' }, 420, 'Bad Extension'],
  ]
  for (const [why, facts, status, reason] of BAD) {
    it(`is refused with ${status} where it ${why}`, () => {
      const refer = read(facts)
      assert.deepEqual(refer.ok ? refer.value : [refer.error.status, refer.error.reason], [status, reason])
    })
  }

  it('says what it required in vain', () => {
    const refer = read({ require: 'norefersub, multiple-refer' })
    assert.deepEqual(refer.ok ? null : refer.error.headers, { Unsupported: 'multiple-refer' })
  })

  it('names somebody or is refused, whatever it is', () => {
    const text = fc.option(fc.oneof(fc.string({ maxLength: 300 }), fc.constant('<sip:1@a>')), { nil: undefined })
    fc.assert(
      fc.property(fc.record({ referTo: text, referSub: text, require: text, hasContact: fc.boolean() }), (facts) => {
        const refer = readRefer(facts)
        if (refer.ok) assert.notEqual(refer.value.user, '')
      }),
    )
  })
})
