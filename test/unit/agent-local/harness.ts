import type { Faults } from '../../../lib/agent/local/faults.ts'
import { Session, type SessionEffect, type SessionOptions } from '../../../lib/agent/local/session.ts'
import type { Json } from '../../../lib/agent/local/wire.ts'
import { linearToMulaw } from '../../../lib/media/g711.ts'

/** One byte a sample: silence of µ-law, and a level that the fake detector takes for a voice. */
export const SILENT = 0xff
export const VOICED = linearToMulaw(8_000)

/** Samples that the fake synthesizer makes of each character: 50 ms. */
const CHAR_SAMPLES = 400

/** A session in virtual time, with a synthesizer that answers at once and a detector that hears by level. */
export class Desk {
  readonly session: Session
  readonly events: Json[] = []
  closed: { code: number; reason: string } | undefined
  /** Where false, speech is asked for and never comes. */
  speaks = true
  faults: Faults
  nowMs = 0

  constructor(options: Partial<SessionOptions> & { faults?: () => Faults } = {}) {
    this.faults = options.faults?.() ?? {}
    this.session = new Session({
      id: 'x',
      model: 'tandem-local',
      createdAtMs: 0,
      createdAtS: 1_000,
      durationS: 3_600,
      pace: { firstDeltaMs: 300, speedUp: 8, deltaBytes: 1_601 },
      detector: (frame) => Math.abs(frame[0] ?? 0) > 1_000,
      ...options,
      faults: () => this.faults,
    })
    this.#perform(this.session.open(0))
  }

  /** A desk whose session speaks and hears µ-law, with this turn detection and these tools. */
  static pcmu(turnDetection: unknown = { type: 'server_vad', silence_duration_ms: 500 }, session: object = {}): Desk {
    const desk = new Desk()
    const format = { type: 'audio/pcmu' }
    const audio = { input: { format, turn_detection: turnDetection }, output: { format } }
    desk.send({ type: 'session.update', session: { type: 'realtime', audio, ...session } })
    desk.events.length = 0
    return desk
  }

  send(event: unknown): Json[] {
    return this.#since(() => this.#perform(this.session.onFrame(JSON.stringify(event), this.nowMs)))
  }

  raw(frame: string): Json[] {
    return this.#since(() => this.#perform(this.session.onFrame(frame, this.nowMs)))
  }

  /** Lets virtual time pass, waking the session at each of its deadlines. */
  pass(ms: number): Json[] {
    return this.#since(() => {
      const untilMs = this.nowMs + ms
      for (let next = this.session.deadlineMs(); next <= untilMs; next = this.session.deadlineMs()) {
        this.nowMs = Math.max(this.nowMs, next)
        this.#perform(this.session.wake(this.nowMs))
      }
      this.nowMs = untilMs
    })
  }

  /** Appends µ-law in batches of 40 ms; real time passes only where `live`. */
  hear(byte: number, ms: number, live = false): Json[] {
    return this.#since(() => {
      for (let left = ms; left > 0; left -= 40) {
        const audio = Buffer.alloc(Math.min(left, 40) * 8, byte).toString('base64')
        this.send({ type: 'input_audio_buffer.append', audio })
        if (live) this.pass(40)
      }
    })
  }

  /** Runs until nothing but the end of the session is due. */
  settle(): Json[] {
    return this.pass(30_000)
  }

  #since(what: () => void): Json[] {
    const from = this.events.length
    what()
    return this.events.slice(from)
  }

  #perform(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.events.push(effect.event)
      else if (effect.kind === 'close') this.closed = effect
      else if (this.speaks) {
        const samples = new Int16Array(effect.sentences.join(' ').length * CHAR_SAMPLES).fill(4_000)
        this.#perform(this.session.onSpeech(effect.responseId, samples, this.nowMs))
      }
    }
  }
}

export const types = (events: readonly Json[]): string[] => events.map((event) => String(event.type))

/** Event types with runs of deltas shown once. */
export function outline(events: readonly Json[]): string[] {
  const names = types(events)
  return names.filter((name, i) => !name.endsWith('.delta') || !names.slice(0, i).includes(name))
}

export const find = (events: readonly Json[], type: string): Json => events.find((event) => event.type === type) ?? {}

export const codes = (events: readonly Json[]): unknown[] =>
  events.filter((event) => event.type === 'error').map((event) => dig(event, 'error', 'code'))

/** The value at a path of an event, undefined where it ends before. */
export function dig(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    value,
  )
}
