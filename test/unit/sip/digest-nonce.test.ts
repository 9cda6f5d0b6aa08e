import assert from 'node:assert/strict'
import {
  judgeNonce,
  MAX_TRACKED_NONCES,
  makeNonce,
  NONCE_LIFETIME_MS,
  NonceCounts,
} from '../../../lib/sip/digest-nonce.ts'

const KEY = Buffer.from('a key of this fleet')
const RANDOM = Buffer.from([1, 2, 3, 4, 5, 6])
const NOW_MS = 1_700_000_000_000

describe('a nonce', () => {
  const nonce = makeNonce(KEY, 'example.com', NOW_MS, RANDOM)

  const verdicts: readonly [why: string, verdict: string, key: Buffer, realm: string, atMs: number, text: string][] = [
    ['at once', 'fresh', KEY, 'example.com', NOW_MS, nonce],
    ['at the end of its life', 'fresh', KEY, 'example.com', NOW_MS + NONCE_LIFETIME_MS, nonce],
    ['after its life', 'stale', KEY, 'example.com', NOW_MS + NONCE_LIFETIME_MS + 1, nonce],
    ['before it was made', 'stale', KEY, 'example.com', NOW_MS - 1, nonce],
    ['with the key of others', 'forged', Buffer.from('another key'), 'example.com', NOW_MS, nonce],
    ['in another realm', 'forged', KEY, 'example.org', NOW_MS, nonce],
    ['with one character changed', 'forged', KEY, 'example.com', NOW_MS, `A${nonce.slice(1)}B`],
    ['when it is no nonce at all', 'forged', KEY, 'example.com', NOW_MS, '!'],
    ['when it is empty', 'forged', KEY, 'example.com', NOW_MS, ''],
  ]
  for (const [why, verdict, key, realm, atMs, text] of verdicts) {
    it(`is ${verdict} ${why}`, () => assert.equal(judgeNonce(key, realm, atMs, text), verdict))
  }
})

describe('the counts of nonces', () => {
  it('take a count once, and none below it', () => {
    const counts = new NonceCounts()
    assert.equal(counts.isNew('n', 1), true)
    assert.equal(counts.isNew('n', 1), false)
    assert.equal(counts.isNew('n', 5), true)
    assert.equal(counts.isNew('n', 4), false)
    assert.equal(counts.isNew('other', 1), true)
  })

  it('forget the nonce used least recently when there are too many', () => {
    const counts = new NonceCounts()
    counts.isNew('first', 1)
    counts.isNew('second', 1)
    for (let i = 2; i < MAX_TRACKED_NONCES; i++) counts.isNew(`n${i}`, 1)
    counts.isNew('first', 2)
    counts.isNew('one more', 1)
    assert.equal(counts.size, MAX_TRACKED_NONCES)
    assert.equal(counts.isNew('first', 2), false)
    assert.equal(counts.isNew('second', 1), true)
  })
})
