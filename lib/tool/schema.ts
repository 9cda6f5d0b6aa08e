import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

export type ToolSchema = Readonly<Record<string, unknown>>

/** Checks of schemas that were used last are kept; a config has far fewer. */
const MAX_KEPT = 512
const MAX_WHY_CHARS = 400

/**
 * Keywords that we do not know and formats are notes for the model, as JSON Schema 2020-12 has it; what is checked ends at the first error, so
 * that a hostile value costs little.
 */
const OPTIONS = { strict: false, validateFormats: false, allErrors: false, logger: false } as const

/** Knows what a schema is, and is given none to keep. */
const judge = new Ajv2020(OPTIONS)
const kept = new Map<string, ValidateFunction>()

/** What is wrong with a JSON Schema (2020-12), in words that complete "must be …"; null: nothing. */
export function schemaProblem(schema: ToolSchema): string | null {
  if (schema.type !== undefined && schema.type !== 'object') {
    return 'a JSON Schema of type: object, as arguments have names'
  }
  return resultSchemaProblem(schema)
}

/** The same for what a tool answers, which may be of any type. */
export function resultSchemaProblem(schema: ToolSchema): string | null {
  const own = withoutDialect(schema)
  try {
    if (judge.validateSchema(own) !== true) return `a JSON Schema (2020-12): ${why(judge.errors ?? [])}`
    compile(own)
    return null
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return `a JSON Schema (2020-12) by itself: ${message.slice(0, MAX_WHY_CHARS)}`
  }
}

/** What a value has that its schema does not allow, where and in words for the model; null: it fits. The schema is one without a problem. */
export function misfit(schema: ToolSchema, value: unknown): string | null {
  const text = JSON.stringify(schema)
  const check = kept.get(text) ?? compile(withoutDialect(schema))
  // The one that was used last stands last.
  kept.delete(text)
  kept.set(text, check)
  const [oldest] = kept.size > MAX_KEPT ? kept.keys() : []
  if (oldest !== undefined) kept.delete(oldest)
  return check(value) === true ? null : why(check.errors ?? [])
}

/** Drafts before 2020-12 mean the same by what tools use; the name of one would be looked for and not found. */
const withoutDialect = ({ $schema: _dialect, ...schema }: ToolSchema): ToolSchema => schema

/** Each with a compiler of its own, which would remember every `$id` for ever. */
function compile(schema: ToolSchema): ValidateFunction {
  const check = new Ajv2020({ ...OPTIONS, validateSchema: false }).compile(schema)
  if ('$async' in check) throw new Error('$async is not spoken here')
  return check
}

interface SchemaError {
  readonly instancePath: string
  readonly message?: string
  readonly params: Readonly<Record<string, unknown>>
}

function why([error]: readonly SchemaError[]): string {
  if (error === undefined) return 'it does not fit'
  const { additionalProperty, allowedValues } = error.params
  const more = additionalProperty ?? allowedValues
  const what = `${error.message ?? 'does not fit'}${more === undefined ? '' : ` (${JSON.stringify(more)})`}`
  return `${error.instancePath === '' ? 'it' : error.instancePath} ${what}`.slice(0, MAX_WHY_CHARS)
}
