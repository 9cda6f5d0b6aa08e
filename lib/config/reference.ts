import { jsonSchema, type SchemaNode } from './known-keys.ts'
import { notYetOf } from './not-yet.ts'

/** How a key that is not, or not wholly, done is marked. */
const MARKS = {
  refuse: 'In part.',
  warn: 'Without effect.',
  list: 'Without effect.',
} as const

interface Row {
  readonly path: string
  readonly type: string
  readonly fallback: string
  readonly description: string
}

/** Every key of the config as Markdown tables, one for each part of the file, from the schema itself. */
export function keyReference(): string {
  const parts = Object.entries(jsonSchema().properties ?? {}).filter(([name]) => name !== '$schema')
  const single = parts.filter(([, node]) => inner(node) === undefined)
  const tables = parts.flatMap(([name, node]) => {
    const below = inner(node)
    if (below === undefined) return []
    const heading = `### \`${name}${below.suffix}\`\n\n${node.description ?? ''}`
    return [`${heading}\n\n${table(rowsOf(`${name}${below.suffix}.`, below.node, ''))}`]
  })
  return [table(single.map(([name, node]) => rowOf('', name, node, false))), ...tables].join('\n\n')
}

/** The keys inside a key: of an object itself, of each entry of a list, or of each value of a map. */
function inner(node: SchemaNode): { readonly node: SchemaNode; readonly suffix: string } | undefined {
  if (node.properties !== undefined) return { node, suffix: '' }
  if (node.items?.properties !== undefined) return { node: node.items, suffix: '[]' }
  const values = node.additionalProperties
  return typeof values === 'object' && values.properties !== undefined ? { node: values, suffix: '.NAME' } : undefined
}

/** @param part what stands before the path in a file, `trunks[].` */
function rowsOf(part: string, node: SchemaNode, prefix: string): readonly Row[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const path = `${prefix}${key}`
    const below = inner(child)
    const required = node.required?.includes(key) ?? false
    if (below === undefined) return [rowOf(part, path, child, required)]
    const own = below.suffix === '' ? [] : [rowOf(part, path, child, required)]
    return [...own, ...rowsOf(part, below.node, `${path}${below.suffix}.`)]
  })
}

function rowOf(part: string, path: string, node: SchemaNode, required: boolean): Row {
  const fallback = required ? '**needed**' : node.default === undefined ? '' : `\`${JSON.stringify(node.default)}\``
  const missing = notYetOf(`${part}${path}`)
  const mark = missing === null ? '' : ` **${MARKS[missing.answer]}** ${missing.note}`
  return { path, type: typeOf(node), fallback, description: `${node.description ?? ''}${mark}` }
}

function typeOf(node: SchemaNode): string {
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeOf))].join(' or ')
  if (node.const !== undefined) return `\`${JSON.stringify(node.const).replaceAll('"', '')}\``
  if (node.enum !== undefined) return node.enum.map((word) => `\`${String(word)}\``).join(', ')
  if (node.type === 'array') return node.items === undefined ? 'list' : `list of ${typeOf(node.items)}`
  if (node.type === 'object') return 'map'
  if (node.type === 'integer' || node.type === 'number') return rangeOf(node)
  return node.type === 'string' ? 'text' : (node.type ?? 'any')
}

function rangeOf({ type, minimum, maximum }: SchemaNode): string {
  const kind = type === 'integer' ? 'whole number' : 'number'
  return minimum === undefined || maximum === undefined ? kind : `${kind} ${minimum}-${maximum}`
}

function table(rows: readonly Row[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const lines = rows.map(
    ({ path, type, fallback, description }) =>
      `| \`${path}\` | ${cell(type)} | ${cell(fallback)} | ${cell(description)} |`,
  )
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...lines].join('\n')
}
