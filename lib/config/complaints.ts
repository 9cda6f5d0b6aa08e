import type * as z from 'zod'
import { knownKeys, schemasAt } from './known-keys.ts'
import { type Complaint, describeFound, formatPath } from './problem.ts'
import { nearest } from './suggest.ts'

/** What a complaint needs to know of the file that it is about. */
export interface Content {
  readonly data: unknown
  fromEnvironment(keys: readonly PropertyKey[]): boolean
}

type Issue = z.core.$ZodIssue

/** Says an issue of the schema in our words: what was expected, what was found, and what may have been meant. */
export function complaintsOf(
  issue: Issue,
  content: Content,
  around: readonly PropertyKey[] = [],
): readonly Complaint[] {
  const keys = [...around, ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, keys))
    case 'invalid_union':
      return unionComplaints(issue, content, keys)
    case 'invalid_key':
      return [complaint('value', keys, `expected ${messageOf(issue.issues[0])} as key`)]
    default:
      return [valueComplaint(issue, content, keys)]
  }
}

function complaint(
  code: Complaint['code'],
  keys: readonly PropertyKey[],
  message: string,
  suggestion: string | null = null,
): Complaint {
  return { code, keys, message, suggestion }
}

function unknownKey(key: string, keys: readonly PropertyKey[]): Complaint {
  const known = [...knownKeys(keys)]
  const where = keys.length === 0 ? 'at the top' : `in ${formatPath(keys)}`
  const suggestion = nearest(key, known)
  const message = suggestion === null ? `unknown key; ${where} there are ${known.join(', ')}` : 'unknown key'
  return complaint('unknown-key', [...keys, key], message, suggestion)
}

/** Of a union, the branch that the value was most likely meant for: one that accepts its kind, else all together. */
function unionComplaints(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  content: Content,
  keys: readonly PropertyKey[],
): readonly Complaint[] {
  const otherKind = ({ code, path }: Issue): boolean =>
    path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
  const fitting = issue.errors.filter((branch) => !branch.some(otherKind))
  const [only] = fitting
  if (only !== undefined && fitting.length === 1) return only.flatMap((inner) => complaintsOf(inner, content, keys))
  const branches = fitting.length > 1 ? fitting : issue.errors
  const expected = [...new Set(branches.map((branch) => messageOf(branch[0])))].join(', or ')
  return [complaint('value', keys, `expected ${expected}, found ${found(content, keys)}`, suggestWord(content, keys))]
}

function valueComplaint(issue: Issue, content: Content, keys: readonly PropertyKey[]): Complaint {
  if (valueAt(content.data, keys) === undefined)
    return complaint('missing-key', keys, `missing; expected ${messageOf(issue)}`)
  return complaint(
    'value',
    keys,
    `expected ${messageOf(issue)}, found ${found(content, keys)}`,
    suggestWord(content, keys),
  )
}

function found(content: Content, keys: readonly PropertyKey[]): string {
  return describeFound(valueAt(content.data, keys), keys, content.fromEnvironment(keys))
}

/** The nearest of the words that a key may have, where it has a closed set of them. */
function suggestWord(content: Content, keys: readonly PropertyKey[]): string | null {
  const value = valueAt(content.data, keys)
  if (typeof value !== 'string' || content.fromEnvironment(keys)) return null
  const allowed = schemasAt(keys).flatMap((node) => [...(node.enum ?? []), node.const])
  return nearest(
    value,
    allowed.filter((word) => typeof word === 'string'),
  )
}

/** What an issue expected, as the object of "expected …". */
function messageOf(issue: Issue | undefined): string {
  if (issue === undefined) return 'something else'
  switch (issue.code) {
    case 'invalid_value':
      return issue.values
        .map((value) => JSON.stringify(value))
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1')
    case 'invalid_type':
      return issue.message.startsWith('Invalid input') ? typeWords(issue.expected) : issue.message
    case 'too_small':
      return boundWords(issue.origin, issue.message, `at least ${issue.minimum}`)
    case 'too_big':
      return boundWords(issue.origin, issue.message, `at most ${issue.maximum}`)
    default:
      return issue.message
  }
}

function boundWords(origin: string, message: string, bound: string): string {
  if (!message.startsWith('Too ')) return message
  if (origin === 'array') return `a list with ${bound} entries`
  return origin === 'string' ? `text of ${bound} characters` : `a number of ${bound}`
}

function typeWords(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a map of keys',
    record: 'a map of names',
  }
  return words[expected] ?? expected
}

/** The value at a path of plain data; undefined where there is none. */
function valueAt(data: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    return Reflect.get(value, key)
  }, data)
}
