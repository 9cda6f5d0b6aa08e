import type { z } from 'zod'
import { err, ok, type Result } from '../../core/result.ts'
import { type ApiError, refusal } from './wire.ts'

type Path = readonly PropertyKey[]

/**
 * Checks untrusted JSON against a schema and tells the first mistake in the words and codes of OpenAI Realtime:
 * `unknown_parameter`, `missing_required_parameter`, `invalid_type`, `invalid_value`. `root` is the path of `value` in its event.
 */
export function parse<S extends z.ZodType>(schema: S, value: unknown, root = ''): Result<z.output<S>, ApiError> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return ok(parsed.data)
  const issue = deepest(parsed.error.issues)
  return err(issue === undefined ? refusal('invalid_value', 'Invalid value.', root) : judge(issue, value, root))
}

/** Of a union's failed branches, the one that got furthest says best what is wrong. */
function deepest(issues: readonly z.core.$ZodIssue[], base: Path = []): z.core.$ZodIssue | undefined {
  const issue = issues[0]
  if (issue === undefined) return undefined
  const path = [...base, ...issue.path]
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { ...issue, path }
  const branches = issue.errors.flatMap((branch) => deepest(branch, path) ?? [])
  const best = branches.reduce<z.core.$ZodIssue | undefined>(
    (found, branch) => (found === undefined || branch.path.length > found.path.length ? branch : found),
    undefined,
  )
  return best !== undefined && best.path.length > path.length ? best : { ...issue, path }
}

function judge(issue: z.core.$ZodIssue, value: unknown, root: string): ApiError {
  if (issue.code === 'unrecognized_keys') {
    const param = formatPath(root, [...issue.path, issue.keys[0] ?? ''])
    return refusal('unknown_parameter', `Unknown parameter: '${param}'.`, param)
  }
  const param = formatPath(root, issue.path)
  const found = valueAt(value, issue.path)
  if (found === undefined) {
    return refusal('missing_required_parameter', `Missing required parameter: '${param}'.`, param)
  }
  if (issue.code === 'invalid_type') {
    return refusal('invalid_type', `Invalid type for '${param}': ${issue.message}.`, param)
  }
  return refusal('invalid_value', `Invalid value for '${param}': ${shown(found)}. ${issue.message}.`, param)
}

function formatPath(root: string, path: Path): string {
  let text = root
  for (const part of path) {
    text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`
  }
  return text
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = Reflect.get(at, part)
  }
  return at
}

/** Longest piece of a refused value that is repeated to the client. */
const SHOWN_CHARS = 80

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text
}
