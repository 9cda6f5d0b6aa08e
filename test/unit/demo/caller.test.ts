import assert from 'node:assert/strict'
import { beginCalling, type CallingAnswer, judgeCalling } from '../../../lib/demo/caller.ts'

const A = 'sip:+15550100@127.0.0.1:5060'
const B = 'sip:+15550100@127.0.0.2:5060;tandem-hop=1'
const C = 'sip:+15550100@127.0.0.3:5060;tandem-hop=1'
const moved = (...contacts: readonly string[]): CallingAnswer => ({ status: 302, contact: contacts.join(', ') })
const answer = (status: number | null): CallingAnswer => ({ status, contact: '' })

/** The URIs that are tried after `A`, answer by answer, up to the first that is the last; and the 302 that were followed. */
function follow(...answers: readonly CallingAnswer[]): {
  readonly tried: readonly string[]
  readonly redirects: number
} {
  let calling = beginCalling(A)
  for (const each of answers) {
    const next = judgeCalling(calling, each)
    if (next === undefined) return { tried: calling.tried.slice(1), redirects: calling.redirects }
    calling = next
  }
  return { tried: calling.tried.slice(1), redirects: calling.redirects }
}

describe('a carrier that places a call', () => {
  it('follows a 302 to its Contacts in the order of their q', () => {
    const both = moved(`<${C}>;q=0.5`, `<${B}>;q=0.9`)
    assert.deepEqual(follow(both), { tried: [B], redirects: 1 })
    assert.deepEqual(follow(both, answer(503)), { tried: [B, C], redirects: 1 })
    assert.deepEqual(follow(both, answer(null)), { tried: [B, C], redirects: 1 })
  })

  it('takes every other answer as the last', () => {
    for (const status of [486, 404, 603, 480, 487]) {
      assert.deepEqual(follow(moved(`<${B}>`, `<${C}>`), answer(status), answer(503)), { tried: [B], redirects: 1 })
    }
    assert.equal(judgeCalling(beginCalling(A), answer(503)), undefined)
  })

  it('tries the Contacts of a second 302 before those that are left of the first', () => {
    const D = 'sip:+15550100@127.0.0.4'
    const way = follow(moved(`<${B}>`, `<${C}>`), moved(`<${D}>`), answer(500), answer(500))
    assert.deepEqual(way, { tried: [B, D, C], redirects: 2 })
  })

  it('goes nowhere twice, and follows five 302 at most', () => {
    assert.equal(judgeCalling(beginCalling(A), moved(`<${A}>`)), undefined)
    const many = Array.from({ length: 9 }, (_, i) => moved(`<sip:+15550100@127.0.1.${i}>`))
    assert.equal(follow(...many).redirects, 5)
  })

  it('never leaves this machine, nor goes where only a name leads', () => {
    const strangers = moved('<sip:+15550100@192.0.2.1>', '<sip:+15550100@example.net>', '<tel:+15550100>')
    assert.equal(judgeCalling(beginCalling(A), strangers), undefined)
    assert.deepEqual(follow(moved('<sip:+15550100@192.0.2.1>;q=1', `<${B}>;q=0.1`)), { tried: [B], redirects: 1 })
  })
})
