import { FRAME_SAMPLES, SAMPLES_PER_MS } from './g711.ts'
import { seqDelta, unwrapTimestamp } from './sequence.ts'

export interface JitterBufferOptions {
  /**
   * `early`: a complete frame is given at once, and only a frame with something missing waits, for `depthMs` past the
   * moment it should have come. `due`: each frame is given `depthMs` after it should have come, never before.
   */
  readonly release: 'early' | 'due'
  /**
   * Packets newer than all before whose time has already been filled with silence, as after a stall of the network:
   * `drop` keeps the delay fixed; `stretch` shifts the timeline, so that nothing said is lost and the delay adapts.
   */
  readonly late: 'drop' | 'stretch'
  readonly depthMs: number
  /** The byte that fills what is missing. */
  readonly silence: number
}

/** What `pull` did: `frame` was filled with audio, with audio and silence, with silence only; or nothing is due yet. */
export type Pulled = 'audio' | 'partial' | 'silence' | 'none'

/** A second of samples, a power of two: what may lie between the oldest and the newest buffered sample. */
const CAPACITY = 8192
const MASK = CAPACITY - 1
/** What a jitter buffer works in: its samples, and which of them are there. */
export const JITTER_BUFFER_BYTES = 2 * CAPACITY
/** A timestamp further than this from where the clock says it should be is a restart of the sender's timeline. */
const MAX_SKEW_SAMPLES = 500 * SAMPLES_PER_MS
/** A packet this far behind the newest is no straggler: the sender has begun its sequence anew (RFC 3550 A.1 MAX_MISORDER). */
const MAX_MISORDER = 100
/** With a fixed delay, this many late packets in a row show that the delay is wrong, not the packets. */
const MAX_LATE_IN_A_ROW = 5

/**
 * Turns RTP packets into 20 ms frames without gaps in time. It is a ring of samples addressed by unwrapped timestamp, so
 * that reordering, duplicates, discontinuous transmission and any packet time fall out of where the bytes are put.
 *
 * A *position* counts samples since `start` on the timeline that is given out. `#offset` maps a sender's timestamps
 * onto it; `#baseMs` is the earliest that position 0 would have arrived by the fastest packet seen.
 */
export class JitterBuffer {
  readonly #options: JitterBufferOptions
  readonly #samples: Uint8Array
  readonly #present: Uint8Array
  #next = 0
  #end = 0
  #baseMs: number
  #offset: number | null = null
  #ssrc = -1
  #timestamp = 0
  #sequence = 0
  #lateInARow = 0
  #silence: number
  /** Packets that came after their time had been given out. */
  latePackets = 0
  /** Packets whose samples were there already. */
  duplicates = 0
  /** Times that the timeline was mapped anew: the first packet, another SSRC, a jump of timestamps, a stall. */
  resyncs = 0

  /**
   * The timeline starts at once: silence is given out until the first packet comes.
   * @param memory of `JITTER_BUFFER_BYTES`, its own as long as it is used
   */
  constructor(options: JitterBufferOptions, memory: Uint8Array, nowMs: number) {
    this.#samples = memory.subarray(0, CAPACITY)
    this.#present = memory.subarray(CAPACITY).fill(0)
    this.#options = options
    this.#silence = options.silence
    this.#baseMs = nowMs
  }

  /** Changes the filler, when the codec changes. */
  set silence(byte: number) {
    this.#silence = byte
  }

