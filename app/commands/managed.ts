import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { Argument, type Command, Option } from 'commander'
import { parse } from 'yaml'
import type * as z from 'zod'
import { MANAGED_KINDS, type ManagedKind } from '../../lib/config/managed.ts'
import { managedEntryAnswer, managedListAnswer } from '../api/answers.ts'
import { formatTime } from './calls.ts'
import { CommandError, expectAnswer, NodeClient } from './client.ts'
import { formatTable, print, printJson } from './output.ts'

type Entry = z.output<typeof managedEntryAnswer>

interface Json {
  readonly json?: true
}

interface Versioned extends Json {
  readonly ifVersion?: string
}

/** `tandem managed`: what is managed beside the config file. */
export function register(program: Command): void {
  const managed = program
    .command('managed')
    .description('agents, trunks, tenants, numbers and credentials beside the config file')
  const version = (): Option =>
    new Option('--if-version <number>', 'change this version alone; else the one that there is now')
  managed
    .command('list')
    .description('what the config file has, and what is managed beside it')
    .addArgument(kindArgument('[kind]'))
    .option('--json', 'as JSON')
    .action((kind: ManagedKind | undefined, options: Json) => list(kind, options))
  managed
    .command('get')
    .description('show an entry as JSON; secrets are not shown')
    .addArgument(kindArgument('<kind>'))
    .argument('<name>', 'its name: of credentials trunk.ID or tenant.ID')
    .action((kind: ManagedKind, name: string) => get(kind, name))
  managed
    .command('put')
    .description('make or change an entry, on every node within a second')
    .addArgument(kindArgument('<kind>'))
    .argument('<name>', 'its name: of credentials trunk.ID or tenant.ID')
    .argument('<file>', 'its body, YAML or JSON; - reads standard input')
    .addOption(version())
    .option('--json', 'as JSON')
    .action((kind: ManagedKind, name: string, file: string, options: Versioned) => put(kind, name, file, options))
  managed
    .command('delete')
    .description('remove an entry; calls in progress go on')
    .addArgument(kindArgument('<kind>'))
    .argument('<name>', 'its name: of credentials trunk.ID or tenant.ID')
    .addOption(version())
    .action((kind: ManagedKind, name: string, options: Versioned) => remove(kind, name, options))
}

const kindArgument = (name: string): Argument => new Argument(name, 'what it is').choices(MANAGED_KINDS)

const pathOf = (kind: ManagedKind, name: string): string => `/api/v1/${kind}/${encodeURIComponent(name)}`

async function list(kind: ManagedKind | undefined, options: Json): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const answer = await client.json('/api/v1/managed', { query: { kind } })
  if (options.json === true) return printJson(answer)
  const { entries, problems } = expectAnswer(managedListAnswer, answer)
  await print(entries.length === 0 ? 'Nothing.\n' : formatEntries(entries))
  for (const problem of problems) await print(`! not in force on this node: ${problem}\n`)
}

async function get(kind: ManagedKind, name: string): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  await printJson(await client.json(pathOf(kind, name)))
}

async function put(kind: ManagedKind, name: string, file: string, options: Versioned): Promise<void> {
  const body = await readBody(file)
  const client = await NodeClient.fromEnvironment()
  const headers = await matching(client, kind, name, options)
  const answer = await client.json(pathOf(kind, name), { method: 'PUT', body, headers })
  if (options.json === true) return printJson(answer)
  await print(formatEntries([expectAnswer(managedEntryAnswer, answer)]))
}

async function remove(kind: ManagedKind, name: string, options: Versioned): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const headers = await matching(client, kind, name, options)
  await client.request(pathOf(kind, name), { method: 'DELETE', headers })
  await print(`${kind}/${name} is removed.\n`)
}

/** The version that is changed: the one that was given, else the one that there is; nothing where there is none. */
async function matching(
  client: NodeClient,
  kind: ManagedKind,
  name: string,
  { ifVersion }: Versioned,
): Promise<Readonly<Record<string, string>>> {
  if (ifVersion !== undefined) return { 'if-match': `"${ifVersion}"` }
  const { entries } = expectAnswer(managedListAnswer, await client.json('/api/v1/managed', { query: { kind } }))
  const found = entries.find((entry) => entry.source === 'managed' && entry.name === name)
  return found === undefined ? {} : { 'if-match': `"${found.version}"` }
}

async function readBody(file: string): Promise<unknown> {
  try {
    const body: unknown = parse(file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8'))
    return body
  } catch (cause) {
    throw new CommandError(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

const formatEntries = (entries: readonly Entry[]): string =>
  formatTable(
    ['KIND', 'NAME', 'SOURCE', 'VERSION', 'CHANGED', 'BY'],
    entries.map(({ kind, name, source, shadowed, version, updatedAt, updatedBy }) => [
      kind,
      name,
      shadowed ? 'managed (without effect: the file has it too)' : source,
      version === null ? '-' : String(version),
      updatedAt === null ? '-' : formatTime(updatedAt),
      updatedBy ?? '-',
    ]),
  )
