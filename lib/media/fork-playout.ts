import type { BlockPool } from './block-pool.ts'
import { FRAME_SAMPLES, type G711Law, SAMPLES_PER_MS, SILENCE } from './g711.ts'
import { type PlayedSamples, Playout } from './playout.ts'

/** What is sent at once, 80 ms: mod_audio_fork passes on no less, and keeps back what is shorter until more comes. */
export const CHUNK_SAMPLES = 4 * FRAME_SAMPLES
/** What it swallows before it plays for the first time, 160 ms: paid once with silence, when the fork has come up. */
export const PRIMING_SAMPLES = 8 * FRAME_SAMPLES
/** FreeSWITCH holds no more than this, 240 ms: enough for a busy thread here, and killAudio has little to throw away. */
const MAX_HELD_SAMPLES = 3 * CHUNK_SAMPLES
/** From sending to playing where no mark tells: on average half a packet of FreeSWITCH's, and the way there. */
const START_DELAY_MS = 15
/** An answer that trickles is waited for this long before a gap is filled with silence. */
const TRICKLE_MS = 60
/** killAudio takes effect at FreeSWITCH's next packet. */
const KILL_MS = 40

/** Audio for FreeSWITCH. */
export interface Chunk {
  /** `CHUNK_SAMPLES` of G.711, valid until the next one is taken. */
  readonly audio: Uint8Array
  /** A mark to send just before it; null: none. */
  readonly markBefore: string | null
  /** A mark to send just after it. */
  readonly markAfter: string | null
}

interface Run {
  readonly itemId: string
  /** Position in all that was sent, in samples. */
  readonly from: number
  /** Without what it was padded with. */
  samples: number
}

interface HandedOver {
  sent: number
  /** Position after its last sample. */
  endAt: number
}

/**
 * The playout queue of a leg whose packets FreeSWITCH sends: audio is handed over in chunks, a little ahead of its clock, and what
 * was heard is told by that clock. A spurt begins with a mark that says when FreeSWITCH came to it, and goes on at 8000 samples a
 * second from there; a mark at its end says that all of it was played. A mark inside would cost a sample, so there is none.
 */
export class ForkPlayout {
  readonly #playout: Playout
  readonly #chunk = new Uint8Array(CHUNK_SAMPLES)
  readonly #frame = new Uint8Array(FRAME_SAMPLES)
  #runs: Run[] = []
  /** Items of which FreeSWITCH holds something, or whose end is still ahead. */
  readonly #handed = new Map<string, HandedOver>()
  /** Items that are handed over to the end. */
  #ended: string[] = []
  /** Samples sent, with padding. */
  #sent = 0
  /** `#anchor` samples had been played at `#anchorAtMs`, and it has gone on since. */
  #anchor = 0
  #anchorAtMs = 0
  #spurt = 0
  /** Since when there has been less than a chunk of an item that is not over. */
  #shortSinceMs: number | null = null
  /** What is sent before would be thrown away with what was there. */
  #quietUntilMs = 0
  /** After killAudio threw away a mark the module mixes up those that follow: from then on the clock alone tells. */
  #marksFail = false

  constructor(pool: BlockPool) {
    this.#playout = new Playout(pool)
  }

  /** Samples that have not been played yet, here and at FreeSWITCH. */
  queuedSamples(nowMs: number): number {
    return this.#playout.queuedSamples + this.heldSamples(nowMs)
  }

  /** Samples that FreeSWITCH has and has not played. */
  heldSamples(nowMs: number): number {
    return this.#sent - this.playedSamples(nowMs)
  }

