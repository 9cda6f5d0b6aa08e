import type { EmitLegEvent, Talker } from '../../../app/media/talker.ts'
import type { AgentSpec } from '../../../lib/agent/spec.ts'
import { ok } from '../../../lib/core/result.ts'

/** In the agent's place: says that a machine has answered, as soon as somebody has, where it is asked to listen for one. */
export function createAgentTalker({ onMachine }: AgentSpec, emit: EmitLegEvent): Talker {
  return {
    ready: async () => ok(undefined),
    attach: () => {},
    start: () => {
      if (onMachine !== undefined)
        emit({ kind: 'answeredBy', by: 'machine', afterMs: 2_420, leaves: onMachine === 'hang-up' })
      emit({ kind: 'turn', at: new Date(), who: 'agent', text: 'hello' })
    },
    onAudio: () => {},
    onDtmf: () => {},
    onPlayed: () => {},
    close: async () => null,
  }
}
