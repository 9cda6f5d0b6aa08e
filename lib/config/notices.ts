import type { ConfigDocument } from './document.ts'
import { NOT_YET } from './not-yet.ts'
import type { Complaint, ConfigProblem } from './problem.ts'

/** What a file asks for and this version refuses, as going on without it would be wrong. */
export function refusedWishes({ data }: ConfigDocument): readonly Complaint[] {
  return wishesOf(data, 'refuse').map(({ keys, note }) => ({
    code: 'unsupported',
    keys,
    message: note,
    suggestion: null,
  }))
}

/** What a file asks for and does not get: a notice for each thing that matters, and one that names all others. */
export function ignoredWishes(
  document: ConfigDocument,
  placeOf: (keys: readonly PropertyKey[]) => Pick<ConfigProblem, 'file' | 'line' | 'column' | 'path'>,
): readonly ConfigProblem[] {
  const weighty = wishesOf(document.data, 'warn').map(
    ({ keys, note }): ConfigProblem => ({
      ...placeOf(keys),
      code: 'unsupported',
      message: note,
      suggestion: null,
    }),
  )
  const others = [...new Set(wishesOf(document.data, 'list').map(({ key }) => key))]
  if (others.length === 0) return weighty
  const message = `accepted, without effect in this version: ${others.join(', ')}`
  return [...weighty, { ...placeOf([]), line: 1, column: 1, code: 'unsupported', message, suggestion: null }]
}

interface Wish {
  readonly key: string
  readonly keys: readonly PropertyKey[]
  readonly note: string
}

function wishesOf(data: unknown, answer: (typeof NOT_YET)[number]['answer']): readonly Wish[] {
  return NOT_YET.filter((row) => row.answer === answer).flatMap(({ key, note, asks }) =>
    placesOf(data, stepsOf(key))
      .filter(({ value }) => asks(value))
      .map(({ keys }) => ({ key, keys, note })),
  )
}

/** `trunks[].probe` is `trunks`, any entry, `probe`. */
const stepsOf = (key: string): readonly string[] => key.replaceAll('[]', '.[]').split('.')

interface Place {
  readonly keys: readonly PropertyKey[]
  readonly value: unknown
}

/** Every place of a file that a key of the reference names. */
function placesOf(data: unknown, steps: readonly string[]): readonly Place[] {
  return steps.reduce<readonly Place[]>(
    (places, step) =>
      places.flatMap(({ keys, value }) =>
        below(value, step).map(([key, inner]) => ({ keys: [...keys, key], value: inner })),
      ),
    [{ keys: [], value: data }],
  )
}

function below(value: unknown, step: string): readonly (readonly [PropertyKey, unknown])[] {
  if (step === '[]') return Array.isArray(value) ? [...value.entries()] : []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return step === 'NAME' ? entries : entries.filter(([key]) => key === step)
}
