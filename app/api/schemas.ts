import * as z from 'zod'
import { MANAGED_KINDS } from '../../lib/config/managed.ts'
import { callId, errandId, nodeId, sessionId, trunkId } from '../../lib/core/ids.ts'
import { EVENT_LEVELS } from '../../lib/observe/event-filter.ts'
import { parseLastEventId } from '../../lib/observe/event-id.ts'
import { ERRAND_STATES } from '../../lib/outbound/errand.ts'
import { parseIdempotencyKey } from '../../lib/outbound/idempotency-key.ts'
import { RETRY_DEFAULTS, RETRY_LIMITS, RETRY_REASONS, type RetryPolicy } from '../../lib/outbound/retry-policy.ts'
import { NIL_UUID } from '../../lib/sip/session-id.ts'

/** What clients may send, with the words that they are told when they send something else. */

const MAX_TEXT = 128
export const MAX_CALLS_PER_PAGE = 500

const MAX_REASON = 500
const MAX_VARIABLES = 32
const MAX_VARIABLE = 1_024
/** A year. */
const MAX_TTL_SECONDS = 366 * 86_400

const CALL_STATES = ['incoming', 'ringing', 'active', 'held', 'transferring', 'ended'] as const
const END_CAUSES = [
  'normal',
  'cancelled',
  'busy',
  'no-answer',
  'rejected',
  'redirected',
  'trunk-fault',
  'agent-fault',
  'media-timeout',
  'limit',
  'node-lost',
  'transferred',
] as const

const ULID = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/i

const text = z
  .string()
  .min(1)
  .max(MAX_TEXT)
  .regex(/^[^\p{Cc}]*$/u, 'must not contain control characters')

/** In a query string an unescaped `+` means a blank; of a number it is the plus sign. */
const number = text.transform((value) => (/^ \d/.test(value) ? `+${value.slice(1)}` : value))

const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
  .transform((value) => value === 'true' || value === '1')

const moment = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be an ISO 8601 time such as 2026-01-31T09:00:00Z',
  })
  .transform((value) => new Date(value))

const limit = z
  .string()
  .regex(/^\d{1,6}$/, 'must be a whole number')
  .transform(Number)
  .pipe(z.number().min(1).max(MAX_CALLS_PER_PAGE))

/** A UUID as Session-ID has it, or as it is written elsewhere. All of nobody's calls are of no use. */
const sessionUuid = text
  .transform((value) => value.replaceAll('-', '').toLowerCase())
  .refine((value) => /^[0-9a-f]{32}$/.test(value) && value !== NIL_UUID, 'must be a UUID of 32 hexadecimal digits')

export const callsQuery = z.strictObject({
  active: flag.optional().describe('Only calls that have not ended, or only such that have.'),
  tenant: text.optional(),
  trunk: text.optional(),
  from: number.optional().describe('The calling number, as the record shows it.'),
  to: number.optional().describe('The called number, as the record shows it.'),
  state: z.enum(CALL_STATES).optional(),
  cause: z.enum(END_CAUSES).optional().describe('How the call ended.'),
  session: text.optional().describe('Calls of one conversation, by `session.id`.'),
  sipSessionId: sessionUuid
    .optional()
    .describe('Calls with this UUID in Session-ID (RFC 7989), at either end: 32 hexadecimal digits, or with dashes.'),
  since: moment.optional().describe('Calls that started then or later.'),
  until: moment.optional().describe('Calls that started before then.'),
  limit: limit.optional().describe(`Calls in one answer: 1 to ${MAX_CALLS_PER_PAGE}, else 50.`),
  cursor: z
    .string()
    .regex(ULID, 'is not a cursor that this API gave')
    .optional()
    .describe('`next` of the answer before.'),
})

/** A ULID; what is none names no call, so that the answer is 404 rather than 400. */
export const callParams = z.object({
  id: z.string().transform((id) => (ULID.test(id) ? callId(id.toUpperCase()) : undefined)),
})

/** As `callParams`. */
export const sessionParams = z.object({
  id: z.string().transform((id) => (ULID.test(id) ? sessionId(id.toUpperCase()) : undefined)),
})

const seconds = (max: number) => z.number().min(1).max(max)

const retry = z
  .strictObject({
    attempts: z
      .int()
      .min(1)
      .max(RETRY_LIMITS.attempts)
      .default(RETRY_DEFAULTS.attempts)
      .describe('Calls in all, the first one included.'),
    afterSec: seconds(RETRY_LIMITS.afterMs / 1_000)
      .default(RETRY_DEFAULTS.afterMs / 1_000)
      .describe('From the end of the first call to the second, 10 % more or less.'),
    factor: z
      .number()
      .min(1)
      .max(RETRY_LIMITS.factor)
      .default(RETRY_DEFAULTS.factor)
      .describe('Each further wait is so many times the one before, at most a day.'),
    on: z
      .array(z.enum(RETRY_REASONS))
      .default([...RETRY_DEFAULTS.on])
      .describe('After which ends of a call another one is made.'),
    withinSec: seconds(RETRY_LIMITS.withinMs / 1_000)
      .default(RETRY_DEFAULTS.withinMs / 1_000)
      .describe('Later than this after the request no call is made.'),
  })
  .transform(
    ({ attempts, afterSec, factor, on, withinSec }): RetryPolicy => ({
      ...{ attempts, factor, on },
      afterMs: Math.round(afterSec * 1_000),
      withinMs: Math.round(withinSec * 1_000),
    }),
  )