  /** Takes the payload of a packet; one byte is one sample. Empty or oversized payloads are ignored. */
  push(ssrc: number, sequence: number, timestamp: number, payload: Uint8Array, nowMs: number): void {
    const length = payload.length
    if (length === 0 || length > CAPACITY / 2) return
    const newest = this.#isNewest(ssrc, sequence)
    const follows = ssrc === this.#ssrc && seqDelta(this.#sequence, sequence) === 1
    const resyncs = this.resyncs
    let position = this.#locate(ssrc, timestamp, newest, nowMs)
    if (newest) {
      this.#ssrc = ssrc
      this.#sequence = sequence
      if (position < this.#next) position = this.#onLate(position, nowMs)
      else this.#lateInARow = 0
      // No packet is missing in between: it was silence, and nothing needs to be waited for.
      if (follows || resyncs !== this.resyncs) this.#fillUpTo(position)
    }
    if (position + length <= this.#next) {
      this.latePackets++
      return
    }
    if (position + length - this.#next > CAPACITY) return
    if (newest) this.#baseMs = Math.min(this.#baseMs, nowMs - position / SAMPLES_PER_MS)
    this.#write(position, payload)
  }

  /** Fills `frame` (160 bytes) with the next 20 ms where they may be given out; call again until `none`. */
  pull(frame: Uint8Array, nowMs: number): Pulled {
    const from = this.#next & MASK
    const buffered = this.#end > this.#next
    const dueMs = this.#baseMs + this.#next / SAMPLES_PER_MS + this.#options.depthMs
    const complete = buffered && this.#isComplete(from)
    if (nowMs < dueMs && !(complete && this.#options.release === 'early')) return 'none'

    this.#next += FRAME_SAMPLES
    if (!buffered) {
      this.#end = this.#next
      frame.fill(this.#silence)
      return 'silence'
    }
    if (this.#end < this.#next) this.#end = this.#next
    const filled = this.#take(from, frame, complete)
    if (filled === FRAME_SAMPLES) return 'audio'
    return filled === 0 ? 'silence' : 'partial'
  }

  #isNewest(ssrc: number, sequence: number): boolean {
    if (ssrc !== this.#ssrc) return true
    const delta = seqDelta(this.#sequence, sequence)
    return delta > 0 || delta < -MAX_MISORDER
  }

  /** The position of a timestamp; a new timeline is put behind what is buffered. */
  #locate(ssrc: number, timestamp: number, newest: boolean, nowMs: number): number {
    if (this.#offset === null || ssrc !== this.#ssrc) return this.#resync(timestamp, nowMs)
    const unwrapped = unwrapTimestamp(this.#timestamp, timestamp)
    const position = unwrapped + this.#offset
    if (newest) {
      const expected = (nowMs - this.#baseMs) * SAMPLES_PER_MS
      if (Math.abs(position - expected) > MAX_SKEW_SAMPLES) return this.#resync(timestamp, nowMs)
      this.#timestamp = unwrapped
    }
    return position
  }

  /** Maps `timestamp` to where the clock stands, on a frame's edge, behind all that is buffered. */
  #resync(timestamp: number, nowMs: number): number {
    const behind = Math.ceil(this.#end / FRAME_SAMPLES)
    const clock = Math.round(((nowMs - this.#baseMs) * SAMPLES_PER_MS) / FRAME_SAMPLES)
    const position = Math.max(behind, clock) * FRAME_SAMPLES
    this.resyncs++
    this.#timestamp = timestamp
    this.#offset = position - timestamp
    this.#baseMs = nowMs - position / SAMPLES_PER_MS
    return position
  }

  /** The newest packet lies in time that was given out: shifts the timeline, or leaves it late. */
  #onLate(position: number, nowMs: number): number {
    const stretch = this.#options.late === 'stretch' || ++this.#lateInARow >= MAX_LATE_IN_A_ROW
    if (!stretch || this.#offset === null) return position
    this.#lateInARow = 0
    this.resyncs++
    this.#offset += this.#next - position
    this.#baseMs = nowMs - this.#next / SAMPLES_PER_MS
    return this.#next
  }

  /** Puts silence from what is buffered up to `position`. */
  #fillUpTo(position: number): void {
    if (position - this.#next > CAPACITY) return
    for (let at = this.#end; at < position; at++) {
      this.#samples[at & MASK] = this.#silence
      this.#present[at & MASK] = 1
    }
    this.#end = Math.max(this.#end, position)
  }

  #write(position: number, payload: Uint8Array): void {
    const skip = Math.max(0, this.#next - position)
    const start = position + skip
    const count = payload.length - skip
    const at = start & MASK
    if (start < this.#end && this.#present[at] === 1) {
      this.duplicates++
      return
    }
    const head = Math.min(count, CAPACITY - at)
    this.#samples.set(payload.subarray(skip, skip + head), at)
    this.#present.fill(1, at, at + head)
    if (head < count) {
      this.#samples.set(payload.subarray(skip + head), 0)
      this.#present.fill(1, 0, count - head)
    }
    this.#end = Math.max(this.#end, start + count)
  }

  /** A frame never wraps around the ring's end by more than its own length; both parts are searched for a hole. */
  #isComplete(from: number): boolean {
    if (this.#end < this.#next + FRAME_SAMPLES) return false
    const head = Math.min(FRAME_SAMPLES, CAPACITY - from)
    const hole = this.#present.indexOf(0, from)
    if (hole !== -1 && hole < from + head) return false
    if (head === FRAME_SAMPLES) return true
    const wrapped = this.#present.indexOf(0)
    return wrapped === -1 || wrapped >= FRAME_SAMPLES - head
  }

  /** Copies a frame out, clears its places and tells how many samples were there. */
  #take(from: number, frame: Uint8Array, complete: boolean): number {
    let filled = 0
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      const at = (from + i) & MASK
      const there = complete || this.#present[at] === 1
      frame[i] = there ? (this.#samples[at] ?? 0) : this.#silence
      if (there) filled++
      this.#present[at] = 0
    }
    return filled
  }
}
