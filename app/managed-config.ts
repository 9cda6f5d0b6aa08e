import { join } from 'node:path'
import { MANAGED_KINDS, type ManagedEntry, type ManagedKey, type ManagedKind } from '../lib/config/managed.ts'
import { managedNames } from '../lib/config/managed-names.ts'
import { redacted } from '../lib/config/managed-secrets.ts'
import { type ConfigProblem, formatProblem } from '../lib/config/problem.ts'
import type { Config } from '../lib/config/resolve.ts'
import type { EmitEvent } from '../lib/observe/event.ts'
import type { ManagedActions, ManagedDone, ManagedView } from './api/options.ts'
import type { ConfigResult } from './config.ts'
import { ManagedEntries, type ManagedOutcome } from './fleet/managed-entries.ts'
import type { StoredEntry } from './fleet/managed-snapshot.ts'
import { KeyWrap, wrappingKey } from './key-wrap.ts'
import type { Log } from './observe/log.ts'
import type { Parts } from './parts.ts'
import type { Store } from './store/store.ts'

/** The config file as it was when it was last of use by itself, with entries beside it. */
export type ConfigSource = (entries: readonly ManagedEntry[]) => ConfigResult

export interface ManagedConfigOptions {
  readonly config: Config
  readonly source: ConfigSource
  readonly store: Store
  readonly emit: EmitEvent
  readonly log: Log
}

/** Where a node keeps the entries that it knew last, in its data folder. */
const SNAPSHOT_FILE = 'managed.json'

/** Starts to listen to what is managed beside the config file. */
export async function startManagedConfig(options: ManagedConfigOptions, parts: Parts): Promise<ManagedConfig> {
  const { config, source, store, emit, log } = options
  const { node } = config
  const secret = config.store.keyWrap
  const entries = await ManagedEntries.start({
    ...store,
    // A secret of this node's own would be of no use to the others.
    keyWrap: secret === null ? null : new KeyWrap(await wrappingKey(node.dataDir, secret, 'tandem managed')),
    file: join(node.dataDir, SNAPSHOT_FILE),
    emit,
    onError: (error) => log.log.warn({ err: error }, 'managed entries: those known last stay in force'),
  })
  parts.add('managed entries', () => entries.close())
  return new ManagedConfig(entries, source)
}

/** The config file of this node and the entries beside it, as one config. */
export class ManagedConfig implements ManagedActions {
  readonly #entries: ManagedEntries
  readonly #source: ConfigSource
  #problems: readonly ConfigProblem[] = []

  constructor(entries: ManagedEntries, source: ConfigSource) {
    this.#entries = entries
    this.#source = source
  }

  /** The config as it is to be now, or why the one in force stays. */
  now(): ConfigResult {
    const result = this.#source(this.#entries.opened())
    this.#problems = result.ok ? [] : result.error
    return result
  }

  /** Whether there is anything beside the file. */
  get any(): boolean {
    return this.#entries.current().length > 0
  }

  /** Hears that there is another config than before; returns the way to stop hearing. */
  onChange(listener: () => void): () => void {
    return this.#entries.onChange(listener)
  }

  /** What the file has and what stands beside it. */
  all(): readonly ManagedView[] {
    const names = this.#namesOfFile()
    const ofFile = MANAGED_KINDS.flatMap((kind) => [...(names?.[kind] ?? [])].map((name) => fileView(kind, name)))
    return [...ofFile, ...this.#entries.current().map((entry) => viewOf(entry, names))]
  }

  one({ kind, name }: ManagedKey): ManagedView | null {
    const names = this.#namesOfFile()
    const entry = this.#find({ kind, name })
    if (entry !== undefined) return viewOf(entry, names)
    return names?.[kind].has(name) === true ? fileView(kind, name) : null
  }

  /** Why the entries, as they are, are not in force on this node. */
  problems(): readonly string[] {
    return this.#problems.map(formatProblem)
  }

  async put(key: ManagedKey, body: unknown, version: number | null, actor: string): Promise<ManagedDone> {
    if (this.#namesOfFile()?.[key.kind].has(key.name) === true) return { kind: 'in-file' }
    const judge = (after: readonly ManagedEntry[]): readonly ConfigProblem[] => problemsOf(this.#source(after))
    return this.#done(await this.#entries.put({ key, version, actor, judge }, body))
  }

  async remove(key: ManagedKey, version: number | null, actor: string): Promise<ManagedDone> {
    const isEntry = this.#find(key) !== undefined
    if (!isEntry && this.#namesOfFile()?.[key.kind].has(key.name) === true) return { kind: 'in-file' }
    // Where nothing holds any more, every removal may be a step on the way back.
    const judge = (after: readonly ManagedEntry[], before: readonly ManagedEntry[]): readonly ConfigProblem[] => {
      const problems = problemsOf(this.#source(after))
      return problems.length > 0 && problemsOf(this.#source(before)).length > 0 ? [] : problems
    }
    return this.#done(await this.#entries.remove({ key, version, actor, judge }))
  }

  #done(outcome: ManagedOutcome): ManagedDone {
    if (outcome.kind === 'done') return { ...outcome, entry: viewOf(outcome.entry, this.#namesOfFile()) }
    return outcome.kind === 'problems' ? { ...outcome, problems: outcome.problems.map(formatProblem) } : outcome
  }

  #find({ kind, name }: ManagedKey): StoredEntry | undefined {
    return this.#entries.current().find((each) => each.kind === kind && each.name === name)
  }

  /** Null: the file is of no use by itself, so that nothing can be said of it. */
  #namesOfFile(): Names | null {
    const alone = this.#source([])
    return alone.ok ? managedNames(alone.value) : null
  }
}

const problemsOf = (result: ConfigResult): readonly ConfigProblem[] => (result.ok ? [] : result.error)

type Names = ReturnType<typeof managedNames>

function viewOf({ kind, name, body, version, updatedAt, updatedBy }: StoredEntry, names: Names | null): ManagedView {
  const shadowed = names?.[kind].has(name) === true
  return { kind, name, source: 'managed', shadowed, version, updatedAt, updatedBy, body: redacted(body) }
}

const fileView = (kind: ManagedKind, name: string): ManagedView => ({
  kind,
  name,
  source: 'file',
  shadowed: false,
  version: null,
  updatedAt: null,
  updatedBy: null,
  body: null,
})
