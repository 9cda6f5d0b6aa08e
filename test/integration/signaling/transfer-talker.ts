import { setTimeout as sleep } from 'node:timers/promises'
import type { EmitLegEvent, Line, Talker } from '../../../app/media/talker.ts'
import type { AgentSpec } from '../../../lib/agent/spec.ts'
import { ok } from '../../../lib/core/result.ts'

/**
 * In the agent's place: says back what it hears, and does what keys ask for. With a caller, 1 transfers to the desk, 2 to the ward (attended) and 3 to
 * nobody, 7 makes its end slow, 8 hangs up and 9 is remembered; with a person who is told of a caller, 1 accepts and 2 declines. What it is told stands in its transcript.
 */
export function createAgentTalker({ past }: AgentSpec, emit: EmitLegEvent): Talker {
  const say = (text: string): void => emit({ kind: 'turn', at: new Date(), who: 'agent', text })
  const transfer = (to: string): void => emit({ kind: 'agent.transfer', callId: `to-${to}`, to })
  const note = past?.note
  let line: Line | null = null
  let closesInMs = 0
  if (note === 'handedOn') emit({ kind: 'agent.connected', backend: `${past?.items.length ?? 0}`, setupMs: 0 })
  return {
    ready: async () => ok(undefined),
    attach: (next) => {
      line = next
    },
    start: () => {
      emit({ kind: 'item', item: { kind: 'message', role: 'assistant', text: `hello ${note ?? ''}`, at: new Date() } })
      if (note !== undefined) say(`${note}: ${past?.items.length ?? 0}`)
    },
    onAudio: (frame) => {
      if (frame.some((byte) => byte !== 0xff)) line?.play('echo', frame)
    },
    onDtmf: (digit) => {
      if (digit === '9') emit({ kind: 'item', item: { kind: 'message', role: 'user', text: '9', at: new Date() } })
      else if (digit === '7') closesInMs = 2_500
      else if (digit === '8') emit({ kind: 'hangUp', reason: '' })
      else if (note === 'briefing') emit({ kind: 'agent.briefed', accepts: digit === '1', reason: 'at lunch' })
      else transfer({ '1': 'desk', '2': 'ward' }[digit] ?? 'nobody')
    },
    onPlayed: () => {},
    transferred: (callId, problem) => say(`${callId}: ${problem ?? 'done'}`),
    close: async () => {
      if (closesInMs > 0) await sleep(closesInMs)
      return null
    },
  }
}
