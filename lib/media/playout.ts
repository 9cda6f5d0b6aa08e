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
/** What an empty queue keeps: half a second. */
const MIN_CAPACITY = 4096

interface Item {
  readonly itemId: string
  sent: number
  received: number
  ended: boolean
}

/** A run of bytes of one item in the ring. */
interface Segment {
  readonly item: Item
  left: number
}

/**
 * The playout queue: audio of items in the order it came, given out one 20 ms frame at a time. Audio of an item is
 * only split at frames; a partial frame waits for more of its item and is padded only where the item ends, or where
 * another item follows. Bytes live in one ring that grows as needed and shrinks when it is empty.
 */
export class Playout {
  #ring = new Uint8Array(MIN_CAPACITY)
  #head = 0
  #queued = 0
  readonly #items = new Map<string, Item>()
  #segments: Segment[] = []
  #ending = false

  /** Samples that have not been given out. */
  get queuedSamples(): number {
    return this.#queued
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
    this.#head = 0
    this.#queued = 0
    this.#ring = new Uint8Array(MIN_CAPACITY)
    return items
  }

  /** Turns what is queued into another law, when the codec changes. */
  transcode(table: Uint8Array): void {
    transcode(this.#ring, table)
  }

  #append(audio: Uint8Array): void {
    if (this.#queued + audio.length > this.#ring.length) this.#resize(this.#queued + audio.length)
    const capacity = this.#ring.length
    const tail = (this.#head + this.#queued) % capacity
    const first = Math.min(audio.length, capacity - tail)
    this.#ring.set(audio.subarray(0, first), tail)
    this.#ring.set(audio.subarray(first), 0)
    this.#queued += audio.length
  }

  #read(frame: Uint8Array, count: number): void {
    const capacity = this.#ring.length
    const first = Math.min(count, capacity - this.#head)
    frame.set(this.#ring.subarray(this.#head, this.#head + first), 0)
    frame.set(this.#ring.subarray(0, count - first), first)
    this.#head = (this.#head + count) % capacity
    this.#queued -= count
    if (this.#queued === 0 && capacity > MIN_CAPACITY) {
      this.#ring = new Uint8Array(MIN_CAPACITY)
      this.#head = 0
    }
  }

  #resize(needed: number): void {
    let capacity = this.#ring.length
    while (capacity < needed) capacity *= 2
    const ring = new Uint8Array(capacity)
    const first = Math.min(this.#queued, this.#ring.length - this.#head)
    ring.set(this.#ring.subarray(this.#head, this.#head + first), 0)
    ring.set(this.#ring.subarray(0, this.#queued - first), first)
    this.#ring = ring
    this.#head = 0
  }
}

const NONE: readonly string[] = []
