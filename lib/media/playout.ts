import type { BlockPool } from './block-pool.ts'
import { FRAME_SAMPLES, transcode } from './g711.ts'

/** Samples of one item: handed to the RTP socket, and received for it from the talker. */
export interface PlayedSamples {
  readonly itemId: string
  readonly sentSamples: number
  readonly receivedSamples: number
}

/** Five minutes: more than any answer that someone listens to. A talker that is told `false` must wait. */
export const MAX_QUEUED_SAMPLES = 300 * 8000
/** Items in the queue at one time. */
export const MAX_QUEUED_ITEMS = 256

interface Item {
  readonly itemId: string
  sent: number
  received: number
  ended: boolean
}

/** A run of bytes of one item in the queue. */
interface Segment {
  readonly item: Item
  left: number
}

/**
 * The playout queue: audio of items in the order it came, given out one 20 ms frame at a time. Audio of an item is
 * only split at frames; a partial frame waits for more of its item and is padded only where the item ends, or where
 * another item follows. Bytes live in blocks of a pool that the legs of a worker share: a queue takes one when the last
 * is full and gives it back when it is read, so that neither answers nor calls leave garbage.
 */
export class Playout {
  readonly #pool: BlockPool
  /** The first holds the next byte at `#head`; all but the last are full. */
  #blocks: Uint8Array[] = []
  #head = 0
  #queued = 0
  readonly #items = new Map<string, Item>()
  #segments: Segment[] = []
  #ending = false

  constructor(pool: BlockPool) {
    this.#pool = pool
  }

  /** Samples that have not been given out. */
  get queuedSamples(): number {
    return this.#queued
  }

  /** Whose audio `next` would give out; null where nothing is queued. */
  get headItem(): string | null {
    return this.#segments[0]?.item.itemId ?? null
  }

  /** Whether the item that was queued last is over, so that waiting brings no more of it. */
  get lastItemEnded(): boolean {
    return this.#segments.at(-1)?.item.ended ?? false
  }

  /** Appends audio of an item. False where the queue is full; then nothing was taken. */
  play(itemId: string, audio: Uint8Array): boolean {
    if (this.#queued + audio.length > MAX_QUEUED_SAMPLES) return false
    let item = this.#items.get(itemId)
    if (item === undefined) {
      if (this.#items.size >= MAX_QUEUED_ITEMS) return false
      item = { itemId, sent: 0, received: 0, ended: false }
      this.#items.set(itemId, item)
    }
    item.received += audio.length
    if (audio.length === 0) return true
    const last = this.#segments.at(-1)
    if (last?.item === item) last.left += audio.length
    else this.#segments.push({ item, left: audio.length })
    this.#append(audio)
    return true
  }

  /** No more of this item will come. An item that was never played, or is over, is ignored. */
  end(itemId: string): void {
    const item = this.#items.get(itemId)
    if (item === undefined) return
    item.ended = true
    this.#ending = true
  }

  /** Writes the next audio into `frame` (160 bytes) and counts it as sent. False where there is nothing to say now. */
  next(frame: Uint8Array, silence: number): boolean {
    const segment = this.#segments[0]
    if (segment === undefined) return false
    const mayPad = segment.item.ended || this.#segments.length > 1
    if (segment.left < FRAME_SAMPLES && !mayPad) return false
    const count = Math.min(segment.left, FRAME_SAMPLES)
    this.#read(frame, count)
    if (count < FRAME_SAMPLES) frame.fill(silence, count)
    segment.left -= count
    segment.item.sent += count
    if (segment.left === 0) this.#segments.shift()
    return true
  }

  /** Items whose last sample has been given out since the last call, in order. Allocates only where there are any. */
  takePlayed(): readonly string[] {
    if (!this.#ending) return NONE
    const played: string[] = []
    let pending = false
    for (const item of this.#items.values()) {
      if (!item.ended) continue
      if (item.sent === item.received) played.push(item.itemId)
      else pending = true
    }
    for (const itemId of played) this.#items.delete(itemId)
    this.#ending = pending
    return played
  }

  /** Drops all that is queued and tells what was sent of each item that is not over. */
  flush(): readonly PlayedSamples[] {
    const items = [...this.#items.values()].map(({ itemId, sent, received }) => ({
      itemId,
      sentSamples: sent,
      receivedSamples: received,
    }))
    this.#items.clear()
    this.#segments = []
    this.#ending = false
    this.#queued = 0
    this.#release()
    return items
  }

  /** Turns what is queued into another law, when the codec changes. */
  transcode(table: Uint8Array): void {
    for (const block of this.#blocks) transcode(block, table)
  }

  #append(audio: Uint8Array): void {
    for (let at = 0; at < audio.length; ) {
      const place = (this.#head + this.#queued) % this.#pool.blockBytes
      const block = (place === 0 ? undefined : this.#blocks.at(-1)) ?? this.#addBlock()
      const count = Math.min(audio.length - at, this.#pool.blockBytes - place)
      block.set(audio.subarray(at, at + count), place)
      this.#queued += count
      at += count
    }
  }

  #addBlock(): Uint8Array {
    const block = this.#pool.take()
    this.#blocks.push(block)
    return block
  }

  #read(frame: Uint8Array, count: number): void {
    let at = 0
    for (let block = this.#blocks[0]; at < count && block !== undefined; block = this.#blocks[0]) {
      const run = Math.min(count - at, this.#pool.blockBytes - this.#head)
      frame.set(block.subarray(this.#head, this.#head + run), at)
      at += run
      this.#head += run
      if (this.#head < this.#pool.blockBytes) break
      this.#head = 0
      this.#blocks.shift()
      this.#pool.give(block)
    }
    this.#queued -= count
    if (this.#queued === 0) this.#release()
  }

  /** An empty queue holds no block. */
  #release(): void {
    for (const block of this.#blocks) this.#pool.give(block)
    this.#blocks = []
    this.#head = 0
  }
}

const NONE: readonly string[] = []
