import { printable, shorten } from './printable.ts'

/** What every event has; it is shown by itself, not among the further fields. */
const COMMON_FIELDS = new Set(['id', 'at', 'event', 'node', 'level', 'call', 'trunk', 'tenant'])
const MAX_FIELDS = 24
const MAX_VALUE = 200

/** The fields of an event beyond those that every event has, as `name=value name=value`, for a person to read. */
export function formatEventFields(event: Readonly<Record<string, unknown>>): string {
  return Object.entries(event)
    .filter(([name, value]) => !COMMON_FIELDS.has(name) && value !== undefined && value !== null)
    .slice(0, MAX_FIELDS)
    .map(([name, value]) => `${printable(name)}=${formatValue(value)}`)
    .join(' ')
}

function formatValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  const shown = shorten(printable(text), MAX_VALUE)
  return typeof value === 'string' && /[\s="]/.test(shown) ? JSON.stringify(shown) : shown
}
