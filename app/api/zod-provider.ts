import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifySchemaCompiler,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import * as z from 'zod'
import { ApiError } from './errors.ts'

/**
 * Lets a route's zod schemas give the types of its parameters. Answers are typed by the parts they come from: dates and
 * branded ids, which JSON turns into the text that the schemas of answers describe.
 */
export interface ZodTypeProvider extends FastifyTypeProvider {
  readonly validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown
  readonly serializer: unknown
}

/** The HTTP server as routes see it. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

/** Checks input by its zod schema; a refusal names every parameter at fault. */
export const validateByZod: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (data: unknown) => {
    const parsed = schema.safeParse(data)
    if (parsed.success) return { value: parsed.data }
    return { error: new ApiError('bad-parameter', parsed.error.issues.map(describeIssue).join('; ')) }
  }
}

const MAX_NAME = 64

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return `unknown parameter ${issue.keys.map((key) => `"${key.slice(0, MAX_NAME)}"`).join(', ')}`
  }
  const name = issue.path.join('.')
  return name === '' ? issue.message : `${name}: ${issue.message}`
}

/** A zod schema as OpenAPI has it: what a client may send, or what it gets. */
export function toOpenApi(schema: unknown, io: 'input' | 'output'): unknown {
  if (!(schema instanceof z.ZodType)) return schema
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' })
  return json
}
