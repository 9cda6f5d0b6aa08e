import * as z from 'zod'
import { isZone, WEEKDAYS } from '../outbound/calling-hours.ts'
import { RETRY_DEFAULTS, RETRY_LIMITS, RETRY_REASONS } from '../outbound/retry-policy.ts'
import { retention } from './retention.ts'
import { credentials, limits } from './trunks.ts'
import { duration, section } from './units.ts'
import { count, hostName, name, number, optional, sourceAddress, tenantIdText, text, trunkIdText } from './values.ts'

/** One of `groups`: trunks that can stand in for each other, in the order of priority. */
export const group = z.strictObject({
  mode: z
    .enum(['warm-standby', 'active-active'])
    .default('warm-standby')
    .describe('warm-standby: all calls on the first active trunk; active-active: spread by weight.'),
  trunks: z.array(trunkIdText).min(1).max(64).describe('Ids of its trunks, the preferred first.'),
  weights: z
    .record(name, count(0, 65_535))
    .default({})
    .describe("Share of each trunk by id, instead of the trunk's own weight."),
})

/** `groups`, by name. */
export const groups = z.record(name, group)

const tenantNumber = z.union([
  number.transform((value) => ({ number: value, trunk: null })),
  z.strictObject({
    number: number.describe('The number.'),
    trunk: optional(trunkIdText).describe('The one trunk that the number lives on.'),
  }),
])

const recording = section({
  enabled: z.boolean('true or false').default(false).describe('Whether calls are recorded.'),
  retention: duration('30d', 'How long recordings are kept.'),
})

const retry = section({
  attempts: count(1, RETRY_LIMITS.attempts)
    .default(RETRY_DEFAULTS.attempts)
    .describe('Calls in all, the first one included.'),
  after: duration('5m', 'From the end of the first call to the second, 10 % more or less; at most a day.'),
  factor: z
    .number(`a number from 1 to ${RETRY_LIMITS.factor}`)
    .min(1)
    .max(RETRY_LIMITS.factor)
    .default(RETRY_DEFAULTS.factor)
    .describe('Each further wait is so many times the one before.'),
  on: z
    .array(z.enum(RETRY_REASONS))
    .default([...RETRY_DEFAULTS.on])
    .describe('After which ends of a call another one is made.'),
  within: duration('1d', 'Later than this after the request no call is made.'),
})

/** Minutes after midnight. */
const timeOfDay = text((value) => {
  const match = /^(\d{2}):([0-5]\d)$/.exec(value)
  const minute = Number(match?.[1]) * 60 + Number(match?.[2])
  return match !== null && minute <= 24 * 60 ? minute : undefined
}, 'a time in quotes such as "09:00", from "00:00" to "24:00"')

const LASTS = 'from and to that differ ("00:00" to "24:00" is all day), and from before "24:00"'

const callingWindow = z
  .strictObject({
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .max(7)
      .default([...WEEKDAYS])
      .describe('On which days it begins.'),
    from: timeOfDay.describe('When it begins.'),
    to: timeOfDay.describe('When it ends: on the day after, where that is not later than `from`.'),
  })
  .refine(({ from, to }) => from !== to && from < 24 * 60, LASTS)
  .transform(({ days, from, to }) => ({ days, fromMinute: from, toMinute: to }))

const callingHours = z.strictObject({
  zone: text((value) => (isZone(value) ? value : undefined), 'a time zone such as "America/New_York"').describe(
    'Time zone of the clock that they are told by, as IANA names it.',
  ),
  windows: z.array(callingWindow).min(1).max(100).describe('When calls may be placed.'),
})

/** One of `tenants`: whose numbers are answered by whom. */
export const tenant = section({
  id: tenantIdText.describe('Name of the tenant.'),
  group: name.describe('Group of trunks that its calls go out on.'),
  numbers: z
    .array(tenantNumber)
    .max(100_000)
    .default([])
    .describe('Its numbers in E.164, or {number, trunk} where a number lives on one carrier.'),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'a country code of two capital letters (ISO 3166-1) such as US')
    .default('US')
    .describe('Country that numbers not in E.164 are read by.'),
  agent: name.describe('Agent that answers its calls.'),
  backends: z
    .record(
      name,
      z
        .array(z.enum(['local', 'openai', 'azure', 'custom']))
        .min(1)
        .max(9),
    )
    .default({})
    .describe("Order of backends by agent, instead of the agent's own."),
  resumeWindow: duration('15m', 'How long a session of a dropped call can be resumed; 0s: never.'),
  resumeOn: z
    .enum(['fault', 'any'])
    .default('fault')
    .describe(
      'Which calls leave a session that can be resumed. fault: those that dropped; any: those that somebody ended too.',
    ),
  referTo: z
    .array(number)
    .max(1_000)
    .default([])
    .describe(
      'Whom people may hand its callers and its agents to by REFER, on trunks with `acceptRefer`, beside `transfers` of the agent: numbers in E.164, or extensions.',
    ),
  callback: z
    .boolean('true or false')
    .default(false)
    .describe('Whether a caller whose leg dropped is called back, once.'),
  callingHours: optional(callingHours).describe(
    'When its calls may be placed by the API; absent: at any time. Callbacks and transfers are not bound by it.',
  ),
  retry: optional(retry).describe('How often somebody is called, by the API, who was not reached; absent: once.'),
  recording: recording.prefault({}).describe('Recording of its calls.'),
  retention: optional(retention).describe(
    'How long its records stay in PostgreSQL, instead of `store.retention` as a whole.',
  ),
  limits: limits.prefault({}).describe('Limits of this tenant.'),
  host: optional(hostName).describe("Host in the request-URI of calls from the tenant's own SBC."),
  credentials: optional(credentials).describe("Digest credentials of the tenant's own SBC."),
  sources: z
    .array(sourceAddress)
    .max(1_024)
    .prefault([])
    .describe(
      "Addresses that the tenant's own SBC sends from, as those of a trunk; it may call the tenant's numbers only.",
    ),
})
