import type { BlockPool } from '../../../lib/media/block-pool.ts'
import type { G711Law } from '../../../lib/media/g711.ts'
import { withDeadline } from '../../deadline.ts'
import { RecordingSwitch } from '../../recordings/switch.ts'
import { type RecordingSpec, RecordingWriter } from '../../recordings/writer.ts'
import type { Ticking } from '../embedded/tick-wheel.ts'
import type { LegEvent, LegSummary } from '../port.ts'
import type { Talker } from '../talker.ts'
import { TalkerSeat } from '../talker-seat.ts'
import { ForkLine } from './fork-line.ts'
import type { ForkServer } from './fork-server.ts'

/** From the command to the WebSocket of the fork. */
export const FORK_MS = 2_000

export interface VoiceParts {
  /** Who talks; `emit` is the leg's. */
  readonly talker: Talker
  /** Of playout queues. */
  readonly pool: BlockPool
  /** Where it is recorded; null: nowhere. */
  readonly recording: RecordingSpec | null
  /** Where forks connect to, at an address of ours. */
  readonly forks: (address: string) => Promise<ForkServer>
  readonly emit: (event: LegEvent) => void
  readonly warn: (message: string) => void
  readonly now: () => number
}

/** What of a leg is in a media worker where FreeSWITCH carries its RTP: the talker, and the line to it over the audio fork. */
export class Voice implements Ticking {
  readonly #parts: VoiceParts
  /** Who talks to the far end. */
  readonly seat: TalkerSeat
  readonly #line: ForkLine
  readonly #openedAtMs: number
  #forked: Promise<void> = Promise.resolve()
  #codec: G711Law | null = null
  #startedAtMs: number | null = null
  #recording: RecordingWriter | null = null
  readonly #switch: RecordingSwitch
  #failed = false
  #closed: Promise<LegSummary> | null = null

  constructor(parts: VoiceParts) {
    this.#parts = parts
    this.#openedAtMs = parts.now()
    this.#switch = new RecordingSwitch(parts.recording !== null)
    this.seat = new TalkerSeat(parts.talker, parts.warn)
    this.#line = new ForkLine(parts.pool, {
      onFrame: (frame, nowMs) => this.#guard(() => this.seat.talker.onAudio(frame, nowMs)),
      onFirstAudio: (nowMs) => {
        parts.emit({ kind: 'firstAudio', afterMs: nowMs - (this.#startedAtMs ?? this.#openedAtMs) })
      },
    })
  }

  /** Awaits a fork; resolves with the URL that FreeSWITCH is to connect to. One that was awaited before is given up. */
  async expectFork(address: string): Promise<string> {
    const forks = await this.#parts.forks(address)
    this.#forked = this.#line.connect(forks, () => this.#fail('the audio fork of FreeSWITCH was closed'))
    return this.#line.url
  }

  /** Whether the fork has come, as soon as it has, or time is over. */
  async forked(): Promise<boolean> {
    await withDeadline(this.#forked, FORK_MS)
    return this.#line.connected
  }

  /** What was agreed, the first time and later. */
  agreed(codec: G711Law, maySpeak: boolean): void {
    this.#line.configure(codec, maySpeak)
    if (codec !== this.#codec) this.seat.attach(this.#line.line((wanted) => this.#switch.set(wanted)))
    this.#codec = codec
  }

  start(): void {
    if (this.#startedAtMs !== null || this.#closed !== null) return
    const { recording, now, warn } = this.#parts
    const nowMs = now()
    this.#startedAtMs = nowMs
    if (recording !== null) this.#recording = new RecordingWriter(recording, nowMs, warn, this.#switch)
    this.#line.start(nowMs, this.#recording)
    this.seat.start()
  }

  mute(muted: boolean): void {
    this.#line.mute(muted)
  }

  dtmf(digit: string, durationMs: number): void {
    if (this.#closed !== null) return
    this.#parts.emit({ kind: 'dtmf', digit, durationMs })
    this.#guard(() => this.seat.talker.onDtmf(digit, durationMs))
  }

  tick(nowMs: number): void {
    this.#guard(() => {
      this.#line.tick(nowMs)
      for (const itemId of this.#line.takePlayed(nowMs)) this.seat.talker.onPlayed(itemId)
    })
  }

  /** Ends the talker, then the fork. Safe to call twice. */
  close(): Promise<LegSummary> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<LegSummary> {
    const recorded = Promise.resolve(this.#recording?.close(this.#parts.now()) ?? null)
    const [agent, recording] = await Promise.all([this.seat.close(), recorded])
    this.#line.close()
    return { media: null, agent, recording }
  }

  #guard(run: () => void): void {
    if (this.#closed !== null || this.#failed) return
    try {
      run()
    } catch (cause) {
      this.#parts.warn(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
      this.#fail(`the leg met a bug: ${messageOf(cause)}`)
    }
  }

  #fail(message: string): void {
    if (this.#failed || this.#closed !== null) return
    this.#failed = true
    this.#parts.emit({ kind: 'failed', message })
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
