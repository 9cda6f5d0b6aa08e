import type { DrillSubject } from './facts.ts'
import type { DrillFigures, DrillVerdict } from './judge.ts'
import type { DrillRun, DrillScenario } from './scenario.ts'
import type { DrillMoment, DrillSecond } from './timeline.ts'

/** One run as the report has it. */
export interface RunReport extends DrillFigures {
  readonly run: string
  readonly subject: DrillSubject
  /** What was done to the carrier. */
  readonly what: string
  readonly passed: boolean
  readonly failures: readonly string[]
  /** Clocks that differ from the defaults. */
  readonly shortened: readonly string[]
  /** Milliseconds from the fault; negative: before it. */
  readonly moments: readonly DrillMoment[]
  readonly seconds: readonly DrillSecond[]
  /** From the fault. */
  readonly wellMs: number
}

/** A scenario as `drill --json` prints it: its figures are the worst of its runs, and counts are their sums. */
export interface DrillReport extends DrillFigures {
  readonly scenario: string
  readonly description: string
  readonly notPromised: string
  readonly passed: boolean
  readonly failures: readonly string[]
  readonly runs: readonly RunReport[]
  /** Runs that this machine cannot do, and why. */
  readonly skipped: readonly SkippedRun[]
}

export interface SkippedRun {
  readonly run: string
  readonly why: string
}

export interface RunOutcome {
  readonly run: DrillRun
  readonly subject: DrillSubject
  readonly verdict: DrillVerdict
  readonly moments: readonly DrillMoment[]
  readonly seconds: readonly DrillSecond[]
  readonly wellMs: number
}

/** What the runs of a scenario came to. */
export function reportScenario(
  { name, description, notPromised }: DrillScenario,
  outcomes: readonly RunOutcome[],
  skipped: readonly SkippedRun[] = [],
): DrillReport {
  const runs = outcomes.map(reportRun)
  const failures = runs.flatMap(({ run, failures: own }) => own.map((failure) => `${run}: ${failure}`))
  return {
    scenario: name,
    ...worstOf(runs),
    passed: failures.length === 0,
    failures,
    description,
    notPromised,
    runs,
    skipped,
  }
}

function reportRun({ run, subject, verdict, moments, seconds, wellMs }: RunOutcome): RunReport {
  const { name, what, shortened } = run
  const { figures, failures } = verdict
  return {
    run: name,
    subject,
    what,
    ...figures,
    passed: failures.length === 0,
    failures,
    shortened,
    wellMs,
    moments,
    seconds,
  }
}

function worstOf(runs: readonly DrillFigures[]): DrillFigures {
  const sum = (of: (run: DrillFigures) => number): number => runs.reduce((total, run) => total + of(run), 0)
  return {
    detectedMs: latest(runs.map(({ detectedMs }) => detectedMs)),
    shiftedMs: latest(runs.map(({ shiftedMs }) => shiftedMs)),
    callsPlaced: sum(({ callsPlaced }) => callsPlaced),
    callsLost: sum(({ callsLost }) => callsLost),
    doubleRings: sum(({ doubleRings }) => doubleRings),
    mosBefore: lowest(runs.map(({ mosBefore }) => mosBefore)),
    mosDuring: lowest(runs.map(({ mosDuring }) => mosDuring)),
    mosAfter: lowest(runs.map(({ mosAfter }) => mosAfter)),
    recordsMissing: sum(({ recordsMissing }) => recordsMissing),
    recordsDoubled: sum(({ recordsDoubled }) => recordsDoubled),
    lateRings: sum(({ lateRings }) => lateRings),
    liveCallsDropped: sum(({ liveCallsDropped }) => liveCallsDropped),
    slowestSetupMs: latest(runs.map(({ slowestSetupMs }) => slowestSetupMs)),
    faultsToFall: latest(runs.map(({ faultsToFall }) => faultsToFall)),
    returnsWhileBroken: sum(({ returnsWhileBroken }) => returnsWhileBroken),
    agentsLost: sum(({ agentsLost }) => agentsLost),
    agentsBack: sum(({ agentsBack }) => agentsBack),
    longestGapMs: highest(runs.map(({ longestGapMs }) => longestGapMs)),
    callsOnNode: sum(({ callsOnNode }) => callsOnNode),
    callsMoved: sum(({ callsMoved }) => callsMoved),
    sessionsParked: sum(({ sessionsParked }) => sessionsParked),
    medianGapMs: highest(runs.map(({ medianGapMs }) => medianGapMs)),
    recoveredMs: latest(runs.map(({ recoveredMs }) => recoveredMs)),
  }
}

/** Null, which is never, is later than any moment. */
const latest = (values: readonly (number | null)[]): number | null =>
  values.reduce((worst, value) => (worst === null || value === null ? null : Math.max(worst, value)), 0)

/** Null is a run without such a figure. */
function highest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

/** Null is a run without such calls. */
function lowest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.min(...known)
}
