import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  Scalar,
  type YAMLError,
} from 'yaml'
import { scalarKindsAt } from './known-keys.ts'
import type { Complaint, Position } from './problem.ts'
import type { Environment } from './resolve.ts'
import { substitute } from './variables.ts'

/** Longest config file. Ten thousand tenants fit in it many times over. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024
/** Most values that a file may hold, and most that its aliases may stand for: a bomb of nested aliases ends here. */
const MAX_VALUES = 500_000
const MAX_ALIASED_VALUES = 10_000
const MAX_DEPTH = 32
/** Most problems that are told of one file. */
export const MAX_PROBLEMS = 100

/** A config file taken apart: plain data for the schema, and where each part of it stands. */
export interface ConfigDocument {
  readonly data: unknown
  readonly complaints: readonly Complaint[]
  /** Problems of the YAML itself, with their places. */
  readonly syntax: readonly { readonly position: Position; readonly message: string }[]
  /** The place of a key or value; of the nearest part around it, where there is none. */
  position(keys: readonly PropertyKey[]): Position
  /** True where an environment variable is part of the value. */
  fromEnvironment(keys: readonly PropertyKey[]): boolean
}

/** Reads YAML 1.2, of which JSON is a part, and puts the environment's variables into its values. */
export function readDocument(text: string, env: Environment): ConfigDocument {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: true,
    version: '1.2',
    stringKeys: true,
  })
  const at = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const lines = text.split('\n')
  const syntax = independent([...document.errors, ...document.warnings]).map((error) => {
    const position = at(error.pos[0])
    return { position, message: syntaxMessage(error, lines[position.line - 1] ?? '') }
  })
  const walk = new Walk(env)
  const data = syntax.length === 0 ? walk.value(document.contents, []) : undefined
  return {
    data,
    syntax,
    complaints: walk.complaints,
    position: (keys) => at(walk.offset(keys)),
    fromEnvironment: (keys) => walk.substituted.has(pathKey(keys)),
  }
}

/** The first mistake, and each later one that does not merely follow from it: past a lost bracket all is unexpected. */
function independent(errors: readonly YAMLError[]): readonly YAMLError[] {
  const lost = errors.findIndex(({ code }) => code !== 'DUPLICATE_KEY')
  return errors.filter(({ code }, i) => i === lost || code === 'DUPLICATE_KEY').slice(0, MAX_PROBLEMS)
}

function syntaxMessage(error: YAMLError, line: string): string {
  // The parser quotes what it found, which may be a secret.
  const message = error.message
    .replace(/:\s*"[\s\S]*$/, '')
    .replace(/\s+/g, ' ')
    .trim()
  const bare = /[{,[]\s*(?:[\w-]+:\s*)?\$\{/.test(line) || /:\s*\$\{[^}]*\}\s*[,}\]]/.test(line)
  return bare ? `${message}. Inside { } and [ ] a variable needs quotes: "\${NAME}"` : message
}

const pathKey = (keys: readonly PropertyKey[]): string => JSON.stringify(keys)

/** One pass over the nodes of a document: builds the data, and remembers where everything stands. */
class Walk {
  readonly complaints: Complaint[] = []
  readonly substituted = new Set<string>()
  readonly #offsets = new Map<string, number>()
  readonly #env: Environment
  readonly #anchors = new Map<string, unknown>()
  #values = 0
  #aliasedValues = 0
  #aliasDepth = 0

  constructor(env: Environment) {
    this.#env = env
  }

  value(node: unknown, keys: readonly PropertyKey[]): unknown {
    this.#values += 1
    if (this.#aliasDepth > 0) this.#aliasedValues += 1
    const tooMany = this.#values > MAX_VALUES || this.#aliasedValues > MAX_ALIASED_VALUES
    if (tooMany || keys.length > MAX_DEPTH || this.#aliasDepth > MAX_DEPTH) return this.#tooMuch(keys)
    if (isNode(node) && !isAlias(node) && node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isMap<ParsedNode, ParsedNode | null>(node)) {
      this.#note(keys, node.range?.[0])
      const entries = node.items.map(({ key, value }) => {
        const name = isScalar(key) ? String(key.value) : ''
        const inner = [...keys, name]
        this.#note(inner, key.range?.[0])
        return [name, this.value(value, inner)] as const
      })
      return Object.fromEntries(entries)
    }
    if (isSeq<ParsedNode>(node)) {
      this.#note(keys, node.range?.[0])
      return node.items.map((item, index) => this.value(item, [...keys, index]))
    }
    if (isAlias(node)) {
      this.#note(keys, node.range?.[0])
      this.#aliasDepth += 1
      const value = this.value(this.#anchors.get(node.source), keys)
      this.#aliasDepth -= 1
      return value
    }
    return isScalar(node) ? this.#scalar(node, keys) : null
  }

  /** Where `keys`, or what is around it, begins. */
  offset(keys: readonly PropertyKey[]): number {
    for (let length = keys.length; length >= 0; length--) {
      const offset = this.#offsets.get(pathKey(keys.slice(0, length)))
      if (offset !== undefined) return offset
    }
    return 0
  }

  /** The first place of a path is its key, so that a message points at the key and not behind it. */
  #note(keys: readonly PropertyKey[], offset: number | undefined): void {
    const path = pathKey(keys)
    if (offset !== undefined && !this.#offsets.has(path)) this.#offsets.set(path, offset)
  }

  #scalar(node: Scalar, keys: readonly PropertyKey[]): unknown {
    this.#note(keys, node.range?.[0])
    if (typeof node.value !== 'string') {
      // +15550100 or 0123 without quotes: where only text fits, it is what was written and not the number YAML makes of it.
      const kinds = typeof node.value === 'number' ? scalarKindsAt(keys) : undefined
      return kinds?.text && !kinds.number && node.source !== undefined ? node.source : node.value
    }
    const result = substitute(node.value, this.#env)
    if (!result.ok) {
      this.complaints.push({ code: 'variable', keys, message: result.error, suggestion: null })
      return undefined
    }
    const { text, fromEnvironment } = result.value
    if (fromEnvironment) this.substituted.add(pathKey(keys))
    return text === node.value || node.type !== Scalar.PLAIN ? text : readPlain(text, keys)
  }

  #tooMuch(keys: readonly PropertyKey[]): undefined {
    const known = this.complaints.some(({ code }) => code === 'limit')
    const message = `too much for a config file: at most ${MAX_VALUES} values, ${MAX_ALIASED_VALUES} of them by aliases, on ${MAX_DEPTH} levels`
    if (!known) this.complaints.push({ code: 'limit', keys, message, suggestion: null })
    return undefined
  }
}

/** A plain scalar after substitution: a number or boolean where the schema wants one. */
function readPlain(text: string, keys: readonly PropertyKey[]): unknown {
  const kinds = scalarKindsAt(keys)
  if (kinds.number && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  if (kinds.boolean && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
