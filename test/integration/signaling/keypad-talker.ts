import type { EmitLegEvent, Talker } from '../../../app/media/talker.ts'
import type { AgentSpec } from '../../../lib/agent/spec.ts'
import { ok } from '../../../lib/core/result.ts'

/** In the agent's place: says in its transcript which keys it heard, and hangs up at a 9. */
export function createAgentTalker(_spec: AgentSpec, emit: EmitLegEvent): Talker {
  return {
    ready: async () => ok(undefined),
    attach: () => {},
    start: () => {},
    onAudio: () => {},
    onDtmf: (digit, durationMs) => {
      if (digit === '9') emit({ kind: 'hangUp', reason: 'the caller pressed 9' })
      else emit({ kind: 'turn', at: new Date(), who: 'caller', text: `${digit} for ${durationMs} ms` })
    },
    onPlayed: () => {},
    close: async () => null,
  }
}
