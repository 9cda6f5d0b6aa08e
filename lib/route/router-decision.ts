import * as z from 'zod'
import { err, ok, type Result } from '../core/result.ts'
import { dialSchema, proxySchema } from './dial-decision.ts'
import type { RouterDecision } from './router.ts'

/** Longest answer of a router, in characters of JSON. */
export const MAX_ANSWER = 65_536
/** Longest reason of a refusal of an answer, in characters: keys of the router's own stand in it. */
const MAX_OBJECTION = 300
const MAX_VARIABLES = 32
const MAX_REDIRECTS = 8

const KINDS = ['bridge', 'dial', 'proxy', 'redirect', 'reject'] as const

/** No quote, bracket, comma or white space: it goes into a Contact header between angle brackets. */
const uri = z
  .string()
  .max(512)
  .regex(/^(?:sips?:|tel:)[!#-+\--;=?-~]+$/, 'is no sip:, sips: or tel: URI')

/** One line of a response, and nothing after it. */
const reason = z
  .string()
  .max(64)
  .regex(/^[\x20-\x7e]+$/, 'has other characters than printable ASCII')

const CHALLENGES = new Set([401, 407])

const decision = {
  bridge: z.strictObject({
    bridge: z.string().min(1).max(128),
    variables: z
      .record(z.string().min(1).max(64), z.string().max(1_024))
      .refine((all) => Object.keys(all).length <= MAX_VARIABLES, `more than ${MAX_VARIABLES}`)
      .optional(),
  }),
  dial: dialSchema,
  proxy: proxySchema,
  redirect: z.strictObject({ redirect: z.array(uri).min(1).max(MAX_REDIRECTS) }),
  reject: z.strictObject({
    reject: z
      .int()
      .min(400, 'a status from 400 to 699 is needed; 3xx is `redirect`')
      .max(699, 'a status from 400 to 699 is needed')
      .refine((status) => !CHALLENGES.has(status), 'a challenge needs credentials, which a router has none of'),
    reason: reason.optional(),
  }),
} as const

/** What a router has said as JSON, which is how it leaves its thread. Throws where it cannot be said so, or not in as much. */
export function answerJson(answer: unknown): string {
  const json = JSON.stringify(answer ?? null) ?? '"a function"'
  if (json.length > MAX_ANSWER)
    throw new RangeError(`the answer is too large: ${json.length} characters of JSON, at most ${MAX_ANSWER}`)
  return json
}

/** Why a router did not decide a call. */
export type RouterFailureCode = 'late' | 'threw' | 'ill-formed' | 'unavailable'

/** What came of asking a router: its decision, `default` where it left the call alone, or why there is none. */
export type RouterOutcome = 'bridge' | 'dial' | 'proxy' | 'redirect' | 'reject' | 'default' | RouterFailureCode

/** As `readRouterAnswer`, from JSON of anyone's. */
export function readRouterJson(json: string): Result<RouterDecision | null, string> {
  try {
    const answer: unknown = JSON.parse(json)
    return readRouterAnswer(answer)
  } catch {
    return err('the answer is no JSON')
  }
}

/** What the node knows of a call that a decision must fit. */
export interface DecidedCall {
  /** Whether the call's tenant has an agent of that name. */
  readonly hasAgent: (name: string) => boolean
  /** Whether one of us has redirected the call before: it is never redirected again (docs/behaviour.md). */
  readonly redirected: boolean
}

/** Why a well-formed decision cannot be had for a call; null: it can. */
export function objectionTo(decision: RouterDecision, { hasAgent, redirected }: DecidedCall): string | null {
  if ('bridge' in decision && !hasAgent(decision.bridge)) return `bridge: no agent is named ${decision.bridge}`
  if ('redirect' in decision && redirected) return 'redirect: the call has been redirected before'
  return null
}

/** What a decision comes to where the call may be sent on `hops` times more: one that may not at all is refused (RFC 3261 §16.3 item 3, RFC 7332). */
export const withinHops = (decision: RouterDecision, hops: number | null): RouterDecision =>
  hops === 0 && ('dial' in decision || 'proxy' in decision) ? { reject: 483 } : decision

/**
 * What a router has said, read from anything at all: null where it leaves the call alone, else a decision of this version. The error
 * says what is wrong, and where.
 */
export function readRouterAnswer(answer: unknown): Result<RouterDecision | null, string> {
  if (answer === null || answer === undefined) return ok(null)
  if (typeof answer !== 'object' || Array.isArray(answer)) return err(`the answer is no object: ${kindOf(answer)}`)
  const [kind, ...more] = KINDS.filter((each) => each in answer)
  if (kind === undefined) return err('the answer has none of `bridge`, `dial`, `proxy`, `redirect` and `reject`')
  if (more.length > 0) return err(`the answer has several of them: ${[kind, ...more].join(', ')}`)
  const read = decision[kind].safeParse(answer)
  if (read.success) return ok(withoutUndefined(read.data))
  const [issue] = read.error.issues
  const objection = issue === undefined ? 'ill-formed' : `${issue.path.join('.') || kind}: ${issue.message}`
  return err(objection.slice(0, MAX_OBJECTION))
}

type Read = z.output<(typeof decision)[keyof typeof decision]>

function withoutUndefined(read: Read): RouterDecision {
  if ('bridge' in read) return { bridge: read.bridge, variables: read.variables ?? {} }
  if ('dial' in read || 'proxy' in read || 'redirect' in read) return read
  return read.reason === undefined ? { reject: read.reject } : { reject: read.reject, reason: read.reason }
}

const kindOf = (answer: unknown): string => (Array.isArray(answer) ? 'an array' : `a ${typeof answer}`)
