import type { ConfigDocument } from './document.ts'
import { SECRET_VALUES } from './managed-secrets.ts'
import { type Complaint, conflict, dangling } from './problem.ts'
import type { Environment } from './resolve.ts'
import { name as nameSchema, number as numberSchema } from './values.ts'
import { substitute } from './variables.ts'

/** What may be kept beside the config file, an entry each. Those that others refer to stand first. */
export const MANAGED_KINDS = ['agents', 'trunks', 'tenants', 'numbers', 'credentials'] as const
export type ManagedKind = (typeof MANAGED_KINDS)[number]

/** Which entry: an agent, trunk or tenant by its name, a number by itself, credentials by their owner, as `trunk.alpha` or `tenant.clinic`. */
export interface ManagedKey {
  readonly kind: ManagedKind
  readonly name: string
}

/**
 * An entry, as whoever manages it has written it. Its body is what the file would say of it, without what its name says; of a number it is
 * `{tenant, trunk?}`. Numbers and credentials stand in no other body, so that a name alone tells whether the file has the thing too.
 */
export interface ManagedEntry extends ManagedKey {
  readonly body: unknown
}

/** A config file and the entries beside it, as one document. */
export interface MergedDocument extends ConfigDocument {
  /** Entries without effect, since the file says the same thing: the file wins. */
  readonly shadowed: readonly ManagedKey[]
  /** The entry that a part of the document comes from and the way to that part in its body; null: it is from the file. */
  origin(keys: readonly PropertyKey[]): { readonly entry: ManagedKey; readonly keys: readonly PropertyKey[] } | null
}

/** Deepest that a body may go, as the file. */
const MAX_DEPTH = 32

/**
 * Puts the entries into a file's content, before anything of it is checked: one validation serves both. Neither is changed. Where a section of
 * the file is ill-formed, the entries of it are left out, and the schema says what is wrong with the section.
 */
export function mergeManaged(
  document: ConfigDocument,
  entries: readonly ManagedEntry[],
  env: Environment,
): MergedDocument {
  const content = document.data ?? {}
  if (entries.length === 0 || !isMap(content)) return { ...document, shadowed: [], origin: () => null }
  const merge = new Merge(content, env)
  for (const kind of MANAGED_KINDS) {
    for (const entry of entries) if (entry.kind === kind) merge.add(entry)
  }
  const { origins, substituted, shadowed } = merge
  const origin: MergedDocument['origin'] = (keys) => {
    for (let length = keys.length; length > 0; length--) {
      const entry = origins.get(pathKey(keys.slice(0, length)))
      if (entry !== undefined) return { entry, keys: keys.slice(length) }
    }
    return null
  }
  return {
    ...document,
    data: merge.data(),
    complaints: [...document.complaints, ...merge.complaints],
    shadowed,
    origin,
    position: (keys) => (origin(keys) === null ? document.position(keys) : { line: 1, column: 1 }),
    fromEnvironment: (keys) => substituted.has(pathKey(keys)) || document.fromEnvironment(keys),
  }
}

type Fields = Readonly<Record<string, unknown>>

/** The sections that entries go to, as copies, and what became of each entry. */
class Merge {
  readonly complaints: Complaint[] = []
  readonly shadowed: ManagedKey[] = []
  readonly origins = new Map<string, ManagedKey>()
  readonly substituted = new Set<string>()
  readonly #content: Fields
  readonly #env: Environment
  /** Null: ill-formed in the file. */
  readonly #agents: Map<string, unknown> | null
  readonly #trunks: Section | null
  readonly #tenants: Section | null
  readonly #fileNumbers: ReadonlySet<string>
  /** Lists of numbers that entries were added to, by the tenant's place. */
  readonly #numbers = new Map<number, unknown[]>()

  constructor(content: Fields, env: Environment) {
    const { agents = {}, trunks = [], tenants = [] } = content
    this.#content = content
    this.#env = env
    this.#agents = isMap(agents) ? new Map(Object.entries(agents)) : null
    this.#trunks = Array.isArray(trunks) ? new Section(trunks) : null
    this.#tenants = Array.isArray(tenants) ? new Section(tenants) : null
    this.#fileNumbers = new Set((this.#tenants?.items ?? []).flatMap(numbersOf))
  }

