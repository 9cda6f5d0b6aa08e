import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { DrillPace } from '../../lib/drill/clock.ts'
import type { DrillReport } from '../../lib/drill/report.ts'
import { drillHtml } from '../../lib/drill/report-html.ts'
import { drillText } from '../../lib/drill/report-text.ts'
import type { DrillScenario } from '../../lib/drill/scenario.ts'
import { drillScenarios } from '../../lib/drill/scenarios.ts'
import { runDrill } from '../drill/run-drill.ts'
import { StopRequests } from '../stop-requests.ts'
import { formatTable, paint, print, printJson } from './output.ts'

interface DrillCommandOptions {
  readonly scenario?: string
  readonly list?: true
  readonly json?: true
  readonly html?: string
  readonly short?: true
}

/** `tandem drill`: breaks carriers, agents, stores and nodes on purpose, on a fleet of its own, and says what it cost. */
export function register(program: Command): void {
  program
    .command('drill')
    .description(
      'break carriers, agents, stores and nodes on purpose, on two nodes of its own, and report what it cost (docs/drills.md)',
    )
    .option('--scenario <name>', 'only this one; --list names them')
    .option('--list', 'list the scenarios and run none')
    .option('--json', 'the reports as JSON: an array, or one object with --scenario')
    .option('--html <file>', 'write the reports as a page, too')
    .option('--short', 'on shorter clocks, for CI; the report says which')
    .action((options: DrillCommandOptions, command: Command) => drill(options, command))
}

async function drill(options: DrillCommandOptions, command: Command): Promise<void> {
  const { scenario, list, json } = options
  const pace: DrillPace = options.short === true ? 'short' : 'usual'
  const all = drillScenarios(pace)
  if (list === true) return listScenarios(all, json === true)
  const scenarios = scenario === undefined ? all : all.filter(({ name }) => name === scenario)
  if (scenarios.length === 0) {
    command.error(`error: there is no scenario '${scenario}'; there are: ${all.map(({ name }) => name).join(', ')}`)
  }
  await runScenarios(scenarios, options)
}

async function runScenarios(scenarios: readonly DrillScenario[], options: DrillCommandOptions): Promise<void> {
  const { json, html, scenario } = options
  const stop = new StopRequests(['SIGINT', 'SIGTERM', 'SIGHUP'])
  let reports: readonly DrillReport[]
  try {
    reports = await runDrill({
      scenarios,
      signal: stop.first,
      onProgress: (step) => process.stderr.write(`drill: ${step}\n`),
      onReport: (report) => (json === true ? undefined : void print(drillText(report, paint))),
    })
  } catch (error) {
    if (!stop.first.aborted) throw error
    process.stderr.write('drill: stopped before its end\n')
    process.exitCode = 1
    return
  } finally {
    stop.close()
  }
  if (html !== undefined) await writeFile(html, drillHtml(reports, new Date()))
  if (json === true) await printJson(scenario === undefined ? reports : reports[0])
  else await print(summary(reports))
  if (reports.some(({ passed }) => !passed)) process.exitCode = 1
}

function listScenarios(scenarios: readonly DrillScenario[], json: boolean): Promise<void> {
  const rows = scenarios.map(({ name, description }) => ({ scenario: name, description }))
  if (json) return printJson(rows)
  return print(
    formatTable(
      ['SCENARIO', 'WHAT BREAKS'],
      rows.map((row) => [row.scenario, row.description]),
    ),
  )
}

function summary(reports: readonly DrillReport[]): string {
  const head = ['SCENARIO', 'VERDICT', 'DETECTED', 'SHIFTED', 'PLACED', 'LOST', 'RUNG TWICE', 'RECORDS MISSING', 'MOS']
  const time = (value: number | null): string => (value === null ? 'never' : `${value} ms`)
  return formatTable(
    head,
    reports.map((report) => [
      report.scenario,
      report.passed ? paint('green', 'passed') : paint('red', 'FAILED'),
      time(report.detectedMs),
      time(report.shiftedMs),
      String(report.callsPlaced),
      String(report.callsLost),
      String(report.doubleRings),
      String(report.recordsMissing),
      `${report.mosBefore ?? '–'} → ${report.mosAfter ?? '–'}`,
    ]),
  )
}