export const placeBody = z.strictObject({
  to: text.describe('The number to call, in E.164 or as dialled in the country of the tenant.'),
  from: text.optional().describe('The calling number; absent: the first number of the tenant that a trunk may show.'),
  tenant: text.describe('Whose call it is: it goes out over the trunks of its group.'),
  agent: text.optional().describe("Who speaks; absent: the tenant's own agent."),
  anonymous: z.boolean().optional().describe('Whether the callee is not to be shown the calling number (RFC 3323).'),
  variables: z
    .record(z.string().regex(/^[A-Za-z_]\w{0,62}$/, 'must be letters, digits and _'), z.string().max(MAX_VARIABLE))
    .refine((all) => Object.keys(all).length <= MAX_VARIABLES, `has more than ${MAX_VARIABLES} entries`)
    .optional()
    .describe('Facts that the agent and its tools are told, as those of a router.'),
  amd: z
    .strictObject({
      onMachine: z
        .enum(['tell-agent', 'hang-up'])
        .default('tell-agent')
        .describe('Whether the agent is told that a machine has answered, or the call ends.'),
    })
    .optional()
    .describe('Listens for an answering machine; absent: not.'),
  retry: retry
    .optional()
    .describe('How often somebody is called who was not reached; absent: once, or as the tenant has it.'),
})

export const placeHeaders = z.object({
  'idempotency-key': z
    .string()
    .transform((header, context) => {
      const key = parseIdempotencyKey(header)
      if (key !== null) return key
      context.addIssue({
        code: 'custom',
        message: 'must be 1 to 255 printable ASCII characters without quotes and blanks',
      })
      return z.NEVER
    })
    .optional()
    .describe('The same key of a tenant with the same body is the same call, on whatever node, for 30 days.'),
})

export const errandParams = z.object({
  id: z.string().transform((id) => (ULID.test(id) ? errandId(id.toUpperCase()) : undefined)),
})

export const errandsQuery = z.strictObject({
  tenant: text.optional(),
  state: z.enum(ERRAND_STATES).optional(),
  limit: limit.optional().describe(`Errands in one answer: 1 to ${MAX_CALLS_PER_PAGE}, else 50.`),
  cursor: z
    .string()
    .regex(ULID, 'is not a cursor that this API gave')
    .optional()
    .describe('`next` of the answer before.'),
})

export const transferBody = z.strictObject({
  to: text.describe('Who is rung: a number in E.164, as dialled in the country of the tenant, or an extension.'),
})

export const nodeParams = z.object({ id: text.transform(nodeId) })

export const trunkParams = z.object({ id: text.transform(trunkId) })

export const agentParams = z.object({ name: text })

export const backendParams = z.object({ name: text, place: z.string().regex(/^\d{1,2}$/, 'must be a whole number') })

export const overrideBody = z.strictObject({
  state: z.enum(['active', 'standby', 'failed']),
  reason: z
    .string()
    .trim()
    .min(1, 'must say why')
    .max(MAX_REASON)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')
    .describe('Why, for the audit and for whoever wonders later.'),
  ttlSeconds: z
    .number()
    .positive()
    .max(MAX_TTL_SECONDS)
    .optional()
    .describe('How long it holds; without it, until it is taken back.'),
})

export const auditQuery = z.strictObject({
  limit: limit.optional().describe(`Entries in one answer: 1 to ${MAX_CALLS_PER_PAGE}, else 50.`),
  before: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a sequence number')
    .transform(Number)
    .optional()
    .describe('Only entries before this one; `next` of the answer before.'),
})

export const ladderQuery = z.strictObject({
  format: z.enum(['text', 'json']).default('text'),
  style: z.enum(['unicode', 'ascii']).default('unicode').describe('How the text is drawn.'),
  width: z
    .string()
    .regex(/^\d{1,4}$/, 'must be a number of columns')
    .transform(Number)
    .optional()
    .describe('Columns that the text may take, as far as labels stay readable.'),
})

const lastEventId = z.string().transform((value, context) => {
  const parsed = parseLastEventId(value)
  if (parsed.ok) return parsed.value
  context.addIssue({ code: 'custom', message: parsed.error })
  return z.NEVER
})

export const eventsQuery = z.strictObject({
  call: text.optional(),
  trunk: text.optional(),
  tenant: text.optional(),
  level: z.enum(EVENT_LEVELS).optional().describe('This level and all above it.'),
  lastEventId: lastEventId.optional().describe('As the header Last-Event-ID, for clients that cannot set it.'),
})

export const eventsHeaders = z.object({
  'last-event-id': lastEventId
    .optional()
    .describe('The last event seen of each node, `<node>-<sequence>`, comma-separated.'),
})

export const managedQuery = z.strictObject({ kind: z.enum(MANAGED_KINDS).optional() })

export const managedParams = z.object({ name: text })

export const managedBody = z
  .record(z.string(), z.unknown())
  .describe('What the config file would say of it, without what its name says (docs/management.md).')

export const managedHeaders = z.object({
  'if-match': z
    .string()
    .regex(/^"\d{1,15}"$/, 'must be one ETag that this API has given, such as "12"')
    .transform((etag) => Number(etag.slice(1, -1)))
    .optional()
    .describe('The version that this is a change of; needed where there is such an entry.'),
})
