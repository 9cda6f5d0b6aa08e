import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Command } from 'commander'
import { type ConfigProblem, formatProblem } from '../../lib/config/problem.ts'
import type { Config } from '../../lib/config/resolve.ts'
import type { Finding } from '../check/finding.ts'
import { environment, loadConfig } from '../config.ts'

/** `./tandem check`: is the config right, and is all that it names there? Exit 1 where a call would suffer for it. */
export function register(program: Command): void {
  program
    .command('check')
    .description('validate the config, and what it names: folders, ports, stores, AI, trunks')
    .option('--config <file>', 'config file, YAML or JSON; without it the built-in config is checked')
    .option('--json', 'print the findings as JSON')
    .action(async ({ config: file, json }: { config?: string; json?: boolean }) => {
      const result = loadConfig(file)
      if (!result.ok) reportProblems(result.error, json === true)
      else reportFindings(await findAll(result.value), json === true)
    })
}

async function findAll(config: Config): Promise<readonly Finding[]> {
  // Loaded here, so that every other command starts without a database driver.
  const [{ checkStores }, { checkAgents }, { checkTrunks }, { checkPorts }] = await Promise.all([
    import('../check/stores.ts'),
    import('../check/agents.ts'),
    import('../check/trunks.ts'),
    import('../check/ports.ts'),
  ])
  const findings = await Promise.all([
    checkStores(config),
    checkPorts(config),
    checkAgents(config),
    checkTrunks(config),
  ])
  return findings.flat()
}

function reportProblems(problems: readonly ConfigProblem[], json: boolean): void {
  if (json) print(JSON.stringify({ ok: false, problems, findings: [] }, null, 2))
  else print(`${problems.map(formatProblem).join('\n')}\n${paint('red', `✗ ${count(problems.length, 'problem')}`)}`)
  process.exitCode = 1
}

function reportFindings(findings: readonly Finding[], json: boolean): void {
  const errors = findings.filter(({ status }) => status === 'error').length
  const warnings = findings.filter(({ status }) => status === 'warning').length
  if (errors > 0) process.exitCode = 1
  if (json) return print(JSON.stringify({ ok: errors === 0, problems: [], findings }, null, 2))
  const table = new Table({ head: ['', 'what', 'which', 'found'], style: { head: [], border: [] }, chars: BARE })
  for (const { subject, name, status, detail } of findings) table.push([paint(...SIGN[status]), subject, name, detail])
  print(table.toString())
  const summary = `${count(errors, 'error')}, ${count(warnings, 'warning')}`
  print(errors === 0 ? paint('green', `✓ the config is usable (${summary})`) : paint('red', `✗ ${summary}`))
}

const SIGN = { ok: ['green', '✓'], warning: ['yellow', '!'], error: ['red', '✗'] } as const

/** Without lines between the rows: one look takes in a whole fleet of trunks. */
const BARE = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' }

/** Colour for a terminal, plain text for everything else. */
function paint(colour: 'green' | 'yellow' | 'red', text: string): string {
  return process.stdout.isTTY && environment.NO_COLOR === undefined ? styleText(colour, text) : text
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
