/** The kinds of test that one can ask for. */
export const KINDS = ['unit', 'integration', 'e2e', 'all'] as const
export type Kind = (typeof KINDS)[number]

/** Test files that run in one process of their own, one test after the other. */
export interface Suite {
  readonly name: string
  /** Folders below dist/test. */
  readonly folders: readonly string[]
  /** Longest run; past it the suite is ended and has failed. */
  readonly limitMs: number
  /** Longest single test that sets no limit of its own. */
  readonly testTimeoutMs: number
  /** Whether its coverage is measured: not where other processes do the work and the measuring would slow them. */
  readonly coverage: boolean
}

const MINUTE_MS = 60_000

const UNIT: Suite = {
  name: 'unit',
  folders: ['unit', 'scenario'],
  limitMs: 5 * MINUTE_MS,
  testTimeoutMs: 10_000,
  coverage: true,
}
const CONFORMANCE: Suite = {
  name: 'conformance',
  folders: ['conformance'],
  limitMs: 10 * MINUTE_MS,
  testTimeoutMs: 20_000,
  coverage: false,
}
const INTEGRATION: Suite = {
  name: 'integration',
  folders: ['integration'],
  limitMs: 20 * MINUTE_MS,
  testTimeoutMs: 30_000,
  coverage: true,
}
const E2E: Suite = {
  name: 'e2e',
  folders: ['e2e'],
  limitMs: 40 * MINUTE_MS,
  testTimeoutMs: 120_000,
  coverage: false,
}

/** The suites of a kind, in the order in which they run: what fails fastest first. */
export const SUITES: Readonly<Record<Kind, readonly Suite[]>> = {
  unit: [UNIT],
  integration: [CONFORMANCE, INTEGRATION],
  e2e: [E2E],
  all: [UNIT, CONFORMANCE, INTEGRATION, E2E],
}
