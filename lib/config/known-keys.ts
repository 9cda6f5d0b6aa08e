import * as z from 'zod'
import { configSchema } from './schema.ts'

/** As much of JSON Schema as our own schema uses. */
export interface SchemaNode {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly additionalProperties?: SchemaNode | boolean
  readonly [keyword: string]: unknown
}

/** The JSON Schema of a config file, for editors: what may be written, before defaults. */
export function jsonSchema(): SchemaNode {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
  return {
    ...schema,
    $id: 'https://tandem.example/schema/tandem.schema.json',
    title: 'Tandem configuration',
  } as SchemaNode
}

const root = jsonSchema()

/** Every schema that a value at `keys` may follow: several where a union allows several. */
export function schemasAt(keys: readonly PropertyKey[]): readonly SchemaNode[] {
  return keys.reduce<readonly SchemaNode[]>((nodes, key) => nodes.flatMap((node) => child(node, key)), branches(root))
}

/** The keys that a map at `keys` may have. */
export function knownKeys(keys: readonly PropertyKey[]): ReadonlySet<string> {
  return new Set(schemasAt(keys).flatMap((node) => Object.keys(node.properties ?? {})))
}

/** How a plain scalar is to be read where YAML's own reading and the schema may differ. */
export function scalarKindsAt(keys: readonly PropertyKey[]): {
  readonly text: boolean
  readonly number: boolean
  readonly boolean: boolean
} {
  const nodes = schemasAt(keys)
  return {
    text: nodes.some((node) => node.type === 'string' && node.enum === undefined && node.const === undefined),
    number: nodes.some((node) => node.type === 'integer' || node.type === 'number'),
    boolean: nodes.some((node) => node.type === 'boolean'),
  }
}

function child(node: SchemaNode, key: PropertyKey): readonly SchemaNode[] {
  if (typeof key === 'number') return node.items === undefined ? [] : branches(node.items)
  const property = Object.hasOwn(node.properties ?? {}, key) ? node.properties?.[String(key)] : undefined
  if (property !== undefined) return branches(property)
  return typeof node.additionalProperties === 'object' ? branches(node.additionalProperties) : []
}

function branches(node: SchemaNode): readonly SchemaNode[] {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(branches)
}
