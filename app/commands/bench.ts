import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { formatTable, print, printJson } from './output.ts'

/** A benchmark: a file of test/bench whose export `bench` is one. Its name is that of the file. */
export interface Bench {
  /** What it measures, on one line. */
  readonly description: string
  /** Measures. `note` shows progress; it goes to standard error. */
  run(note: (line: string) => void): Promise<BenchReport>
}

export interface BenchReport {
  /** False where something was wrong that no figure excuses: lost calls, errors. */
  readonly ok: boolean
  /** What was measured, with the unit in the name. */
  readonly figures: Readonly<Record<string, number | string | boolean | null>>
}

const FOLDER = fileURLToPath(new URL('../../test/bench/', import.meta.url))

/** `./tandem bench`: lists the benchmarks, or runs one. */
export function register(program: Command): void {
  program
    .command('bench')
    .description('run a benchmark; without a name: list them')
    .argument('[name]', 'which one')
    .option('--json', 'print the result as JSON')
    .action(async (name: string | undefined, { json }: { json?: boolean }, command: Command) => {
      const benches = await loadBenches()
      const bench = benches.get(name ?? '')
      if (name === undefined) return list(benches, json === true)
      if (bench === undefined)
        command.error(`error: there is no benchmark '${name}'; there are: ${[...benches.keys()].join(', ')}`)
      else await run(name, bench, json === true)
    })
}

async function loadBenches(): Promise<ReadonlyMap<string, Bench>> {
  const benches = new Map<string, Bench>()
  // An installation without tests has no benchmarks.
  if (!existsSync(FOLDER)) return benches
  for (const file of readdirSync(FOLDER)
    .filter((entry) => entry.endsWith('.js'))
    .sort()) {
    const loaded: unknown = await import(pathToFileURL(`${FOLDER}${file}`).href)
    const bench = typeof loaded === 'object' && loaded !== null && 'bench' in loaded ? loaded.bench : undefined
    if (isBench(bench)) benches.set(basename(file, '.js'), bench)
  }
  return benches
}

function isBench(value: unknown): value is Bench {
  return (
    typeof value === 'object' &&
    value !== null &&
    'description' in value &&
    'run' in value &&
    typeof value.run === 'function'
  )
}

function list(benches: ReadonlyMap<string, Bench>, json: boolean): Promise<void> {
  const rows = [...benches].map(([name, { description }]) => ({ name, description }))
  if (json) return printJson(rows)
  return print(
    formatTable(
      ['name', 'measures'],
      rows.map(({ name, description }) => [name, description]),
    ),
  )
}

async function run(name: string, bench: Bench, json: boolean): Promise<void> {
  const { ok, figures } = await bench.run((line) => process.stderr.write(`bench ${name}: ${line}\n`))
  if (!ok) process.exitCode = 1
  if (json) return printJson({ name, ok, ...figures })
  const rows = Object.entries(figures).map(([figure, value]) => [figure, String(value)])
  await print(`${formatTable(['figure', 'value'], rows)}\n${ok ? 'ok' : 'not ok'}\n`)
}
