import { nearest } from './suggest.ts'

/** A place in a config file, from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One thing that is wrong with a config, in words for whoever wrote it. Never holds a secret. */
export interface ConfigProblem {
  /** Stable, for programs: what kind of mistake it is. */
  readonly code:
    | 'syntax'
    | 'variable'
    | 'unknown-key'
    | 'missing-key'
    | 'value'
    | 'conflict'
    | 'reference'
    | 'limit'
    | 'file'
    | 'unsupported'
    | 'insecure'
  readonly file: string
  /** Where it stands; line 1 where the file as a whole is meant. */
  readonly line: number
  readonly column: number
  /** The key at fault, such as `trunks[0].probe.interval`; empty: the whole file. */
  readonly path: string
  /** What was expected and what was found, or why two things cannot both be. */
  readonly message: string
  /** The nearest thing that would be right, where one is near. */
  readonly suggestion: string | null
}

/** A problem of the content, before its place is known. */
export type Complaint = Pick<ConfigProblem, 'code' | 'message' | 'suggestion'> & {
  readonly keys: readonly PropertyKey[]
}

/** A complaint about two keys that cannot both be so. */
export const conflict = (keys: readonly PropertyKey[], message: string): Complaint => ({
  code: 'conflict',
  keys,
  message,
  suggestion: null,
})

/** A complaint about a name that names nothing. */
export function dangling(
  keys: readonly PropertyKey[],
  kind: string,
  name: string,
  known: readonly string[],
): Complaint {
  const message = `there is no ${kind} "${name}"${known.length === 0 ? `; the config has no ${kind}s` : ''}`
  return { code: 'reference', keys, message, suggestion: nearest(name, known) }
}

/** `FILE:LINE:COLUMN KEY: MESSAGE (did you mean …?)`, the form that editors and terminals make links of. */
export function formatProblem({ file, line, column, path, message, suggestion }: ConfigProblem): string {
  const hint = suggestion === null ? '' : ` (did you mean ${suggestion}?)`
  return `${file}:${line}:${column}${path === '' ? '' : ` ${path}`}: ${message}${hint}`
}

/** A path as one writes it: `trunks[0].targets[1].uri`. */
export function formatPath(keys: readonly PropertyKey[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`
    return path === '' ? String(key) : `${path}.${String(key)}`
  }, '')
}

/** Keys whose values are secrets, or are URLs that hold one. Their values stand in no problem and in no log. */
export const SECRET_KEYS: ReadonlySet<string> = new Set([
  'key',
  'apiKey',
  'password',
  'secret',
  'authorization',
  'keyWrap',
  'credentials',
  'engine',
  'postgres',
  'redis',
  'url',
])

const MAX_SHOWN = 60

/** What was found, for a message: short, on one line, and without secrets. */
export function describeFound(value: unknown, keys: readonly PropertyKey[], fromEnvironment: boolean): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'nothing (null)'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object') return 'a map of keys'
  if (fromEnvironment) return 'the value of an environment variable (not shown)'
  if (keys.some((key) => typeof key === 'string' && SECRET_KEYS.has(key)))
    return 'something else (not shown, as it may be secret)'
  const shown = JSON.stringify(value) ?? typeof value
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown
}
