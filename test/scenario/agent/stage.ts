import { parseServerEvent } from '../../../lib/agent/protocol.ts'
import { stepSession } from '../../../lib/agent/session.ts'
import {
  deadlineMs,
  newSession,
  type SessionEffect,
  type SessionInput,
  type SessionState,
} from '../../../lib/agent/session-state.ts'
import type { AgentSpec } from '../../../lib/agent/spec.ts'
import { BlockPool } from '../../../lib/media/block-pool.ts'
import { FRAME_MS, FRAME_SAMPLES } from '../../../lib/media/g711.ts'
import { Playout } from '../../../lib/media/playout.ts'

export const SPEC: AgentSpec = {
  backends: [
    { id: 'a/0', kind: 'local', baseUrl: 'ws://127.0.0.1:1/v1', model: 'm', apiKey: 'k', renewBeforeMs: 600_000 },
  ],
  voice: 'marin',
  instructions: 'You take calls.',
  greeting: 'Hello there.',
  tools: [
    { name: 'lookup', description: 'Finds', url: 'http://127.0.0.1/', parameters: {}, timeoutMs: 1_000 },
    { name: 'book', description: 'Books', url: 'http://127.0.0.1/', parameters: {}, timeoutMs: 1_000 },
  ],
  variables: {},
  connectTimeoutMs: 2_000,
  reconnectForMs: 30_000,
  comfortAfterMs: 300,
  batchMs: 40,
}

/** A session in virtual time, on the real playout queue, without socket or timer. */
export class Stage {
  state: SessionState
  nowMs = 0
  /** All effects but audio, the oldest first. */
  readonly effects: SessionEffect[] = []
  readonly playout = new Playout(new BlockPool(4096, 8))
  /** Sees each step. */
  onStep: (after: SessionState, effects: readonly SessionEffect[]) => void = () => undefined
  readonly #spec: AgentSpec

  constructor(spec: Partial<AgentSpec> = {}) {
    this.#spec = { ...SPEC, ...spec }
    this.state = newSession('PCMU', 0, 2_000, this.#spec.past)
  }

  /** Open, configured, started and, where there is a greeting, greeted by response `g` with no audio. */
  static talking(spec: Partial<AgentSpec> = { greeting: '' }): Stage {
    const stage = new Stage(spec)
    stage.input({ kind: 'opened' })
    stage.server({ type: 'session.updated' })
    stage.input({ kind: 'started' })
    return stage
  }

  input(input: SessionInput): void {
    const inputs = [input]
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      const { state, effects } = stepSession(this.state, next, this.nowMs, this.#spec)
      this.state = state
      this.onStep(state, effects)
      for (const effect of effects) {
        this.effects.push(effect)
        if (effect.kind === 'flush') inputs.push({ kind: 'flushed', items: this.playout.flush() })
        if (effect.kind === 'switch') inputs.push({ kind: 'reopening', setupMs: 2_000 }, { kind: 'opened' })
        if (effect.kind === 'endItem') this.playout.end(effect.itemId)
        if (effect.kind === 'play' && !this.playout.play(effect.itemId, effect.audio)) {
          inputs.push({ kind: 'overflowed', itemId: effect.itemId, samples: effect.audio.length })
        }
      }
    }
  }

  /** A server event as it stands on the wire. */
  server(event: object): void {
    const parsed = parseServerEvent(JSON.stringify(event))
    if (parsed.ok) this.input({ kind: 'server', event: parsed.value })
  }

  /** Lets time pass: packets are played and the session is woken at its deadlines. */
  pass(ms: number): void {
    const frame = new Uint8Array(FRAME_SAMPLES)
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += FRAME_MS) {
      this.playout.next(frame, 0xff)
      for (const itemId of this.playout.takePlayed()) this.input({ kind: 'played', itemId })
      const deadline = deadlineMs(this.state)
      if (deadline !== null && deadline <= this.nowMs) this.input({ kind: 'woken' })
    }
  }

  /** The server is gone, and `gapMs` later the next one is configured; gives back what that one was sent. */
  reconnect(gapMs = 200): readonly Record<string, unknown>[] {
    this.input({ kind: 'closed', code: 1006, message: 'gone', refusal: 'agent-unreachable' })
    this.pass(gapMs)
    const from = this.effects.length
    this.input({ kind: 'reopening', setupMs: 2_000 })
    this.input({ kind: 'opened' })
    this.server({ type: 'session.updated' })
    return this.effects.slice(from).flatMap((effect) => (effect.kind === 'send' ? [{ ...effect.event }] : []))
  }

  /** Response `id` begins to speak `ms` of audio as item `<id>a`. */
  speak(id: string, text: string, ms: number, mark: string | null = null): void {
    this.server({
      type: 'response.created',
      response: { id, metadata: mark === null ? null : { tandem_request: mark } },
    })
    const part = { response_id: id, item_id: `${id}a`, content_index: 0 }
    this.server({ type: 'response.output_audio_transcript.delta', ...part, delta: text })
    this.server({ type: 'response.output_audio.delta', ...part, delta: Buffer.alloc(ms * 8).toString('base64') })
  }

  /** The rest of what `speak` began. */
  finish(id: string, status = 'completed', output: readonly object[] = []): void {
    const part = { response_id: id, item_id: `${id}a`, content_index: 0 }
    this.server({ type: 'response.output_audio.done', ...part })
    this.server({ type: 'response.done', response: { id, status, output, usage: { total_tokens: 10 } } })
  }

  sent(type: string): readonly Record<string, unknown>[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'send' && effect.event.type === type ? [{ ...effect.event }] : [],
    )
  }

  of<K extends SessionEffect['kind']>(kind: K): readonly Extract<SessionEffect, { kind: K }>[] {
    return this.effects.filter((effect): effect is Extract<SessionEffect, { kind: K }> => effect.kind === kind)
  }

  get news(): readonly string[] {
    return this.of('news').map(({ news }) => news.kind)
  }

  get turns(): readonly string[] {
    return this.of('turn').map(({ who, text }) => `${who}: ${text}`)
  }
}

export const speechStarted = (itemId: string): object => ({
  type: 'input_audio_buffer.speech_started',
  item_id: itemId,
})
export const speechStopped = (itemId: string): object => ({
  type: 'input_audio_buffer.speech_stopped',
  item_id: itemId,
})
export const call = (callId: string, name: string, args = '{}'): object => ({
  type: 'function_call',
  status: 'completed',
  call_id: callId,
  name,
  arguments: args,
})
