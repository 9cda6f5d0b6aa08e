import type { BlockPool } from '../../../lib/media/block-pool.ts'
import { ForkPlayout, PRIMING_SAMPLES } from '../../../lib/media/fork-playout.ts'
import { formatMark, KILL_AUDIO, parseMarkReport, readLinear, writeLinear } from '../../../lib/media/fork-wire.ts'
import {
  encodeG711,
  FRAME_MS,
  FRAME_SAMPLES,
  type G711Law,
  SILENCE,
  toLinearTable,
  transcode,
  transcodingTable,
} from '../../../lib/media/g711.ts'
import { HeardAudio } from '../../../lib/media/heard-audio.ts'
import { isAudible } from '../../../lib/media/level.ts'
import type { RecordingWriter } from '../../recordings/writer.ts'
import type { Line, PlayedItem } from '../talker.ts'
import type { Fork, ForkServer } from './fork-server.ts'

/** Where FreeSWITCH has given no audio for this long, the talker hears silence. */
const SILENT_AFTER_MS = 5 * FRAME_MS

export interface ForkLineSink {
  /** 20 ms of the far end's audio, valid during the call only. */
  onFrame(frame: Uint8Array, nowMs: number): void
  onFirstAudio(nowMs: number): void
}

/** The audio of one leg between a talker, which speaks G.711, and the fork of its channel, which speaks linear samples. */
export class ForkLine {
  readonly #playout: ForkPlayout
  readonly #sink: ForkLineSink
  readonly #samples = new Int16Array(FRAME_SAMPLES)
  #filled = 0
  #fork: Fork | null = null
  #codec: G711Law = 'PCMU'
  #maySpeak = false
  #muted = false
  #started = false
  #audible = false
  #lastAtMs = 0
  #recording: RecordingWriter | null = null
  /** What FreeSWITCH has of ours, while it is recorded. */
  readonly #heard = new HeardAudio()

  constructor(pool: BlockPool, sink: ForkLineSink) {
    this.#playout = new ForkPlayout(pool)
    this.#sink = sink
  }

  get connected(): boolean {
    return this.#fork?.open ?? false
  }

  /** Where the fork is to connect to. */
  get url(): string {
    return this.#fork?.url ?? ''
  }

  /** Awaits the fork; resolves when it is there. `onLost`: it was, and is not any more. */
  connect(forks: ForkServer, onLost: () => void): Promise<void> {
    this.#fork?.close()
    return new Promise((resolve) => {
      const fork = forks.expect({
        onOpen: () => {
          this.#fork = fork
          fork.send(writeLinear(new Uint8Array(PRIMING_SAMPLES).fill(SILENCE.PCMU), toLinearTable('PCMU')))
          resolve()
        },
        onAudio: (bytes) => this.#onAudio(bytes, performance.now()),
        onText: (text) => this.#onText(text),
        onClose: () => this.#fork === fork && onLost(),
      })
      this.#fork = fork
    })
  }

