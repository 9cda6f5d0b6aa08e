import { printable } from '../observe/printable.ts'
import type { DrillReport, RunReport } from './report.ts'

/** How a part of the text is shown, where the terminal has colours. */
export type DrillPaint = (style: 'bold' | 'green' | 'red' | 'gray', text: string) => string

/** A figure of a run in words: name and value. */
export type DrillRow = readonly [name: string, value: string]

const BAR = '▏▎▍▌▋▊▉█'

/** The report of one scenario for a terminal. */
export function drillText(report: DrillReport, paint: DrillPaint): string {
  const { scenario, description, notPromised, passed, runs, skipped } = report
  const verdict = passed ? paint('green', 'passed') : paint('red', 'FAILED')
  const lines = [`${paint('bold', scenario)}  ${verdict}  ${printable(description)}`]
  for (const run of runs) lines.push('', ...runLines(run, paint))
  for (const { run, why } of skipped) lines.push('', `  ${paint('bold', run)}  skipped: ${printable(why)}`)
  lines.push('', paint('gray', `  Cannot be promised: ${printable(notPromised)}.`), '')
  return `${lines.join('\n')}\n`
}

/** What a run cost, as rows for people; `fault` stands for the moment of the fault. */
export function drillRows(run: RunReport): readonly DrillRow[] {
  return [
    ...ROWS[run.subject](run),
    ['slowest call, INVITE to answer', ms(run.slowestSetupMs)],
    ['calls placed / lost', `${run.callsPlaced} / ${run.callsLost}`],
    ['callees rung twice', `${run.doubleRings} (${run.lateRings} more taken back at once)`],
    ['MOS before, during, after', [run.mosBefore, run.mosDuring, run.mosAfter].map(score).join('  ')],
    ['records missing / doubled', `${run.recordsMissing} / ${run.recordsDoubled}`],
    ['live calls dropped', `${run.liveCallsDropped}${run.subject === 'trunk' ? ' (cannot be promised)' : ''}`],
  ]
}

const trunkRows = (run: RunReport): readonly DrillRow[] => [
  ['trunk taken out', `${ms(run.detectedMs)} after the fault${faults(run.faultsToFall)}`],
  ['first call over the standby', `${ms(run.shiftedMs)} after the fault`],
  ['active again', `${ms(run.recoveredMs)} after the carrier was well`],
]

const agentRows = (run: RunReport): readonly DrillRow[] => [
  ['first loss noticed', `${ms(run.detectedMs)} after the fault`],
  ['first conversation that went on', `${ms(run.shiftedMs)} after the fault`],
  ['agents lost / back', `${run.agentsLost} / ${run.agentsBack}`],
  ['longest time without an agent', ms(run.longestGapMs)],
]

const storeRows = (run: RunReport): readonly DrillRow[] => [
  ['loss of the store noticed', `${ms(run.detectedMs)} after the fault`],
  ['first call answered without it', `${ms(run.shiftedMs)} after the fault`],
  ['used again by every node', `${ms(run.recoveredMs)} after it was well`],
]

const nodeRows = (run: RunReport): readonly DrillRow[] => [
  ['loss of the node noticed', `${ms(run.detectedMs)} after the fault`],
  ['first call that went on', `${ms(run.shiftedMs)} after the fault`],
  ['calls on the node / moved', `${run.callsOnNode} / ${run.callsMoved}`],
  ['without audio (median)', ms(run.medianGapMs)],
  ['sessions parked', String(run.sessionsParked)],
]

const ROWS: Readonly<Record<RunReport['subject'], (run: RunReport) => readonly DrillRow[]>> = {
  trunk: trunkRows,
  agents: agentRows,
  stores: storeRows,
  node: nodeRows,
}

function runLines(run: RunReport, paint: DrillPaint): readonly string[] {
  const rows = drillRows(run)
  const width = Math.max(...rows.map(([name]) => name.length))
  const most = Math.max(1, ...run.seconds.map(({ placed }) => placed))
  return [
    `  ${paint('bold', run.run)}  ${printable(run.what)}`,
    ...run.moments.map(({ atMs, text }) => `    ${offset(atMs)}  ${printable(text)}`),
    '',
    `    ${paint('gray', 'second  placed  over it  standby  inbound  dropped  lost')}`,
    ...run.seconds.map(({ second, placed, overBroken, overStandby, inbound, dropped, lost }) => {
      const cells = [overBroken, overStandby, inbound, dropped, lost].map((count, i) =>
        cell(count, [7, 7, 7, 7, 4][i] ?? 0),
      )
      const text = `    ${signed(second).padStart(6)}  ${cell(placed, 6)}  ${cells.join('  ')}  ${bar(placed, most)}`
      return lost > 0 ? paint('red', text) : text
    }),
    '',
    ...rows.map(([name, value]) => `    ${name.padEnd(width)}  ${value}`),
    ...(run.shortened.length > 0 ? [paint('gray', `    shortened for the drill: ${run.shortened.join(', ')}`)] : []),
    ...run.failures.map((failure) => paint('red', `    not kept: ${failure}`)),
  ]
}

function bar(count: number, most: number): string {
  const eighths = Math.round((count * 80) / most)
  return '█'.repeat(Math.floor(eighths / 8)) + (BAR[(eighths % 8) - 1] ?? '')
}

const cell = (count: number, width: number): string => (count === 0 ? '·' : String(count)).padStart(width)

const signed = (value: number): string => (value < 0 ? `−${-value}` : `+${value}`)

/** A moment relative to the fault, as `+2.31 s`. */
export const offset = (atMs: number): string =>
  `${atMs < 0 ? '−' : '+'}${(Math.abs(atMs) / 1_000).toFixed(2)} s`.padStart(9)

const ms = (value: number | null): string => (value === null ? 'not' : `${(value / 1_000).toFixed(2)} s`)

const faults = (count: number | null): string => (count === null ? '' : `, by ${count} failed attempts of a node`)

const score = (value: number | null): string => (value === null ? '–' : value.toFixed(2))
