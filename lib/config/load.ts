import { err, ok, type Result } from '../core/result.ts'
import { checkConfig } from './checks.ts'
import { complaintsOf } from './complaints.ts'
import { MAX_FILE_BYTES, MAX_PROBLEMS, readDocument } from './document.ts'
import { type ManagedEntry, type ManagedKey, type MergedDocument, mergeManaged } from './managed.ts'
import { ignoredWishes, refusedWishes } from './notices.ts'
import { type Complaint, type ConfigProblem, formatPath } from './problem.ts'
import { type Config, type Environment, resolveConfig } from './resolve.ts'
import { configSchema } from './schema.ts'
import { readableKeys } from './srtp-checks.ts'

export interface ParseOptions {
  /** Where `${VAR}` and the defaults of keys come from. */
  readonly env: Environment
  /** The name that stands before each problem. */
  readonly file: string
  /** What is kept beside the file; where both say something of the same thing, the file counts. */
  readonly managed?: readonly ManagedEntry[]
}

/**
 * Reads a config, YAML or JSON. The problems are all that the stage at which it failed can show, in the order of the
 * file: its syntax, then its keys and values, then how they go together.
 */
export function parseConfig(
  text: string,
  { env, file, managed = [] }: ParseOptions,
): Result<Config, readonly ConfigProblem[]> {
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_FILE_BYTES) {
    return err([wholeFile(file, 'limit', `too large: ${bytes} bytes, at most ${MAX_FILE_BYTES}`)])
  }
  const read = readDocument(text, env)
  if (read.syntax.length > 0) {
    return err(read.syntax.map(({ position, message }) => ({ ...wholeFile(file, 'syntax', message), ...position })))
  }
  const document = mergeManaged(read, managed, env)
  if (document.complaints.some(({ code }) => code === 'limit')) return err(placed(document.complaints, document, file))
  const parsed = configSchema.safeParse(document.data ?? {})
  const complaints = [...document.complaints]
  if (parsed.success) complaints.push(...checkConfig(parsed.data, env), ...refusedWishes(document))
  else complaints.push(...parsed.error.issues.flatMap((issue) => complaintsOf(issue, document)))
  if (complaints.length > 0 || !parsed.success) return err(placed(withoutEchoes(complaints), document, file))
  const notices = [
    ...placed([...readableKeys(parsed.data), ...shadows(document)], document, file),
    ...ignoredWishes(document, (keys) => placeOf(keys, document, file)),
  ]
  return ok(deepFreeze({ ...resolveConfig(parsed.data, env), notices }))
}

/** A problem of the file as a whole, such as one that cannot be read. */
export function wholeFile(file: string, code: ConfigProblem['code'], message: string): ConfigProblem {
  return { code, file, line: 1, column: 1, path: '', message, suggestion: null }
}

/** A value whose variable is missing is missing itself; that need not be said twice. */
function withoutEchoes(complaints: readonly Complaint[]): readonly Complaint[] {
  const told = new Set(complaints.filter(({ code }) => code === 'variable').map(({ keys }) => formatPath(keys)))
  return complaints.filter(({ code, keys }) => code === 'variable' || !told.has(formatPath(keys)))
}

/** The file wins, and says so. */
const shadows = ({ shadowed }: MergedDocument): readonly Complaint[] =>
  shadowed.map(({ kind, name }) => ({
    code: 'conflict',
    keys: ['managed', kind, name],
    message: 'without effect, as the config file has it too',
    suggestion: null,
  }))

function placed(complaints: readonly Complaint[], document: MergedDocument, file: string): readonly ConfigProblem[] {
  const problems = complaints.map(
    ({ code, keys, message, suggestion }): ConfigProblem => ({
      code,
      ...placeOf(keys, document, file),
      message,
      suggestion,
    }),
  )
  return problems.sort((a, b) => a.line - b.line || a.column - b.column).slice(0, MAX_PROBLEMS)
}

/** Where a part of a config was written: in the file, or in the entry `managed/KIND/NAME` beside it. */
function placeOf(keys: readonly PropertyKey[], document: MergedDocument, file: string): Place {
  const origin = document.origin(keys)
  if (origin === null) return { file, ...document.position(keys), path: formatPath(keys) }
  return { file: managedFile(origin.entry), line: 1, column: 1, path: formatPath(origin.keys) }
}

/** What stands for the file in problems of an entry beside it. */
const managedFile = ({ kind, name }: ManagedKey): string => `managed/${kind}/${name}`

type Place = Pick<ConfigProblem, 'file' | 'line' | 'column' | 'path'>

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
