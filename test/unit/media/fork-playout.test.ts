import assert from 'node:assert/strict'
import { BlockPool } from '../../../lib/media/block-pool.ts'
import { CHUNK_SAMPLES, type Chunk, ForkPlayout } from '../../../lib/media/fork-playout.ts'
import { SILENCE } from '../../../lib/media/g711.ts'

const newPlayout = (): ForkPlayout => new ForkPlayout(new BlockPool(4096, 8))
const voice = (samples: number): Uint8Array => new Uint8Array(samples).fill(0x12)

/** All chunks that may go now, with copies of their audio. */
function take(playout: ForkPlayout, nowMs: number): Chunk[] {
  const chunks: Chunk[] = []
  for (let chunk = playout.next(nowMs, 'PCMU'); chunk !== null; chunk = playout.next(nowMs, 'PCMU')) {
    chunks.push({ ...chunk, audio: Uint8Array.from(chunk.audio) })
  }
  return chunks
}

describe('the playout queue of a leg on FreeSWITCH', () => {
  it('hands over no more than 240 ms ahead, however much there is', () => {
    const playout = newPlayout()
    playout.play('a', voice(80_000))
    assert.equal(take(playout, 1000).length, 3)
    assert.equal(take(playout, 1020).length, 0)
    playout.onMark('s1', true, 1010)
    assert.equal(take(playout, 1089).length, 0)
    assert.equal(take(playout, 1090).length, 1)
    for (let nowMs = 1100; nowMs < 5000; nowMs += 20) {
      take(playout, nowMs)
      assert.ok(playout.heldSamples(nowMs) <= 3 * CHUNK_SAMPLES)
      assert.ok(playout.heldSamples(nowMs) > CHUNK_SAMPLES)
    }
  })

  it('marks the begin and the end of a spurt, and nothing within', () => {
    const playout = newPlayout()
    playout.play('a', voice(3 * CHUNK_SAMPLES))
    playout.end('a')
    assert.deepEqual(
      take(playout, 0).map(({ markBefore, markAfter }) => [markBefore, markAfter]),
      [
        ['s1', null],
        [null, null],
        [null, 'e1920'],
      ],
    )
  })

  it('fills the last chunk of an item with silence, so that none of it stays in the prebuffer', () => {
    const playout = newPlayout()
    playout.play('a', voice(700))
    assert.equal(take(playout, 0).length, 1)
    playout.end('a')
    const [rest] = take(playout, 20)
    assert.deepEqual(
      rest?.audio,
      Uint8Array.from({ length: CHUNK_SAMPLES }, (_, i) => (i < 60 ? 0x12 : SILENCE.PCMU)),
    )
  })

  it('waits for the rest of a chunk while FreeSWITCH has something to play, and no longer than 60 ms after', () => {
    const playout = newPlayout()
    playout.play('a', voice(CHUNK_SAMPLES + 200))
    assert.equal(take(playout, 0).length, 1)
    assert.equal(take(playout, 60).length, 0)
    assert.equal(take(playout, 120).length, 1)
  })

  it('tells of an item as played when its last sample was, not when it was handed over', () => {
    const playout = newPlayout()
    playout.play('a', voice(1000))
    playout.end('a')
    take(playout, 0)
    playout.onMark('s1', true, 10)
    assert.deepEqual(playout.takePlayed(134), [])
    assert.deepEqual(playout.takePlayed(135), ['a'])
    assert.deepEqual(playout.takePlayed(200), [])
  })

  it('believes the mark at the end more than its clock', () => {
    const playout = newPlayout()
    playout.play('a', voice(CHUNK_SAMPLES))
    playout.end('a')
    take(playout, 0)
    playout.onMark('e640', true, 50)
    assert.deepEqual(playout.takePlayed(50), ['a'])
    assert.equal(playout.heldSamples(50), 0)
  })

  it('tells at barge-in what was played, by the clock from the first mark on', () => {
    const playout = newPlayout()
    playout.play('a', voice(8000))
    playout.play('b', voice(100))
    take(playout, 0)
    playout.onMark('s1', true, 12)
    assert.deepEqual(playout.flush(112), [
      { itemId: 'a', sentSamples: 800, receivedSamples: 8000 },
      { itemId: 'b', sentSamples: 0, receivedSamples: 100 },
    ])
    assert.equal(playout.queuedSamples(112), 0)
  })

  it('tells at barge-in also of an item that was handed over whole and not played to its end', () => {
    const playout = newPlayout()
    playout.play('a', voice(1000))
    playout.end('a')
    take(playout, 0)
    playout.onMark('s1', true, 0)
    assert.deepEqual(playout.flush(100), [{ itemId: 'a', sentSamples: 800, receivedSamples: 1000 }])
    assert.deepEqual(playout.takePlayed(1000), [])
  })

  it('sends nothing for 40 ms after killAudio, which would throw it away', () => {
    const playout = newPlayout()
    playout.play('a', voice(8000))
    take(playout, 0)
    playout.flush(100)
    playout.play('b', voice(8000))
    assert.equal(take(playout, 139).length, 0)
    assert.equal(take(playout, 140).length, 3)
  })

  it('goes by the clock alone once a mark within audio was thrown away, as the module then mixes them up', () => {
    const playout = newPlayout()
    playout.play('a', voice(8000))
    take(playout, 0)
    playout.flush(5)
    playout.onMark('s1', false, 20)
    playout.play('b', voice(CHUNK_SAMPLES))
    playout.end('b')
    assert.deepEqual(
      take(playout, 100).map(({ markBefore, markAfter }) => [markBefore, markAfter]),
      [[null, null]],
    )
    assert.deepEqual(playout.takePlayed(194), [])
    assert.deepEqual(playout.takePlayed(195), ['b'])
  })

  it('begins a new spurt after it has run dry', () => {
    const playout = newPlayout()
    playout.play('a', voice(CHUNK_SAMPLES))
    take(playout, 0)
    playout.play('a', voice(CHUNK_SAMPLES))
    assert.deepEqual(
      take(playout, 500).map(({ markBefore }) => markBefore),
      ['s2'],
    )
    playout.onMark('s1', true, 505)
    assert.deepEqual(playout.flush(535), [
      { itemId: 'a', sentSamples: CHUNK_SAMPLES + 160, receivedSamples: 2 * CHUNK_SAMPLES },
    ])
  })
})
