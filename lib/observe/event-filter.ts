import type { EventLevel, TandemEvent } from './event.ts'

/** Which events a reader wants; what is not given is not asked for. */
export interface EventFilter {
  readonly call?: string
  readonly trunk?: string
  readonly tenant?: string
  /** This level and all above it. */
  readonly level?: EventLevel
}

export const EVENT_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly EventLevel[]

/** Whether the event is one of those that the reader wants. */
export function matchesEvent(event: TandemEvent, filter: EventFilter): boolean {
  if (filter.call !== undefined && event.call !== filter.call) return false
  if (filter.trunk !== undefined && event.trunk !== filter.trunk) return false
  if (filter.tenant !== undefined && event.tenant !== filter.tenant) return false
  return filter.level === undefined || EVENT_LEVELS.indexOf(event.level) >= EVENT_LEVELS.indexOf(filter.level)
}
