/** The kinds of test that one can ask for. */
export const KINDS = ['unit', 'integration', 'e2e', 'all'] as const
export type Kind = (typeof KINDS)[number]

/** Test files that run in one process of their own, one test after the other. */
export interface Suite {
  readonly name: string
  /** Folders below dist/test. */
  readonly folders: readonly string[]
  /** Folders in these that are another suite's. */
  readonly besides?: readonly string[]
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
  folders: ['conformance', 'fuzz'],
  limitMs: 10 * MINUTE_MS,
  testTimeoutMs: 20_000,
  coverage: false,
}
const INTEGRATION: Omit<Suite, 'name' | 'folders'> = {
  limitMs: 20 * MINUTE_MS,
  testTimeoutMs: 30_000,
  coverage: true,
}
/** These wait for timers of SIP and RTP most of their time. Together they take as long as all the rest. */
const NETWORK: Suite = {
  ...INTEGRATION,
  name: 'integration (SIP and media)',
  folders: ['sip-server', 'sip-transport', 'media', 'signaling'].map((folder) => `integration/${folder}`),
}
const NODE: Suite = {
  ...INTEGRATION,
  name: 'integration (the rest)',
  folders: ['integration'],
  besides: NETWORK.folders,
}
const E2E: Suite = {
  name: 'e2e',
  folders: ['e2e'],
  limitMs: 40 * MINUTE_MS,
  testTimeoutMs: 120_000,
  coverage: false,
}

/**
 * The suites of a kind, in the order in which they run: what fails fastest first. Those that stand together run side by side, and
 * have to bear it: a machine that does something else as well is nothing special. e2e runs alone: it judges deadlines with many calls on
 * the line.
 */
export const SUITES: Readonly<Record<Kind, readonly (readonly Suite[])[]>> = {
  unit: [[UNIT]],
  integration: [[CONFORMANCE], [NODE, NETWORK]],
  e2e: [[E2E]],
  all: [[UNIT], [CONFORMANCE], [NODE, NETWORK], [E2E]],
}
