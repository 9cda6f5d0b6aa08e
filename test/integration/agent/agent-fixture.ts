import assert from 'node:assert/strict'
import { type AgentMeter, newAgentMeter } from '../../../app/agent/meter.ts'
import { createAgentTalker } from '../../../app/agent/talker.ts'
import type { LegEvent } from '../../../app/media/port.ts'
import type { Talker } from '../../../app/media/talker.ts'
import type { AgentSpec, BackendSpec } from '../../../lib/agent/spec.ts'
import { FRAME_SAMPLES, SILENCE } from '../../../lib/media/g711.ts'
import { FakeLine } from '../../helpers/fake-line.ts'

export const backend = (baseUrl: string, rest: Partial<BackendSpec> = {}): BackendSpec => ({
  id: 'a/0',
  kind: 'local',
  baseUrl,
  model: 'gpt-realtime-2.1',
  apiKey: 'test-key',
  renewBeforeMs: 600_000,
  ...rest,
})

export const agentSpec = (first: BackendSpec, rest: Partial<AgentSpec> = {}): AgentSpec => ({
  backends: [first],
  voice: 'marin',
  instructions: 'You take patient intake calls.',
  greeting: 'Hello, this is the clinic. How can I help?',
  tools: [],
  variables: { caller: '+12025550100' },
  connectTimeoutMs: 2_000,
  reconnectForMs: 30_000,
  comfortAfterMs: 300,
  batchMs: 40,
  ...rest,
})

/** Longer than anything here takes. */
const GIVE_UP_MS = 8_000

/** One agent on a fake line, and what it said of the call. */
export class AgentUnderTest {
  readonly events: LegEvent[] = []
  readonly meter: AgentMeter = newAgentMeter()
  readonly line = new FakeLine()
  readonly talker: Talker
  readonly #waiting = new Set<() => void>()

  constructor(spec: AgentSpec) {
    const emit = (event: LegEvent): void => {
      this.events.push(event)
      for (const look of this.#waiting) look()
    }
    this.talker = createAgentTalker(spec, emit, this.meter)
  }

  /** Ready and started, as signaling does it. */
  async answer(): Promise<void> {
    this.talker.attach(this.line)
    assert.deepEqual(await this.talker.ready(), { ok: true, value: undefined })
    this.talker.start()
  }

  /** The n-th event of a kind, from 1. */
  next<K extends LegEvent['kind']>(kind: K, nth = 1): Promise<Extract<LegEvent, { kind: K }>> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.events.filter((event): event is Extract<LegEvent, { kind: K }> => event.kind === kind)
        const event = found[nth - 1]
        if (event === undefined) return
        this.#waiting.delete(look)
        resolve(event)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Turns, as `who: text`. */
  get turns(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'turn' ? [`${event.who}: ${event.text}`] : []))
  }

  /** Gives the agent audio of the caller, all at once: its server hears by the audio's clock, not by ours. */
  hear(audio: Uint8Array): void {
    for (let at = 0; at + FRAME_SAMPLES <= audio.length; at += FRAME_SAMPLES) {
      this.talker.onAudio(audio.subarray(at, at + FRAME_SAMPLES), performance.now())
    }
  }

  hearSilence(ms: number): void {
    this.hear(new Uint8Array(ms * 8).fill(SILENCE[this.line.codec]))
  }

  /** Waits until something holds, doing `each` on the way; the line's clock goes on only there. Fails where it never does. */
  async until(holds: () => boolean, each: () => void = () => undefined): Promise<void> {
    const deadlineMs = performance.now() + GIVE_UP_MS
    while (!holds()) {
      if (performance.now() > deadlineMs)
        throw new Error(`never happened: ${holds.toString()}; turns: ${this.turns.join(' | ')}`)
      each()
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
}
