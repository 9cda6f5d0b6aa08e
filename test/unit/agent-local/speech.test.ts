import assert from 'node:assert/strict'
import { checkFaults, parseFaults } from '../../../lib/agent/local/faults.ts'
import { pronounceable, splitSentences } from '../../../lib/agent/local/sentences.ts'
import { SpeechCache } from '../../../lib/agent/local/speech-cache.ts'

describe('sentences for the synthesizer', () => {
  it('splits at the ends of sentences and nowhere else', () => {
    assert.deepEqual(splitSentences('Hello, Dr. Who? You spoke for 2.3 seconds.  Bye!\nNext'), [
      'Hello, Dr.',
      'Who?',
      'You spoke for 2.3 seconds.',
      'Bye!',
      'Next',
    ])
    assert.deepEqual(splitSentences('  \n '), [])
  })

  it('cuts text without an end at a space, and a word without an end anywhere', () => {
    const pieces = splitSentences(`${'word '.repeat(200)}${'x'.repeat(700)}`)
    assert.ok(pieces.every((piece) => piece.length <= 300 && piece !== ''))
    assert.equal(pieces.join('').replaceAll(' ', ''), 'word'.repeat(200) + 'x'.repeat(700))
  })

  it('takes off what cannot be pronounced', () => {
    assert.equal(pronounceable('Zoë’s “café” — 100\u0000 € 漢'), 'Zoe\'s "cafe" ,  100')
  })
})

describe('speech cache', () => {
  it('forgets what was unused for longest when it is full', () => {
    const cache = new SpeechCache(300)
    const samples = new Int16Array(50)
    for (const sentence of ['a', 'b', 'c']) cache.set(sentence, samples)
    cache.get('a')
    cache.set('d', samples)
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((sentence) => cache.get(sentence) !== undefined),
      [true, false, true, true],
    )
    assert.equal(cache.bytes, 300)
  })

  it('keeps nothing that is larger than itself, and counts a sentence once', () => {
    const cache = new SpeechCache(300)
    cache.set('a', new Int16Array(100))
    cache.set('a', new Int16Array(100))
    assert.equal(cache.bytes, 200)
    cache.set('huge', new Int16Array(1_000))
    assert.deepEqual([cache.bytes, cache.get('huge')], [0, undefined])
  })
})

describe('faults as text', () => {
  it('reads switches, numbers and words', () => {
    const faults = parseFaults(' dropAfterMs=500; halfOpen;failResponse=server_error ;')
    assert.deepEqual(faults, { ok: true, value: { dropAfterMs: 500, halfOpen: true, failResponse: 'server_error' } })
    assert.deepEqual(parseFaults(''), { ok: true, value: {} })
  })

  it('refuses what does not exist or cannot be', () => {
    for (const text of ['nonsense', 'slowMs=soon', 'slowMs=-1', 'refuseStatus=200', '__proto__=1', '=']) {
      assert.ok(!parseFaults(text).ok, text)
    }
    assert.ok(!checkFaults(7).ok)
  })
})
