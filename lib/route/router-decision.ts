import * as z from 'zod'
import { err, ok, type Result } from '../core/result.ts'
import type { RouterDecision } from './router.ts'

/** Longest answer of a router, in characters of JSON. */
const MAX_ANSWER = 65_536
const MAX_VARIABLES = 32
const MAX_REDIRECTS = 8

const NOT_YET = ['dial', 'proxy'] as const
const KINDS = ['bridge', 'redirect', 'reject'] as const

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
  if (json.length > MAX_ANSWER) throw new RangeError(`the answer is too large: ${json.length} characters of JSON`)
  return json
}

/**
 * What a router has said, read from anything at all: null where it leaves the call alone, else a decision of this version. The error
 * says what is wrong, and where.
 */
export function readRouterAnswer(answer: unknown): Result<RouterDecision | null, string> {
  if (answer === null || answer === undefined) return ok(null)
  if (typeof answer !== 'object' || Array.isArray(answer)) return err(`the answer is no object: ${kindOf(answer)}`)
  const missing = NOT_YET.find((kind) => kind in answer)
  if (missing !== undefined) return err(`\`${missing}\` is not in this version`)
  const [kind, ...more] = KINDS.filter((each) => each in answer)
  if (kind === undefined) return err('the answer has none of `bridge`, `redirect` and `reject`')
  if (more.length > 0) return err(`the answer has several of them: ${[kind, ...more].join(', ')}`)
  const read = decision[kind].safeParse(answer)
  if (read.success) return ok(withoutUndefined(read.data))
  const [issue] = read.error.issues
  return err(issue === undefined ? 'ill-formed' : `${issue.path.join('.') || kind}: ${issue.message}`)
}

type Read = z.output<(typeof decision)[keyof typeof decision]>

function withoutUndefined(read: Read): RouterDecision {
  if ('bridge' in read) return { bridge: read.bridge, variables: read.variables ?? {} }
  if ('redirect' in read) return read
  return read.reason === undefined ? { reject: read.reject } : { reject: read.reject, reason: read.reason }
}

const kindOf = (answer: unknown): string => (Array.isArray(answer) ? 'an array' : `a ${typeof answer}`)
