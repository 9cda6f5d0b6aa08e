import { ok, type Result } from '../../lib/core/result.ts'
import type { AgentRefusal } from './port.ts'
import type { Line, Talker } from './talker.ts'

/** Nobody: says nothing, and hears nothing of what comes. */
export class SilentTalker implements Talker {
  async ready(): Promise<Result<void, AgentRefusal>> {
    return ok(undefined)
  }

  attach(_line: Line): void {}

  start(): void {}

  onAudio(_frame: Uint8Array, _nowMs: number): void {}

  onDtmf(): void {}

  onPlayed(): void {}

  async close(): Promise<null> {
    return null
  }
}
