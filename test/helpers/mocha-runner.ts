import { basename } from 'node:path'
import Mocha from 'mocha'
import './fail-on-rejection.ts'
import { guardHandles, openResources } from './open-handles.ts'

/**
 * Runs test files in this process, one after the other, and sends the counts and what failed to the parent: `mocha-runner.js TIMEOUT_MS
 * FILE…`. It does not force an exit: what keeps the process alive after the last test is a leak, and is named.
 */
const END_WITHIN_MS = 10_000
const EXIT_LEAK = 3
const EXIT_STOPPED = 143
/** Files that are named with the time they took, so that whoever finds the suite too long knows where to look. */
const SLOWEST = 8
/** Characters of what is told again of a failed test when all suites have ended. */
const TOLD_MAX = 2_000

// Told to stop in the middle: what tests have put on the process's exit still cleans up after them.
process.once('SIGTERM', () => process.exit(EXIT_STOPPED))

const [timeoutMs = '10000', ...files] = process.argv.slice(2)
const mocha = new Mocha({ timeout: Number(timeoutMs), reporter: 'spec', forbidOnly: true, color: process.stdout.isTTY })
for (const file of files) mocha.addFile(file)
await mocha.loadFilesAsync()

let passed = 0
let failed = 0
let skipped = 0
const runner = mocha.run((failures) => {
  process.exitCode = failures > 0 ? 1 : 0
  process.send?.({ passed, failed, skipped, failures: told })
  process.stdout.write(`slowest files: ${slowest()}\n`)
  // Unreferenced: it fires only if something else keeps the process alive.
  setTimeout(() => {
    const open = [...openResources()].map(([name, count]) => `${name} ×${count}`).join(', ')
    process.stderr.write(`still open ${END_WITHIN_MS / 1_000} s after the last test: ${open}\n`)
    process.exit(EXIT_LEAK)
  }, END_WITHIN_MS).unref()
})
const fileMs = new Map<string, number>()
let beganAtMs = 0
runner.on('suite', ({ parent }) => {
  if (parent?.root === true) beganAtMs = performance.now()
})
runner.on('suite end', ({ parent, file = '' }) => {
  if (parent?.root === true) fileMs.set(file, (fileMs.get(file) ?? 0) + performance.now() - beganAtMs)
})
function slowest(): string {
  const files = [...fileMs].toSorted(([, a], [, b]) => b - a).slice(0, SLOWEST)
  return files.map(([file, ms]) => `${basename(file, '.test.js')} ${Math.round(ms / 1_000)} s`).join(', ')
}
runner.on('pass', () => passed++)
const told: string[] = []
runner.on('fail', (test, cause) => {
  failed++
  told.push(`${test.titlePath().join(' › ')}\n${cause.stack ?? cause.message}`.slice(0, TOLD_MAX))
})
runner.on('pending', () => skipped++)
guardHandles(mocha.suite, runner)
