import assert from 'node:assert/strict'
import { subscriptionKey, subscriptionSeconds, subscriptionState } from '../../../lib/sip/subscription.ts'

describe('a subscription', () => {
  it('is named by its event, and by an id where there are several', () => {
    assert.deepEqual(subscriptionKey('SUBSCRIBE', 'Presence'), { event: 'presence', id: undefined })
    assert.deepEqual(subscriptionKey('NOTIFY', 'refer ; x=1 ;ID=93809823'), { event: 'refer', id: '93809823' })
  })

  it('has no name where nobody gave it one, and is of REFER where that made it', () => {
    assert.deepEqual(subscriptionKey('SUBSCRIBE', undefined), { event: '', id: undefined })
    assert.deepEqual(subscriptionKey('REFER', undefined), { event: 'refer', id: undefined })
  })

  it('lives as long as is said, a day at most, and an hour where nothing is', () => {
    assert.deepEqual(
      ['900', ' 0 ', '4000000000', 'soon', undefined].map(subscriptionSeconds),
      [900, 0, 86_400, 3600, 3600],
    )
  })

  it('is over, or has so much time left, by what a NOTIFY says', () => {
    assert.equal(subscriptionState('Terminated;reason=noresource'), 'terminated')
    assert.deepEqual(subscriptionState('active; expires=600'), { leftS: 600 })
    assert.deepEqual(subscriptionState('pending'), { leftS: undefined })
    assert.deepEqual(subscriptionState(undefined), { leftS: undefined })
  })
})
