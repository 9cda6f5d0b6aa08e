import assert from 'node:assert/strict'
import { HeardAudio } from '../../../lib/media/heard-audio.ts'

describe('audio that is heard later than it is handed over', () => {
  const take = (heard: HeardAudio, position: number): readonly number[] => {
    const found: number[] = []
    heard.take(position, (audio) => found.push(...audio))
    return found
  }

  it('is given out as far as it was heard, once', () => {
    const heard = new HeardAudio()
    heard.push(Uint8Array.of(1, 2, 3))
    heard.push(Uint8Array.of(4, 5))
    assert.deepEqual(take(heard, 0), [])
    assert.deepEqual(take(heard, 2), [1, 2])
    assert.deepEqual(take(heard, 1), [])
    assert.deepEqual(take(heard, 4), [3, 4])
    assert.deepEqual(take(heard, 99), [5])
  })

  it('is forgotten where barge-in throws it away, and what follows begins after it', () => {
    const heard = new HeardAudio()
    heard.push(Uint8Array.of(1, 2, 3))
    assert.deepEqual(take(heard, 1), [1])
    heard.drop(3)
    heard.push(Uint8Array.of(7, 8))
    assert.deepEqual(take(heard, 4), [7])
  })

  it('is copied, so that who handed it over may use its bytes again', () => {
    const heard = new HeardAudio()
    const audio = Uint8Array.of(1)
    heard.push(audio)
    audio[0] = 9
    assert.deepEqual(take(heard, 1), [1])
  })
})