  /** Samples that were played, or thrown away, of all that were handed over. */
  playedSamples(nowMs: number): number {
    const since = Math.max(0, Math.floor((nowMs - this.#anchorAtMs) * SAMPLES_PER_MS))
    return Math.min(this.#sent, this.#anchor + since)
  }

  /** Appends audio of an item. False where the queue is full; then nothing was taken. */
  play(itemId: string, audio: Uint8Array): boolean {
    return this.#playout.play(itemId, audio)
  }

  /** No more of this item will come. */
  end(itemId: string): void {
    this.#playout.end(itemId)
  }

  /** Turns what is queued into another law. */
  transcode(table: Uint8Array): void {
    this.#playout.transcode(table)
  }

  /** What to hand over now; null where FreeSWITCH has enough, or there is nothing to say. */
  next(nowMs: number, law: G711Law): Chunk | null {
    if (nowMs < this.#quietUntilMs) return null
    const held = this.heldSamples(nowMs)
    if (held + CHUNK_SAMPLES > MAX_HELD_SAMPLES || !this.#isWorthSending(nowMs, held)) return null
    const from = this.#sent
    this.#runs = this.#runs.filter((run) => run.from + run.samples > from - held)
    const filled = this.#fill(SILENCE[law])
    if (filled === 0) return null
    this.#shortSinceMs = null
    this.#chunk.fill(SILENCE[law], filled)
    this.#sent += CHUNK_SAMPLES
    const begins = held === 0
    if (begins) {
      this.#anchor = from
      this.#anchorAtMs = nowMs + START_DELAY_MS
      this.#spurt++
    }
    this.#ended.push(...this.#playout.takePlayed())
    const ends = this.#playout.headItem === null
    return {
      audio: this.#chunk,
      markBefore: begins && !this.#marksFail ? `s${this.#spurt}` : null,
      markAfter: ends && !this.#marksFail ? `e${from + CHUNK_SAMPLES}` : null,
    }
  }

  /** FreeSWITCH has told what became of a mark. One of an earlier spurt says nothing any more. */
  onMark(name: string, played: boolean, nowMs: number): void {
    if (!played) {
      // A mark that no audio followed is thrown away cleanly.
      this.#marksFail ||= name !== `e${this.#sent}`
    } else if (name === `s${this.#spurt}` && this.#sent > this.#anchor) {
      this.#anchorAtMs = nowMs
    } else if (name === `e${this.#sent}`) {
      this.#settle(this.#sent, nowMs)
    }
  }

  /** Items whose last sample was played since the last call, in order. */
  takePlayed(nowMs: number): readonly string[] {
    if (this.#ended.length === 0) return NONE
    const at = this.playedSamples(nowMs)
    const played = this.#ended.filter((itemId) => (this.#handed.get(itemId)?.endAt ?? 0) <= at)
    if (played.length === 0) return NONE
    for (const itemId of played) this.#handed.delete(itemId)
    this.#ended = this.#ended.filter((itemId) => !played.includes(itemId))
    return played
  }

  /** Barge-in: drops all, and tells what was played of each item that is not over. The caller sends `KILL_AUDIO`. */
  flush(nowMs: number): readonly PlayedSamples[] {
    const at = this.playedSamples(nowMs)
    const unheard = new Map<string, number>()
    for (const { itemId, samples, from } of this.#runs) {
      const lost = samples - Math.min(samples, Math.max(0, at - from))
      unheard.set(itemId, (unheard.get(itemId) ?? 0) + lost)
    }
    const heard = (itemId: string, sent: number): number => sent - (unheard.get(itemId) ?? 0)
    const gone = this.#ended.map((itemId) => {
      const sent = this.#handed.get(itemId)?.sent ?? 0
      return { itemId, sentSamples: heard(itemId, sent), receivedSamples: sent }
    })
    const queued = this.#playout.flush().map(({ itemId, sentSamples, receivedSamples }) => ({
      itemId,
      sentSamples: heard(itemId, sentSamples),
      receivedSamples,
    }))
    this.#runs = []
    this.#handed.clear()
    this.#ended = []
    this.#shortSinceMs = null
    this.#settle(this.#sent, nowMs)
    this.#quietUntilMs = nowMs + KILL_MS
    return [...gone, ...queued]
  }

  /** A whole chunk, or the rest of an item, or a gap that would be heard anyway. */
  #isWorthSending(nowMs: number, held: number): boolean {
    if (this.#playout.queuedSamples >= CHUNK_SAMPLES || this.#playout.lastItemEnded) return true
    if (this.#playout.headItem === null) return false
    this.#shortSinceMs ??= nowMs
    return held < FRAME_SAMPLES && nowMs - this.#shortSinceMs >= TRICKLE_MS
  }

  /** Fills the chunk with whole frames as far as there are any; gives the samples that were filled. */
  #fill(silence: number): number {
    let at = 0
    while (at < CHUNK_SAMPLES) {
      const itemId = this.#playout.headItem
      const before = this.#playout.queuedSamples
      if (itemId === null || !this.#playout.next(this.#frame, silence)) break
      this.#chunk.set(this.#frame, at)
      const samples = before - this.#playout.queuedSamples
      const from = this.#sent + at
      this.#addRun(itemId, from, samples)
      const handed = this.#handed.get(itemId) ?? { sent: 0, endAt: 0 }
      handed.sent += samples
      handed.endAt = from + samples
      this.#handed.set(itemId, handed)
      at += FRAME_SAMPLES
    }
    return at
  }

  #addRun(itemId: string, from: number, samples: number): void {
    const last = this.#runs.at(-1)
    if (last?.itemId === itemId && last.from + last.samples === from) last.samples += samples
    else this.#runs.push({ itemId, from, samples })
  }

  #settle(played: number, nowMs: number): void {
    this.#anchor = played
    this.#anchorAtMs = nowMs
  }
}

const NONE: readonly string[] = []
