import * as z from 'zod'

declare const unit: unique symbol
/** Milliseconds that a config file wrote as a duration; `section` puts the unit into the key's name. */
export type Duration = number & { readonly [unit]: 'ms' }

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** Longer than any deadline of ours, and still within what a timer takes (2^31 - 1 ms is 24.8 days) for all but retention. */
const MAX_DURATION_MS = 3_650 * 86_400_000

/**
 * Milliseconds of a duration such as `5s`, `250ms`, `1h30m`; the units are ms, s, m, h and d, each at most once and the
 * larger first. Undefined where the text is no such duration, or longer than ten years.
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/.exec(text)
  if (match === null || text === '') return undefined
  const units = ['d', 'h', 'm', 's', 'ms']
  const totalMs = units.reduce((sum, name, i) => sum + Number(match[i + 1] ?? 0) * (UNIT_MS[name] ?? 0), 0)
  return totalMs <= MAX_DURATION_MS ? Math.round(totalMs) : undefined
}

/** The shortest words for a number of milliseconds: 90000 is `1m30s`. The inverse of `parseDurationMs`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms)
  let text = ''
  for (const name of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNIT_MS[name] ?? 1
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) text += `${count}${name}`
  }
  return text === '' ? '0s' : text
}

/** Which schemas give a `Duration`, so that `section` knows whose key gets `Ms` at its end. */
const durations = new WeakSet<object>()

const parsed = z.string().transform((text, context): Duration => {
  const ms = parseDurationMs(text)
  if (ms !== undefined) return ms as Duration
  context.addIssue({ code: 'custom', message: 'a duration such as 250ms, 5s, 15m or 1h30m' })
  return z.NEVER
})

/** A duration with its default, both as a config file writes them. */
export function duration(fallback: string, description: string) {
  const schema = parsed.prefault(fallback).describe(description)
  durations.add(schema)
  return schema
}

/** A duration that may be left out; null where it is. */
export function optionalDuration(description: string) {
  const schema = parsed
    .optional()
    .transform((ms): Duration | null => ms ?? null)
    .describe(description)
  durations.add(schema)
  return schema
}

/** The same object with every duration's key named in milliseconds: `interval` becomes `intervalMs`. */
type WithUnits<T> = {
  [K in keyof T as [NonNullable<T[K]>] extends [Duration] ? `${K & string}Ms` : K]: [T[K]] extends [Duration]
    ? number
    : [T[K]] extends [Duration | null]
      ? number | null
      : T[K]
}

/** A part of the config: no unknown keys, and durations renamed by their unit. */
export function section<S extends z.ZodRawShape>(shape: S) {
  type Parsed = z.output<z.ZodObject<S, z.core.$strict>>
  const names = new Map(
    Object.entries(shape).map(([key, schema]) => [key, durations.has(schema) ? `${key}Ms` : key] as const),
  )
  return z.strictObject(shape).transform((value): WithUnits<Parsed> => {
    const renamed = Object.entries(value).map(([key, field]) => [names.get(key) ?? key, field])
    // The mapped type above says in the types what the map of names does at run time.
    return Object.fromEntries(renamed) as WithUnits<Parsed>
  })
}