  /** The merged content. */
  data(): Fields {
    return {
      ...this.#content,
      ...(this.#agents !== null && { agents: Object.fromEntries(this.#agents) }),
      ...(this.#trunks !== null && { trunks: this.#trunks.items }),
      ...(this.#tenants !== null && { tenants: this.#tenants.items }),
    }
  }

  add(entry: ManagedEntry): void {
    const { kind, name, body } = entry
    const at = ['managed', kind, name]
    this.#note(at, entry)
    const schema = kind === 'numbers' ? numberSchema : nameSchema
    const owner = kind === 'credentials' ? ownerOf(name) : null
    if (!schema.safeParse(owner?.id ?? name).success || (kind === 'credentials' && owner === null)) {
      const expected = kind === 'credentials' ? 'trunk.ID or tenant.ID' : kind === 'numbers' ? 'E.164' : 'a name'
      this.complaints.push({ code: 'value', keys: at, message: `expected ${expected} as name`, suggestion: null })
      return
    }
    if (!isMap(body)) {
      this.complaints.push({ code: 'value', keys: at, message: 'expected a map of keys', suggestion: null })
      return
    }
    if (owner !== null) return this.#addCredentials(entry, owner, body, at)
    if (kind === 'agents') return this.#addAgent(entry, body)
    if (kind === 'numbers') return this.#addNumber(entry, body, at)
    const section = kind === 'trunks' ? this.#trunks : this.#tenants
    if (section === null) return
    if (section.indexOf(name) !== undefined) return this.#shadow(entry)
    const keys = [kind, section.items.length]
    this.#refuse(keys, body, kind === 'trunks' ? OF_A_TRUNK : OF_A_TENANT)
    this.#note(keys, entry)
    section.push(name, { ...this.#expanded(body, keys), id: name })
  }

  #addAgent(entry: ManagedEntry, body: Fields): void {
    if (this.#agents === null) return
    if (this.#agents.has(entry.name)) return this.#shadow(entry)
    const keys = ['agents', entry.name]
    this.#note(keys, entry)
    this.#agents.set(entry.name, this.#expanded(body, keys))
  }

  #addNumber(entry: ManagedEntry, { tenant, ...rest }: Fields, at: readonly PropertyKey[]): void {
    if (this.#tenants === null) return
    if (this.#fileNumbers.has(entry.name)) return this.#shadow(entry)
    const index = typeof tenant === 'string' ? this.#tenants.indexOf(tenant) : undefined
    if (typeof tenant !== 'string') {
      const complaint = {
        code: 'missing-key',
        message: 'missing; expected the id of a tenant',
        suggestion: null,
      } as const
      this.complaints.push({ ...complaint, keys: [...at, 'tenant'] })
    } else if (index === undefined) {
      this.complaints.push(dangling([...at, 'tenant'], 'tenant', tenant, this.#tenants.ids()))
    } else {
      const numbers = this.#numbersAt(this.#tenants, index)
      if (numbers === null) return
      const keys = ['tenants', index, 'numbers', numbers.length]
      this.#refuse(keys, rest, OF_A_NUMBER)
      this.#note(keys, entry)
      numbers.push({ ...this.#expanded(rest, keys), number: entry.name })
    }
  }

  /** The numbers of a tenant, to be added to: a list of ours, copied once however many are added. Null: ill-formed in the file. */
  #numbersAt(tenants: Section, index: number): unknown[] | null {
    const known = this.#numbers.get(index)
    if (known !== undefined) return known
    const owner = tenants.items[index]
    const written = isMap(owner) ? (owner.numbers ?? []) : null
    if (!isMap(owner) || !Array.isArray(written)) return null
    const numbers: unknown[] = [...written]
    this.#numbers.set(index, numbers)
    tenants.replace(index, { ...owner, numbers })
    return numbers
  }

  #addCredentials(entry: ManagedEntry, { kind, id }: Owner, body: Fields, at: readonly PropertyKey[]): void {
    const section = kind === 'trunk' ? this.#trunks : this.#tenants
    if (section === null) return
    const index = section.indexOf(id)
    if (index === undefined) {
      this.complaints.push(dangling(at, kind, id, section.ids()))
      return
    }
    const owner = section.items[index]
    if (!isMap(owner)) return
    if (owner.credentials !== undefined) return this.#shadow(entry)
    const keys = [`${kind}s`, index, 'credentials']
    this.#note(keys, entry)
    section.replace(index, { ...owner, credentials: this.#expanded(body, keys) })
  }

  #shadow({ kind, name }: ManagedKey): void {
    this.shadowed.push({ kind, name })
  }

  #note(keys: readonly PropertyKey[], { kind, name }: ManagedKey): void {
    this.origins.set(pathKey(keys), { kind, name })
  }

  #refuse(keys: readonly PropertyKey[], body: Fields, own: ReadonlyMap<string, string>): void {
    for (const [key, message] of own) {
      if (Object.hasOwn(body, key)) this.complaints.push(conflict([...keys, key], message))
    }
  }

  /** A copy with references to the environment followed, and without keys that mean something to the language. */
  #expanded(body: Fields, keys: readonly PropertyKey[]): Fields {
    const copy: (readonly [string, unknown])[] = []
    for (const [key, value] of Object.entries(body)) {
      if (key !== '__proto__') copy.push([key, this.#value(value, [...keys, key])])
      else this.complaints.push({ code: 'unknown-key', keys: [...keys, key], message: 'unknown key', suggestion: null })
    }
    return Object.fromEntries(copy)
  }

  #value(value: unknown, keys: readonly PropertyKey[]): unknown {
    if (keys.length > MAX_DEPTH) {
      const message = `too deep: at most ${MAX_DEPTH} levels`
      this.complaints.push({ code: 'limit', keys, message, suggestion: null })
      return undefined
    }
    if (Array.isArray(value)) return value.map((each: unknown, index) => this.#value(each, [...keys, index]))
    if (isMap(value)) return this.#expanded(value, keys)
    const key = keys.at(-1)
    // Environment variables are for secrets by reference: a body is not for reading the environment.
    if (typeof value !== 'string' || key === undefined || !SECRET_VALUES.has(key)) return value
    const result = substitute(value, this.#env)
    if (!result.ok) {
      this.complaints.push({ code: 'variable', keys, message: result.error, suggestion: null })
      return undefined
    }
    if (result.value.fromEnvironment) this.substituted.add(pathKey(keys))
    return result.value.text
  }
}

/** A list of the config whose members have ids. */
class Section {
  readonly items: unknown[]
  readonly #index = new Map<string, number>()

  constructor(items: readonly unknown[]) {
    this.items = [...items]
    for (const [index, item] of items.entries()) {
      const id = isMap(item) ? item.id : undefined
      if (typeof id === 'string' && !this.#index.has(id)) this.#index.set(id, index)
    }
  }

  ids(): readonly string[] {
    return [...this.#index.keys()]
  }

  indexOf(id: string): number | undefined {
    return this.#index.get(id)
  }

  push(id: string, item: Fields): void {
    this.#index.set(id, this.items.length)
    this.items.push(item)
  }

  replace(index: number, item: Fields): void {
    this.items[index] = item
  }
}

const NAMED = 'the name of the entry says it; leave it out'
const OWN_ENTRY = 'has an entry of its own; leave it out'
const OF_A_TRUNK = new Map([
  ['id', NAMED],
  ['credentials', OWN_ENTRY],
])
const OF_A_TENANT = new Map([...OF_A_TRUNK, ['numbers', OWN_ENTRY]])
const OF_A_NUMBER = new Map([['number', NAMED]])

interface Owner {
  readonly kind: 'trunk' | 'tenant'
  readonly id: string
}

function ownerOf(name: string): Owner | null {
  const [, kind, id] = /^(trunk|tenant)\.(.+)$/.exec(name) ?? []
  return id !== undefined && (kind === 'trunk' || kind === 'tenant') ? { kind, id } : null
}

/** The numbers of a tenant of the file, short or long. */
function numbersOf(tenant: unknown): readonly string[] {
  const numbers = isMap(tenant) ? tenant.numbers : undefined
  if (!Array.isArray(numbers)) return []
  return numbers.map((each: unknown) => (isMap(each) ? each.number : each)).filter((each) => typeof each === 'string')
}

const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const pathKey = (keys: readonly PropertyKey[]): string => JSON.stringify(keys)
