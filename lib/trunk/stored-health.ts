import * as z from 'zod'
import type { HealthState } from './health.ts'

/**
 * Health as it is stored and survives a restart: JSON, with every moment as milliseconds from now (negative: ago),
 * since a monotonic clock means nothing to another process. Time that passes while it is stored does not count.
 */
export interface StoredHealth {
  readonly version: typeof VERSION
  readonly health: Json
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Of another version nothing is taken over: evidence is soon gathered again, and overrides are stored by themselves. */
const VERSION = 2

/** Moments are called so in the state, and so when stored. */
const MOMENT = 'AtMs'
const STORED_MOMENT = 'InMs'

/** What is stored of a trunk's health. What is under way is not: a probe is sent anew, a canary's place is free. */
export function freeze(state: HealthState, nowMs: number): StoredHealth {
  const targets = state.probe.targets.map((target) =>
    target.probe.kind === 'sent' ? { ...target, probe: { kind: 'waiting', sendAtMs: nowMs } as const } : target,
  )
  const { phase } = state.calls
  const settled: HealthState = {
    ...state,
    probe: { targets },
    calls: phase.kind === 'canary' ? { ...state.calls, phase: { ...phase, patienceEndsAtMs: null } } : state.calls,
  }
  return { version: VERSION, health: mapMoments(toJson(settled), MOMENT, STORED_MOMENT, -nowMs) }
}

/** The health that was stored; undefined where it is none of ours, or of another version. */
export function thaw(stored: unknown, nowMs: number): HealthState | undefined {
  const envelope = storedHealth.safeParse(stored)
  if (!envelope.success) return undefined
  const health = healthState.safeParse(mapMoments(envelope.data.health, STORED_MOMENT, MOMENT, nowMs))
  return health.success ? health.data : undefined
}

/** The same value with the keys of moments renamed and `addMs` added to each. */
function mapMoments(value: Json, from: string, to: string, addMs: number): Json {
  if (isList(value)) return value.map((item) => mapMoments(item, from, to, addMs))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      if (!key.endsWith(from)) return [key, mapMoments(field, from, to, addMs)]
      return [key.slice(0, -from.length) + to, typeof field === 'number' ? field + addMs : field]
    }),
  )
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

const json = z.json()
const toJson = (state: HealthState): Json => json.parse(state)
const storedHealth = z.object({ version: z.literal(VERSION), health: json })

const count = z.number().int().min(0)
const moment = z.number()
const text = z.string().max(1_024)
const trunkState = z.enum(['active', 'standby', 'failed'])

const recovery = z.strictObject({ holdEndsAtMs: moment.nullable(), falls: count, backAtMs: moment.nullable() })

const target = z.strictObject({
  target: text,
  answering: z.boolean(),
  misses: count,
  goods: count,
  everGood: z.boolean(),
  probe: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('off') }),
    z.strictObject({ kind: z.literal('waiting'), sendAtMs: moment }),
  ]),
  recovery,
  refusalEndsAtMs: moment.nullable(),
  lastGoodAtMs: moment.nullable(),
  rttMs: z.number().nullable(),
  serial: count,
  reason: text,
})

const slice = z.strictObject({
  startedAtMs: moment,
  attempts: count,
  faults: count,
  faultNumbers: z.array(text),
  noProgress: count,
  noProgressNumbers: z.array(text),
})

const calls = z.strictObject({
  window: z.array(slice).max(100),
  row: z.strictObject({ faults: count, noProgress: count, noProgressNumbers: z.array(text), silent: count }),
  phase: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('carrying') }),
    z.strictObject({ kind: z.literal('held') }),
    z.strictObject({
      kind: z.literal('canary'),
      successes: count,
      waitingSinceAtMs: moment,
      patienceEndsAtMs: moment.nullable(),
    }),
  ]),
  recovery,
  reason: text,
})

const healthState: z.ZodType<HealthState> = z.strictObject({
  probe: z.strictObject({ targets: z.array(target).max(64) }),
  calls,
  media: z.strictObject({
    calls: z.array(z.boolean()).max(1_000),
    clearsAtMs: moment.nullable(),
    heardAtMs: moment.nullable(),
    reason: text,
  }),
  operator: z.strictObject({ state: trunkState, actor: text, reason: text, expiresAtMs: moment.nullable() }).nullable(),
  effective: z.strictObject({
    state: trunkState,
    sinceAtMs: moment,
    reason: text,
    channel: z.enum(['operator', 'probe', 'calls', 'media']).nullable(),
  }),
})