  /** The codec of the line, and whether the far end wants to hear us now; while it does not, the queue waits. */
  configure(codec: G711Law, maySpeak: boolean): void {
    const table = transcodingTable(this.#codec, codec)
    if (table !== null) this.#playout.transcode(table)
    this.#codec = codec
    this.#maySpeak = maySpeak
  }

  /** While it is muted FreeSWITCH is given nothing more, and plays silence; the queue waits. */
  mute(muted: boolean): void {
    this.#muted = muted
  }

  /**
   * The line for a talker; it speaks the codec of now, also after another was agreed on.
   * @param record of the leg
   */
  line(record: Line['record']): Line {
    const codec = this.#codec
    return {
      codec,
      record,
      // The keys would be FreeSWITCH's to press, which has no order for it over the fork.
      press: () => 'unable',
      play: (itemId, audio) => this.#playout.play(itemId, this.#inCodec(audio, codec)),
      end: (itemId) => this.#playout.end(itemId),
      flush: () => this.#flush(performance.now()),
      queuedSamples: () => this.#playout.queuedSamples(performance.now()),
    }
  }

  /** From now on the far end is heard, silence where nothing comes, and what both say is recorded where that is wanted. */
  start(nowMs: number, recording: RecordingWriter | null): void {
    this.#recording = recording
    this.#heard.drop(this.#playout.playedSamples(nowMs) + this.#playout.heldSamples(nowMs))
    this.#started = true
    this.#lastAtMs = nowMs
  }

  /** Hands over what FreeSWITCH should have by now. */
  tick(nowMs: number): void {
    this.#recordHeard(nowMs)
    this.#recording?.tick(nowMs)
    if (this.#maySpeak && !this.#muted && this.connected) this.#send(nowMs)
    if (!this.#started || nowMs - this.#lastAtMs < SILENT_AFTER_MS) return
    this.#lastAtMs += FRAME_MS
    this.#onFrame(new Uint8Array(FRAME_SAMPLES).fill(SILENCE[this.#codec]), nowMs)
  }

  takePlayed(nowMs: number): readonly string[] {
    return this.#playout.takePlayed(nowMs)
  }

  close(): void {
    const fork = this.#fork
    this.#fork = null
    fork?.close()
    this.#playout.flush(0)
  }

  #send(nowMs: number): void {
    const table = toLinearTable(this.#codec)
    for (let chunk = this.#next(nowMs); chunk !== null; chunk = this.#next(nowMs)) {
      if (chunk.markBefore !== null) this.#fork?.send(formatMark(chunk.markBefore))
      this.#fork?.send(writeLinear(chunk.audio, table))
      if (this.#recording !== null) this.#heard.push(chunk.audio)
      if (chunk.markAfter !== null) this.#fork?.send(formatMark(chunk.markAfter))
    }
  }

  #next(nowMs: number): ReturnType<ForkPlayout['next']> {
    return this.#playout.next(nowMs, this.#codec)
  }

  #flush(nowMs: number): readonly PlayedItem[] {
    if (this.#playout.heldSamples(nowMs) > 0) this.#fork?.send(KILL_AUDIO)
    this.#recordHeard(nowMs)
    const played = this.#playout.flush(nowMs)
    this.#heard.drop(this.#playout.playedSamples(nowMs))
    return played
  }

  #recordHeard(nowMs: number): void {
    this.#heard.take(this.#playout.playedSamples(nowMs), (audio) => {
      this.#recording?.add('agent', audio, this.#codec, nowMs)
    })
  }

  #onAudio(bytes: Buffer, nowMs: number): void {
    for (let at = 0; at + 1 < bytes.length; ) {
      const count = readLinear(bytes.subarray(at), this.#samples.subarray(this.#filled))
      this.#filled += count
      at += 2 * count
      if (this.#filled < FRAME_SAMPLES) return
      this.#filled = 0
      this.#onSamples(nowMs)
    }
  }

  #onSamples(nowMs: number): void {
    if (!this.#started) return
    this.#lastAtMs = nowMs
    const frame = encodeG711(this.#samples, this.#codec)
    if (!this.#audible && isAudible(frame, this.#codec)) {
      this.#audible = true
      this.#sink.onFirstAudio(nowMs)
    }
    this.#onFrame(frame, nowMs)
  }

  #onFrame(frame: Uint8Array, nowMs: number): void {
    this.#recording?.add('caller', frame, this.#codec, nowMs)
    this.#sink.onFrame(frame, nowMs)
  }

  #onText(text: string): void {
    const report = parseMarkReport(text)
    if (report !== null) this.#playout.onMark(report.name, report.played, performance.now())
  }

  #inCodec(audio: Uint8Array, codec: G711Law): Uint8Array {
    const table = transcodingTable(codec, this.#codec)
    if (table === null) return audio
    const copy = Uint8Array.from(audio)
    transcode(copy, table)
    return copy
  }
}
