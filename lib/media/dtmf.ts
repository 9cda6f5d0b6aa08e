import { SAMPLES_PER_MS } from './g711.ts'
import { timestampDelta } from './sequence.ts'

/** Events 0-15 of RFC 4733 §3.2 by their keys. */
const DIGITS = '0123456789*#ABCD'
/** A press whose end packets are all lost is over when none of its packets has come for so long. */
const LOST_END_MS = 200
/** Nobody presses faster; a flood of events beyond it is dropped. Our policy. */
const MIN_SPACING_MS = 30
/** The longest one segment can say (RFC 4733 §2.5.1.3). */
const MAX_SEGMENT = 0xffff

/** A timestamp this far behind the last press is a new timeline (another SSRC), not a straggler: 10 s. */
const STRAGGLER_TICKS = 10_000 * SAMPLES_PER_MS

/** One press of a key. */
export interface Press {
  readonly digit: string
  readonly durationMs: number
}

interface Pressed {
  readonly event: number
  timestamp: number
  /** Of the segments before this one. */
  before: number
  duration: number
  lastAtMs: number
}

/**
 * Receives RFC 4733 named events and tells each press once: however many of its packets come, in whatever order, with or
 * without the end packets. A press is told when it ends.
 *
 * ```
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     event     |E|R| volume    |          duration             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * ```
 */
export class DtmfReceiver {
  readonly #onPress: (press: Press) => void
  #pressed: Pressed | null = null
  #doneTimestamp: number | null = null
  #lastPressAtMs = Number.NEGATIVE_INFINITY

  constructor(onPress: (press: Press) => void) {
    this.#onPress = onPress
  }

  /** Takes the payload of a telephone-event packet. Other events than keys, and short payloads, are ignored. */
  onPacket(payload: Uint8Array, timestamp: number, nowMs: number): void {
    const [event, flags, high, low] = payload
    if (event === undefined || flags === undefined || high === undefined || low === undefined) return
    if (event >= DIGITS.length) return
    const duration = (high << 8) | low
    // Retransmitted ends, and stragglers of a press that was told already.
    if (this.#doneTimestamp !== null && timestampDelta(this.#doneTimestamp, timestamp) <= 0) {
      if (timestampDelta(this.#doneTimestamp, timestamp) > -STRAGGLER_TICKS) return
    }

    const pressed = this.#segmentOf(event, timestamp, nowMs)
    pressed.duration = Math.max(pressed.duration, duration)
    pressed.lastAtMs = nowMs
    if ((flags & 0x80) !== 0) this.#tell(pressed, nowMs)
  }

  /** To be called now and then: ends a press whose end was lost. */
  onTime(nowMs: number): void {
    if (this.#pressed !== null && nowMs - this.#pressed.lastAtMs >= LOST_END_MS) this.#tell(this.#pressed, nowMs)
  }

  #segmentOf(event: number, timestamp: number, nowMs: number): Pressed {
    const pressed = this.#pressed
    if (pressed !== null && pressed.event === event) {
      const delta = timestampDelta(pressed.timestamp, timestamp)
      if (delta === 0) return pressed
      // A press longer than 8.19 s goes on in a new segment that starts where the last one ended.
      if (delta === MAX_SEGMENT) {
        pressed.timestamp = timestamp
        pressed.before += MAX_SEGMENT
        pressed.duration = 0
        return pressed
      }
    }
    if (pressed !== null) this.#tell(pressed, nowMs)
    const next: Pressed = { event, timestamp, before: 0, duration: 0, lastAtMs: nowMs }
    this.#pressed = next
    return next
  }

  #tell(pressed: Pressed, nowMs: number): void {
    this.#pressed = null
    this.#doneTimestamp = pressed.timestamp
    if (nowMs - this.#lastPressAtMs < MIN_SPACING_MS) return
    this.#lastPressAtMs = nowMs
    const digit = DIGITS[pressed.event] ?? ''
    this.#onPress({ digit, durationMs: Math.round((pressed.before + pressed.duration) / SAMPLES_PER_MS) })
  }
}

/** What we send: 100 ms a key, 60 ms between two, −10 dBm0 (RFC 4733 §2.5.1.1). Whole frames. */
const PRESS_FRAMES = 5
const PAUSE_FRAMES = 3
const END_PACKETS = 3
const VOLUME = 10
const FRAME_TICKS = 160
/** Keys waiting to be sent. */
export const MAX_QUEUED_KEYS = 64

/** Whether all of a text are keys, in either case, and not more than can wait. */
export const isKeys = (text: string): boolean => text.length <= MAX_QUEUED_KEYS && /^[0-9*#A-D]*$/i.test(text)

/** What the sender wants in one 20 ms tick. */
export interface DtmfPacket {
  /** Timestamp of the press: all its packets carry it (RFC 4733 §2.5.1.2). */
  readonly timestamp: number
  readonly marker: boolean
  readonly payload: Uint8Array
  /** The packet is to be sent so many times, each with a sequence number of its own: 3 at the end. */
  readonly copies: number
}

/** Sends keys as RFC 4733 events, in place of audio, one frame a tick. */
export class DtmfSender {
  #queue = ''
  #frame = 0
  #startTimestamp = 0

  /** Appends keys; false where one of them is no key, or too many wait. */
  press(digits: string): boolean {
    if (this.#queue.length + digits.length > MAX_QUEUED_KEYS || !isKeys(digits)) return false
    this.#queue += digits.toUpperCase()
    return true
  }

  /** The event packet for the frame that starts at RTP `timestamp`; null where audio may be sent. */
  next(timestamp: number): DtmfPacket | null {
    const digit = this.#queue[0]
    if (digit === undefined) return null
    const frame = this.#frame++
    if (frame >= PRESS_FRAMES) {
      if (frame === PRESS_FRAMES + PAUSE_FRAMES - 1) {
        this.#frame = 0
        this.#queue = this.#queue.slice(1)
      }
      return null
    }
    if (frame === 0) this.#startTimestamp = timestamp
    const last = frame === PRESS_FRAMES - 1
    const duration = (frame + 1) * FRAME_TICKS
    const flags = (last ? 0x80 : 0) | VOLUME
    return {
      timestamp: this.#startTimestamp,
      marker: frame === 0,
      payload: Uint8Array.of(DIGITS.indexOf(digit), flags, duration >> 8, duration & 0xff),
      copies: last ? END_PACKETS : 1,
    }
  }
}
