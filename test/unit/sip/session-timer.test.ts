import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  glareBackoffMs,
  parseSessionExpires,
  type SessionTimerInput,
  sessionTimerDeadlineMs,
  startSessionTimer,
  stepSessionTimer,
} from '../../../lib/sip/session-timer.ts'

/** Wakes a timer of 1800 s at its deadlines in virtual time until it expires, and lists what it did. */
function run(weRefresh: boolean, answer: SessionTimerInput | undefined): string[] {
  let state = startSessionTimer({ intervalS: 1800, weRefresh }, 0)
  const effects: string[] = []
  for (let wakes = 0; wakes < 100; wakes++) {
    const nowMs = sessionTimerDeadlineMs(state)
    const woken = stepSessionTimer(state, 'wake', nowMs)
    state = woken.state
    for (const effect of woken.effects) effects.push(`${effect} ${Math.round(nowMs / 1000)}`)
    if (woken.effects.includes('expire')) return effects
    if (!woken.effects.includes('refresh') || answer === undefined) continue
    const answered = stepSessionTimer(state, answer, nowMs)
    state = answered.state
    for (const effect of answered.effects) effects.push(`${effect} ${Math.round(nowMs / 1000)}`)
    if (answered.effects.includes('expire')) return effects
  }
  throw new Error('it never ends')
}

describe('session timer', () => {
  it('refreshes at half of the interval and ends 32 s before its end where no answer comes', () => {
    assert.deepEqual(run(true, undefined), ['refresh 900', 'expire 1768'])
  })

  it('waits for the refresh of the peer and ends 32 s before the end of the interval', () => {
    assert.deepEqual(run(false, undefined), ['expire 1768'])
  })

  it('tries again after half of what is left where its refresh is refused, and ends in time', () => {
    const effects = run(true, 'failed')
    assert.deepEqual(effects.slice(0, 3), ['refresh 900', 'refresh 1334', 'refresh 1551'])
    assert.equal(effects.at(-1), 'expire 1768')
  })

  it('tries again as soon as it is told where its refresh met one of the peer, and in time at the end', () => {
    const effects = run(true, { retryInMs: 300_000 })
    assert.deepEqual(effects.slice(0, 3), ['refresh 900', 'refresh 1200', 'refresh 1484'])
    assert.equal(effects.at(-1), 'expire 1768')
    assert.ok(effects.length < 20)
  })

  it('waits 2.1 to 4 s after such a meeting where its side made the call, and less on the other', () => {
    assert.deepEqual([glareBackoffMs('uac', 0), glareBackoffMs('uac', 0.9999)], [2100, 4000])
    assert.deepEqual([glareBackoffMs('uas', 0), glareBackoffMs('uas', 0.9999)], [0, 2000])
  })

  it('ends at once where the peer knows the dialog no more', () => {
    assert.deepEqual(run(true, 'lost'), ['refresh 900', 'expire 900'])
  })

  it('reads interval and refresher, and refuses the rest', () => {
    assert.deepEqual(parseSessionExpires('1800;refresher=UAS'), { intervalS: 1800, refresher: 'uas' })
    assert.deepEqual(parseSessionExpires('90 ; x=1'), { intervalS: 90, refresher: undefined })
    assert.deepEqual(parseSessionExpires('4000000000'), { intervalS: 86_400, refresher: undefined })
    for (const text of [undefined, '', '0', 'x', '-1', '1 2']) assert.equal(parseSessionExpires(text), undefined)
    fc.assert(fc.property(fc.string(), (text) => void parseSessionExpires(text)))
  })
})
