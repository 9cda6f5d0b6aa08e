import assert from 'node:assert/strict'
import { type EventFilter, matchesEvent } from '../../../lib/observe/event-filter.ts'
import { formatEventFields } from '../../../lib/observe/event-text.ts'
import { event } from './messages.ts'

const EVENT = event(0, 'call.answered', { trunk: 'alpha', tenant: 'clinic', level: 'warn', setupMs: 7 })

describe('choosing and showing events', () => {
  const cases: readonly [why: string, filter: EventFilter, want: boolean][] = [
    ['no filter takes all', {}, true],
    ['its own call', { call: '01J00000000000000000000000' }, true],
    ['another call', { call: '01J00000000000000000000001' }, false],
    ['its own trunk and tenant', { trunk: 'alpha', tenant: 'clinic' }, true],
    ['its own trunk, another tenant', { trunk: 'alpha', tenant: 'shop' }, false],
    ['a level below its own', { level: 'info' }, true],
    ['its own level', { level: 'warn' }, true],
    ['a level above its own', { level: 'error' }, false],
  ]
  for (const [why, filter, want] of cases) it(why, () => assert.equal(matchesEvent(EVENT, filter), want))

  it('an event without a trunk is not of any trunk', () => {
    assert.equal(matchesEvent(event(0, 'node.ready'), { trunk: 'alpha' }), false)
  })

  it('shows the fields that only this event has, quoted where they need it', () => {
    const fields = formatEventFields({ ...EVENT, none: null, reason: 'two words', list: [1, 2], name: 'x\u001b[2Jy' })
    assert.equal(fields, 'setupMs=7 reason="two words" list=[1,2] name="x [2Jy"')
  })
})
