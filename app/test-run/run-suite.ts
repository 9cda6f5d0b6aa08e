import { fork } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withDeadline } from '../deadline.ts'
import { leftovers } from './leftovers.ts'
import type { Suite } from './suites.ts'

/** How many tests ended how, and which failed. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Of each failed test its titles, and below them what it threw. */
  readonly failures: readonly string[]
}

/** What came of one suite. */
export interface SuiteResult extends Counts {
  /** Why it is no good even where no test failed. */
  readonly fault: string | null
  /** What it printed, where that was not passed through. */
  readonly output: string
}

export interface SuiteRun {
  /** Null: coverage is not measured. */
  readonly coverageDir: string | null
  /** Whether its output is passed through as it comes. */
  readonly live: boolean
}

const NOTHING: Counts & Pick<SuiteResult, 'output'> = { passed: 0, failed: 0, skipped: 0, failures: [], output: '' }
/** How long a suite that is told to stop may take to close what it has open. */
const KILL_AFTER_MS = 5_000
const LAST_WORDS_MS = 1_000

/**
 * Runs a suite in a process of its own. `dist` is where the compiled tests are. Its temporary files
 * go into a folder of its own, which has to be empty in the end, and no process may run on anything in it.
 */
export async function runSuite(suite: Suite, dist: string, { coverageDir, live }: SuiteRun): Promise<SuiteResult> {
  const inFolders = (folders: readonly string[]): readonly string[] =>
    folders.flatMap((folder) => testFiles(join(dist, 'test', folder)))
  const others = new Set(inFolders(suite.besides ?? []))
  const files = inFolders(suite.folders).filter((file) => !others.has(file))
  if (files.length === 0) return { ...NOTHING, fault: `there are no ${suite.name} tests` }
  const folder = mkdtempSync(join(tmpdir(), 'tandem-suite-'))
  // PostgreSQL runs as another user where the tests run as root.
  chmodSync(folder, 0o755)
  try {
    const runner = join(dist, 'test/helpers/mocha-runner.js')
    const added = { TMPDIR: folder, ...(coverageDir !== null && { NODE_V8_COVERAGE: coverageDir }) }
    const result = await runFiles(suite, [runner, ...files], added, live)
    const left = leftovers(folder)
    return left.length === 0 ? result : { ...result, fault: result.fault ?? `left behind: ${left.join(', ')}` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runFiles(
  suite: Suite,
  [runner = '', ...files]: readonly string[],
  added: Readonly<Record<string, string>>,
  live: boolean,
): Promise<SuiteResult> {
  const { NODE_V8_COVERAGE: _, ...env } = process.env
  const child = fork(runner, [String(suite.testTimeoutMs), ...files], {
    env: { ...env, ...added },
    silent: !live,
    execArgv: ['--enable-source-maps', '--disable-warning=ExperimentalWarning'],
  })
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => output.push(chunk))
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return new Promise((resolve) => {
    let counts: Counts | null = null
    let timedOut = false
    const timers: NodeJS.Timeout[] = []
    timers.push(
      setTimeout(() => {
        timedOut = true
        child.kill('SIGTERM')
        timers.push(setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS))
      }, suite.limitMs),
    )
    child.on('message', (message) => {
      if (isCounts(message)) counts = message
    })
    child.on('error', (cause) => resolve({ ...NOTHING, fault: `could not be started: ${cause.message}` }))
    child.on('exit', (code, signal) => {
      for (const timer of timers) clearTimeout(timer)
      const ended = counts ?? NOTHING
      const fault = timedOut ? `took longer than ${suite.limitMs / 60_000} min` : faultOf(counts, code, signal)
      // What was printed last is still to be read; a process that a test left behind may hold the pipe open for ever.
      void withDeadline(closed, LAST_WORDS_MS).then(() =>
        resolve({ ...ended, fault, output: Buffer.concat(output).toString() }),
      )
    })
  })
}

function faultOf(counts: Counts | null, code: number | null, signal: string | null): string | null {
  if (counts === null) return `crashed (${signal ?? `exit ${code}`}) before its tests were done`
  if (counts.passed + counts.failed === 0) return 'ran no test'
  // The runner exits with 1 for failed tests, which are counted; anything else is the process's own end.
  return code === 0 || (code === 1 && counts.failed > 0)
    ? null
    : `ended with ${signal ?? `exit ${code}`} after its tests`
}

function testFiles(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: false })
  return names
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .sort()
}

function isCounts(message: unknown): message is Counts {
  return (
    typeof message === 'object' &&
    message !== null &&
    'passed' in message &&
    'failed' in message &&
    'skipped' in message &&
    'failures' in message
  )
}
