import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type NotifyFacts, readReferNotify } from '../../../lib/sip/refer-notify.ts'

const FACTS: NotifyFacts = {
  event: 'refer',
  state: 'active;expires=60',
  type: 'message/sipfrag;version=2.0',
  body: 'SIP/2.0 100 Trying\r\n',
}

const read = (facts: Partial<NotifyFacts>) => readReferNotify({ ...FACTS, ...facts })

describe('a NOTIFY of a REFER', () => {
  const GOOD: readonly (readonly [why: string, facts: Partial<NotifyFacts>, want: unknown[]])[] = [
    ['says how far it is', {}, [100, 'Trying', false]],
    ['names the REFER', { event: 'Refer ; id=93809824' }, [100, 'Trying', false]],
    ['ends it', { state: 'terminated;reason=noresource', body: 'SIP/2.0 200 OK' }, [200, 'OK', true]],
    ['has no words', { body: 'SIP/2.0 486' }, [486, '', false]],
    ['has more of the response', { body: 'SIP/2.0 180 Ringing\r\nTo: <sip:b@192.0.2.1>\r\n' }, [180, 'Ringing', false]],
    ['ends it without a word', { state: 'TERMINATED', body: '', type: undefined }, [null, '', true]],
    ['has no type', { type: undefined }, [100, 'Trying', false]],
    ['waits for leave', { state: 'pending' }, [100, 'Trying', false]],
  ]
  for (const [why, facts, want] of GOOD) {
    it(`is read where it ${why}`, () => {
      const notify = read(facts)
      assert.deepEqual(notify.ok ? [notify.value.status, notify.value.reason, notify.value.isOver] : notify, want)
    })
  }

  const BAD: readonly (readonly [why: string, facts: Partial<NotifyFacts>, status: number])[] = [
    ['has no Event', { event: undefined }, 489],
    ['is of another package', { event: 'presence' }, 489],
    ['has no Subscription-State', { state: undefined }, 400],
    ['says nothing', { body: ' \r\n' }, 400],
    ['has no fragment', { type: 'application/sdp', body: 'v=0\r\n' }, 415],
    ['has a malformed type', { type: 'sipfrag' }, 415],
    ['has a request in it', { body: 'INVITE sip:bob@192.0.2.1 SIP/2.0\r\n' }, 400],
    ['has a status that is none', { body: 'SIP/2.0 700 Never\r\n' }, 400],
    ['is cut', { body: 'SIP/2.0 2' }, 400],
  ]
  for (const [why, facts, status] of BAD) {
    it(`is refused with ${status} where it ${why}`, () => {
      const notify = read(facts)
      assert.equal(notify.ok ? notify.value : notify.error.status, status)
    })
  }

  it('is read or refused, and its words are bounded and of one line, whatever it is', () => {
    const text = fc.oneof(fc.string({ maxLength: 400 }), fc.constant('refer'), fc.constant('message/sipfrag'))
    const body = fc.oneof(
      text,
      fc.string({ maxLength: 400 }).map((words) => `SIP/2.0 200 ${words}`),
    )
    fc.assert(
      fc.property(fc.record({ event: text, state: text, type: text, body }), (facts) => {
        const notify = readReferNotify(facts)
        if (notify.ok) assert.match(notify.value.reason, /^[^\r\n]{0,200}$/)
      }),
    )
  })
})
