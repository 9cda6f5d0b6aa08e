import assert from 'node:assert/strict'
import fc from 'fast-check'
import { BlockPool } from '../../../lib/media/block-pool.ts'
import { MAX_QUEUED_ITEMS, MAX_QUEUED_SAMPLES, Playout } from '../../../lib/media/playout.ts'

const SILENCE = 0xff
/** No multiple of a frame, so that frames lie across blocks. */
const BLOCK_BYTES = 1000
const newPool = (): BlockPool => new BlockPool(BLOCK_BYTES, 8)
const bytes = (count: number, value = 1): Uint8Array => new Uint8Array(count).fill(value)

function nextFrame(playout: Playout): Uint8Array | null {
  const frame = new Uint8Array(160)
  return playout.next(frame, SILENCE) ? frame : null
}

describe('The playout queue', () => {
  it('holds a partial frame back while its item may still grow', () => {
    const playout = new Playout(newPool())
    playout.play('a', bytes(159))
    assert.equal(nextFrame(playout), null)
    playout.play('a', bytes(1))
    assert.deepEqual(nextFrame(playout), bytes(160))
  })

  it('pads the last frame of an item with silence, counts only what was said and tells that it was played', () => {
    const playout = new Playout(newPool())
    playout.play('a', bytes(100))
    playout.end('a')
    const frame = nextFrame(playout)
    assert.deepEqual(frame?.subarray(98, 103), Uint8Array.of(1, 1, SILENCE, SILENCE, SILENCE))
    assert.deepEqual(playout.takePlayed(), ['a'])
    assert.deepEqual(playout.takePlayed(), [])
    assert.equal(playout.queuedSamples, 0)
  })

  it('pads an item that another one follows, as it can only end there', () => {
    const playout = new Playout(newPool())
    playout.play('a', bytes(10, 1))
    playout.play('b', bytes(160, 2))
    assert.equal(nextFrame(playout)?.[10], SILENCE)
    assert.deepEqual(nextFrame(playout), bytes(160, 2))
  })

  it('tells of an item that ends after all of it was sent', () => {
    const playout = new Playout(newPool())
    playout.play('a', bytes(160))
    nextFrame(playout)
    assert.deepEqual(playout.takePlayed(), [])
    playout.end('a')
    assert.deepEqual(playout.takePlayed(), ['a'])
  })

  it('drops everything at a flush and tells what was sent of each item', () => {
    const playout = new Playout(newPool())
    playout.play('a', bytes(500))
    playout.play('b', bytes(70))
    nextFrame(playout)
    assert.deepEqual(playout.flush(), [
      { itemId: 'a', sentSamples: 160, receivedSamples: 500 },
      { itemId: 'b', sentSamples: 0, receivedSamples: 70 },
    ])
    assert.equal(nextFrame(playout), null)
    assert.deepEqual(playout.flush(), [])
  })

  it('ignores the end of an item that it does not know', () => {
    const playout = new Playout(newPool())
    playout.end('nobody')
    assert.deepEqual(playout.takePlayed(), [])
  })

  it('takes five minutes and refuses what is beyond, whole', () => {
    const playout = new Playout(newPool())
    assert.equal(playout.play('a', bytes(MAX_QUEUED_SAMPLES - 10)), true)
    assert.equal(playout.play('a', bytes(11)), false)
    assert.equal(playout.queuedSamples, MAX_QUEUED_SAMPLES - 10)
    assert.equal(playout.play('a', bytes(10)), true)
  })

  it('refuses more items than anyone queues', () => {
    const playout = new Playout(newPool())
    for (let i = 0; i < MAX_QUEUED_ITEMS; i++) assert.equal(playout.play(`item ${i}`, bytes(1)), true)
    assert.equal(playout.play('one more', bytes(1)), false)
  })

  it('gives every block back: those that were read, and the others at a flush', () => {
    const pool = newPool()
    const playout = new Playout(pool)
    playout.play('a', bytes(3 * BLOCK_BYTES))
    for (let sent = 0; sent <= BLOCK_BYTES; sent += 160) nextFrame(playout)
    assert.equal(pool.free, 1)
    playout.flush()
    assert.equal(pool.free, 3)
    playout.play('b', bytes(BLOCK_BYTES + 160))
    playout.end('b')
    assert.equal(pool.free, 1)
    while (nextFrame(playout) !== null);
    assert.equal(pool.free, 3)
  })

  it('shares its blocks with other queues, and no byte is heard on another line', () => {
    const turn = fc.record({ line: fc.nat({ max: 2 }), feed: fc.nat({ max: 9000 }), frames: fc.nat({ max: 80 }) })
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 40 }), (turns) => {
        const pool = newPool()
        const lines = [1, 2, 3].map((value) => ({ value, playout: new Playout(pool) }))
        for (const { line, feed, frames } of turns) {
          const { value, playout } = lines[line] ?? assert.fail()
          playout.play('a', bytes(feed, value))
          for (let i = 0; i < frames; i++) assert.ok(nextFrame(playout)?.every((byte) => byte === value) ?? true)
          if (feed % 7 === 0) playout.flush()
        }
      }),
    )
  })

  it('gives out every byte once and in order, however it is fed', () => {
    const step = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constant('frame' as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const playout = new Playout(newPool())
        const heard: number[] = []
        let said = 0
        const frame = new Uint8Array(160)
        for (const each of steps) {
          if (each === 'frame') {
            if (playout.next(frame, SILENCE)) heard.push(...frame)
          } else {
            playout.play(
              'a',
              Uint8Array.from({ length: each }, () => said++ % 251),
            )
          }
        }
        playout.end('a')
        while (playout.next(frame, SILENCE)) heard.push(...frame)
        assert.ok(heard.slice(0, said).every((byte, i) => byte === i % 251))
        assert.equal(heard.length, Math.ceil(said / 160) * 160)
      }),
    )
  })
})
