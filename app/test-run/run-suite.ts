import { fork } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leftovers } from './leftovers.ts'
import type { Suite } from './suites.ts'

/** How many tests ended how. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What came of one suite; `fault` says why it is no good even where no test failed. */
export interface SuiteResult extends Counts {
  readonly fault: string | null
}

const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 }
/** How long a suite that is told to stop may take to close what it has open. */
const KILL_AFTER_MS = 5_000

/**
 * Runs a suite in a process of its own, its output passed through. `dist` is where the compiled tests are. Its temporary files
 * go into a folder of its own, which has to be empty in the end, and no process may run on anything in it.
 */
export async function runSuite(suite: Suite, dist: string, coverageDir: string | null): Promise<SuiteResult> {
  const files = suite.folders.flatMap((folder) => testFiles(join(dist, 'test', folder)))
  if (files.length === 0) return { ...NOTHING, fault: `there are no ${suite.name} tests` }
  const folder = mkdtempSync(join(tmpdir(), `tandem-${suite.name}-`))
  // PostgreSQL runs as another user where the tests run as root.
  chmodSync(folder, 0o755)
  try {
    const result = await runFiles(suite, files, join(dist, 'test/helpers/mocha-runner.js'), {
      TMPDIR: folder,
      ...(coverageDir !== null && { NODE_V8_COVERAGE: coverageDir }),
    })
    const left = leftovers(folder)
    return left.length === 0 ? result : { ...result, fault: result.fault ?? `left behind: ${left.join(', ')}` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runFiles(
  suite: Suite,
  files: readonly string[],
  runner: string,
  added: Readonly<Record<string, string>>,
): Promise<SuiteResult> {
  const { NODE_V8_COVERAGE: _, ...env } = process.env
  const child = fork(runner, [String(suite.testTimeoutMs), ...files], {
    env: { ...env, ...added },
    execArgv: ['--enable-source-maps', '--disable-warning=ExperimentalWarning'],
  })
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
      resolve({ ...ended, fault })
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
    'skipped' in message
  )
}
