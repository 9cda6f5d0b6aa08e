import type { Result } from '../../../lib/core/result.ts'
import type { G711Law } from '../../../lib/media/g711.ts'
import type { LegHandle } from '../embedded/protocol.ts'
import type { WorkerHost } from '../embedded/worker-host.ts'
import type { AgentRefusal, LegSummary } from '../port.ts'

/** The main thread's end of a `Voice` in a media worker. */
export class RemoteVoice {
  readonly #handle: LegHandle
  readonly #host: WorkerHost

  constructor(handle: LegHandle, host: WorkerHost) {
    this.#handle = handle
    this.#host = host
  }

  /** The URL that FreeSWITCH is to bring the fork to, at an address of ours; rejects where the worker is gone. */
  async expectFork(address: string): Promise<string> {
    return (await this.#host.request(this.#handle, { kind: 'expectFork', address })).url
  }

  /** Whether the fork has come. */
  async forked(): Promise<boolean> {
    return (await this.#host.request(this.#handle, { kind: 'forked' })).connected
  }

  agreed(codec: G711Law, maySpeak: boolean): void {
    this.#host.agreed(this.#handle, codec, maySpeak)
  }

  ready(): Promise<Result<void, AgentRefusal>> {
    return this.#host.ready(this.#handle)
  }

  start(): void {
    this.#host.start(this.#handle)
  }

  mute(muted: boolean): void {
    this.#host.mute(this.#handle, muted)
  }

  transferred(callId: string, problem: string | null): void {
    this.#host.transferred(this.#handle, callId, problem)
  }

  dtmf(digit: string, durationMs: number): void {
    this.#host.dtmf(this.#handle, digit, durationMs)
  }

  /** What talker and recording were; nothing where they went with the worker. */
  async close(): Promise<Pick<LegSummary, 'agent' | 'recording'>> {
    try {
      return (await this.#host.request(this.#handle, { kind: 'close' })).summary
    } catch {
      return { agent: null, recording: null }
    }
  }
}
