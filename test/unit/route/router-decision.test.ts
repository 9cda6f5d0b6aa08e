import assert from 'node:assert/strict'
import { objectionTo, readRouterAnswer, readRouterJson, withinHops } from '../../../lib/route/router-decision.ts'

describe('The answer of a router', () => {
  const GOOD: readonly (readonly [why: string, answer: unknown, want: unknown])[] = [
    ['leaves the call alone by saying nothing', undefined, null],
    ['names an agent', { bridge: 'intake' }, { bridge: 'intake', variables: {} }],
    ['gives it variables', { bridge: 'a', variables: { x: 'y' } }, { bridge: 'a', variables: { x: 'y' } }],
    [
      'redirects',
      { redirect: ['sip:desk@192.0.2.1;transport=tcp'] },
      { redirect: ['sip:desk@192.0.2.1;transport=tcp'] },
    ],
    ['dials', { dial: ['sip:desk@192.0.2.1'] }, { dial: ['sip:desk@192.0.2.1'] }],
    [
      'dials numbers over groups, each as it is to be',
      {
        dial: ['sip:a@192.0.2.1', { number: '+12025550123', group: 'us', timeoutMs: 5_000, headers: { Subject: 'x' } }],
        mode: 'parallel',
        timeoutMs: 20_000,
        headers: { 'X-Ticket': '1' },
      },
      {
        dial: ['sip:a@192.0.2.1', { number: '+12025550123', group: 'us', timeoutMs: 5_000, headers: { Subject: 'x' } }],
        mode: 'parallel',
        timeoutMs: 20_000,
        headers: { 'X-Ticket': '1' },
      },
    ],
    [
      'sends it on',
      { proxy: ['sip:a@192.0.2.1'], mode: 'parallel', timeoutMs: 5_000 },
      { proxy: ['sip:a@192.0.2.1'], mode: 'parallel', timeoutMs: 5_000 },
    ],
    ['rejects', { reject: 603 }, { reject: 603 }],
    ['rejects with words of its own', { reject: 486, reason: 'Gone Fishing' }, { reject: 486, reason: 'Gone Fishing' }],
  ]
  for (const [why, answer, want] of GOOD)
    it(why, () => assert.deepEqual(readRouterAnswer(answer), { ok: true, value: want }))

  const BAD: readonly (readonly [why: string, answer: unknown, want: RegExp])[] = [
    ['text', 'intake', /no object: a string/],
    ['a list', [], /no object: an array/],
    ['nothing of all', {}, /none of/],
    ['two at a time', { bridge: 'a', reject: 603 }, /several/],
    ['nobody to send it on to', { proxy: [] }, /^proxy: names nobody/],
    ['a place that is none', { proxy: ['sip:a@192.0.2.1', 'desk'] }, /^proxy\.1: is no sip: or sips: URI/],
    ['a proxy of a number', { proxy: [{ number: '1' }] }, /^proxy\.0: /],
    ['nobody to dial', { dial: [] }, /^dial: names nobody/],
    ['nine to dial', { dial: Array(9).fill('sip:a@192.0.2.1') }, /^dial: more than 8/],
    ['a URI that cannot be called', { dial: ['tel:+12025550123'] }, /^dial\.0: is no sip: or sips: URI/],
    ['a URI with headers of its own', { dial: ['sip:a@192.0.2.1?X=y'] }, /^dial\.0: /],
    ['a target that is neither', { dial: [{ group: 'us' }] }, /^dial\.0: is neither a URI nor/],
    ['a URI over a group', { dial: [{ uri: 'sip:a@192.0.2.1', group: 'us' }] }, /^dial\.0: /],
    ['a time that is none', { dial: ['sip:a@192.0.2.1'], timeoutMs: 10 }, /^timeoutMs: less than 1000 ms/],
    [
      'a time of one that is none',
      { dial: [{ number: '1', timeoutMs: 1e6 }] },
      /^dial\.0\.timeoutMs: more than 180000/,
    ],
    ['a header of the dialog', { dial: ['sip:a@192.0.2.1'], headers: { Contact: 'x' } }, /^headers\.Contact: neither/],
    [
      'a second header in one',
      { dial: ['sip:a@192.0.2.1'], headers: { 'X-A': 'x\r\nB: y' } },
      /^headers\.X-A: has other/,
    ],
    ['a status that is no refusal', { reject: 200 }, /^reject: .*400 to 699/],
    ['a redirection without a target', { reject: 302 }, /`redirect`/],
    ['a challenge', { reject: 407 }, /challenge/],
    ['a second header in the reason', { reject: 603, reason: 'No\r\nX: y' }, /^reason: /],
    ['a Contact that is several', { redirect: ['sip:a@192.0.2.1>,<sip:b@192.0.2.2'] }, /^redirect\.0: /],
    ['no target', { redirect: [] }, /^redirect: /],
    ['a variable that is no text', { bridge: 'a', variables: { x: 1 } }, /^variables\.x: /],
    ['an unknown field', { bridge: 'a', agent: 'b' }, /agent/],
  ]
  for (const [why, answer, want] of BAD)
    it(`is refused, with the place: ${why}`, () => {
      const read = readRouterAnswer(answer)
      assert.ok(!read.ok)
      assert.match(read.error, want)
    })

  it('is refused in few words, however many the router has used', () => {
    const read = readRouterAnswer({ bridge: 'a', ['x'.repeat(60_000)]: 1 })
    assert.ok(!read.ok && read.error.length <= 300)
  })

  it('is refused where it is no JSON', () => {
    assert.deepEqual(readRouterJson('{'), { ok: false, error: 'the answer is no JSON' })
    assert.deepEqual(readRouterJson('null'), { ok: true, value: null })
  })

  it('must fit the call: an agent of its tenant, and one redirection', () => {
    const call = { hasAgent: (name: string) => name === 'intake', redirected: true }
    assert.equal(objectionTo({ bridge: 'intake' }, call), null)
    assert.equal(objectionTo({ bridge: 'other' }, call), 'bridge: no agent is named other')
    assert.match(objectionTo({ redirect: ['sip:a@192.0.2.1'] }, call) ?? '', /redirected before/)
    assert.equal(objectionTo({ redirect: ['sip:a@192.0.2.1'] }, { ...call, redirected: false }), null)
    assert.equal(objectionTo({ reject: 603 }, call), null)
  })

  it('is 483 where it would send on a call that was sent on too often', () => {
    const [dial, proxy] = [{ dial: ['sip:a@192.0.2.1'] }, { proxy: ['sip:a@192.0.2.1'] }]
    for (const decision of [dial, proxy]) {
      assert.deepEqual(withinHops(decision, 0), { reject: 483 })
      for (const hops of [1, null]) assert.equal(withinHops(decision, hops), decision)
    }
    assert.deepEqual(withinHops({ redirect: dial.dial }, 0), { redirect: dial.dial })
  })
})
