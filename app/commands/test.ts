import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Argument, type Command } from 'commander'
import { installPackages, missingPackages } from '../test-run/packages.ts'
import { runSuite, type SuiteResult } from '../test-run/run-suite.ts'
import { KINDS, type Kind, SUITES } from '../test-run/suites.ts'

const DIST = fileURLToPath(new URL('../..', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** `./tandem test`: installs what the tests need, runs them, and ends with one line that counts them all. */
export function register(program: Command): void {
  program
    .command('test')
    .description('install what the tests need (apt when root) and run them; all: format, lint and types first')
    .addArgument(new Argument('[kind]', 'which tests').choices(KINDS).default('all'))
    .action(async (kind: Kind) => {
      if (!(await runTests(kind))) process.exitCode = 1
    })
}

async function runTests(kind: Kind): Promise<boolean> {
  const missing = missingPackages(kind)
  if (missing.length > 0 && !installPackages(missing, say)) return false
  const faults = kind === 'all' ? checkSources() : []
  const results: SuiteResult[] = []
  const coverageDir = mkdtempSync(join(tmpdir(), 'tandem-coverage-'))
  try {
    for (const together of SUITES[kind]) {
      say(together.map(({ name }) => `${name} tests`).join(', and beside them '))
      const ended = await Promise.all(
        together.map(async (suite, i) => {
          // Two that speak at once are not understood: the first is seen live, the others when they have ended.
          const coverage = suite.coverage ? coverageDir : null
          return { suite, result: await runSuite(suite, DIST, { coverageDir: coverage, live: i === 0 }) }
        }),
      )
      for (const { suite, result } of ended) {
        if (result.output !== '') process.stdout.write(`tandem test: ${suite.name} tests\n${result.output}`)
        if (result.fault !== null) faults.push(`the ${suite.name} suite ${result.fault}`)
        results.push(result)
      }
    }
    if (kind !== 'e2e') reportCoverage(coverageDir)
  } finally {
    rmSync(coverageDir, { recursive: true, force: true })
  }
  // Again, for whoever is shown the end of the output only: the suite's own account may be an hour above.
  for (const failure of results.flatMap((result) => result.failures)) say(`failed: ${failure}`)
  for (const fault of faults) say(`failed: ${fault}`)
  const sum = (of: (result: SuiteResult) => number): number => results.reduce((total, result) => total + of(result), 0)
  const [passed, failed, skipped] = [sum((r) => r.passed), sum((r) => r.failed), sum((r) => r.skipped)]
  process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
  return faults.length === 0 && failed === 0 && passed > 0
}

/** Types, format, lint and unused code. What each step says when it fails is passed through. */
function checkSources(): string[] {
  const steps: readonly (readonly [string, string, ...string[]])[] = [
    ['types', 'tsc', '-p', '.'],
    ['format and lint', 'biome', 'ci', '--error-on-warnings', '--colors=off', '.'],
    ['lint with types', 'oxlint', '--type-aware', '--deny-warnings', 'app', 'lib', 'test'],
    ['unused code', 'knip'],
  ]
  return steps.flatMap(([name, tool, ...args]) => {
    say(name)
    const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin', tool), args, {
      cwd: ROOT,
      encoding: 'utf8',
    })
    if (status !== 0) process.stdout.write(`${stdout}${stderr}`)
    return status === 0 ? [] : [`${name} (${tool} ${args.join(' ')})`]
  })
}

/** Coverage of app and lib by the suites that measure it, as a summary; it judges nothing. */
function reportCoverage(coverageDir: string): void {
  const args = ['report', '--temp-directory', coverageDir, '--reporter', 'text-summary', '--exclude-after-remap']
  const which = ['--include', 'app/**', '--include', 'lib/**', '--src', ROOT, '--reports-dir', join(ROOT, 'coverage')]
  const { stdout } = spawnSync(join(ROOT, 'node_modules/.bin/c8'), [...args, ...which], { cwd: ROOT, encoding: 'utf8' })
  process.stdout.write(stdout)
}

function say(line: string): void {
  process.stdout.write(`tandem test: ${line}\n`)
}
