import type { EventDraft } from '../observe/event.ts'
import type { TrunkState } from '../trunk/state.ts'
import type { BackendVerdict } from './backend-health.ts'
import type { BackendSpec } from './spec.ts'

/** A backend of an agent whose state is another one now. */
export interface BackendChange {
  readonly id: string
  readonly kind: BackendSpec['kind']
  readonly from: TrunkState
  readonly to: BackendVerdict
}

/** Backends that one event names. */
export const MAX_NAMED = 20

/** `agent.state`: one event for all whose change is the same, as agents that share a server lose it in one moment. */
export function changeEvents(changes: readonly BackendChange[]): readonly EventDraft[] {
  const alike = new Map<string, BackendChange[]>()
  for (const change of changes) {
    const { kind, from, to } = change
    const key = JSON.stringify([kind, from, to.state, to.channel, to.reason])
    alike.set(key, [...(alike.get(key) ?? []), change])
  }
  return [...alike.values()].flatMap((same) => {
    const [first] = same
    if (first === undefined) return []
    const { kind, from, to } = first
    const { state, channel, reason } = to
    const level = state === 'active' ? 'info' : channel === 'account' ? 'error' : 'warn'
    const backends = same.slice(0, MAX_NAMED).map(({ id }) => id)
    return [{ event: 'agent.state' as const, level, backends, kind, from, to: state, channel, reason }]
  })
}
