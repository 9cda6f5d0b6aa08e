import { ok, type Result } from '../../lib/core/result.ts'
import type { AgentRefusal } from './port.ts'
import type { Talker } from './talker.ts'

/** Nobody: says nothing, and hears nothing of what comes. */
export class SilentTalker implements Talker {
  async ready(): Promise<Result<void, AgentRefusal>> {
    return ok(undefined)
  }

  attach(): void {}

  start(): void {}

  onAudio(): void {}

  onDtmf(): void {}

  onPlayed(): void {}

  async close(): Promise<null> {
    return null
  }
}
