import type { Command } from 'commander'
import { type ConfigProblem, formatProblem } from '../../lib/config/problem.ts'
import type { Config } from '../../lib/config/resolve.ts'
import type { Finding } from '../check/finding.ts'
import { loadConfig } from '../config.ts'
import { formatTable, paint, print, printJson } from './output.ts'

/** `./tandem check`: is the config right, and is all that it names there? Exit 1 where a call would suffer for it. */
export function register(program: Command): void {
  program
    .command('check')
    .description('validate the config, and what it names: folders, ports, stores, AI, trunks')
    .option('-c, --config <file>', 'configuration file, YAML or JSON; without it the built-in config is checked')
    .option('--json', 'print the findings as JSON')
    .action(async ({ config: file, json }: { config?: string; json?: boolean }) => {
      const result = loadConfig(file)
      if (!result.ok) await reportProblems(result.error, json === true)
      else await reportFindings(await findAll(result.value), json === true)
    })
}

async function findAll(config: Config): Promise<readonly Finding[]> {
  // Loaded here, so that every other command starts without a database driver.
  const [stores, agents, trunks, sip, media, ports, address, certificates, router] = await Promise.all([
    import('../check/stores.ts'),
    import('../check/agents.ts'),
    import('../check/trunks.ts'),
    import('../check/sip-engine.ts'),
    import('../check/media-engine.ts'),
    import('../check/ports.ts'),
    import('../check/address.ts'),
    import('../check/certificates.ts'),
    import('../check/router.ts'),
  ])
  const findings = await Promise.all([
    stores.checkStores(config),
    sip.checkSipEngine(config),
    media.checkMediaEngine(config),
    ports.checkPorts(config),
    agents.checkAgents(config),
    trunks.checkTrunks(config),
    router.checkRouter(config),
  ])
  const atOnce = [address.checkAddress(config), ...certificates.checkCertificates(config)]
  return [...noticesOf(config), ...atOnce, ...findings.flat()]
}

/** What the file asks for and this version does not do. */
function noticesOf({ notices }: Config): readonly Finding[] {
  return notices.map(({ path, message }) => ({ subject: 'config', name: path, status: 'warning', detail: message }))
}

async function reportProblems(problems: readonly ConfigProblem[], json: boolean): Promise<void> {
  process.exitCode = 1
  if (json) return printJson({ ok: false, problems, findings: [] })
  await print(`${problems.map(formatProblem).join('\n')}\n${paint('red', `✗ ${count(problems.length, 'problem')}`)}\n`)
}

async function reportFindings(findings: readonly Finding[], json: boolean): Promise<void> {
  const errors = findings.filter(({ status }) => status === 'error').length
  const warnings = findings.filter(({ status }) => status === 'warning').length
  if (errors > 0) process.exitCode = 1
  if (json) return printJson({ ok: errors === 0, problems: [], findings })
  const rows = findings.map(({ subject, name, status, detail }) => [SIGN[status], subject, name, detail])
  const summary = `${count(errors, 'error')}, ${count(warnings, 'warning')}`
  const verdict =
    errors === 0 ? paint('green', `✓ the config is usable (${summary})`) : paint('red', `✗ not usable (${summary})`)
  await print(`${formatTable(['', 'what', 'which', 'found'], rows)}\n${verdict}\n`)
}

const SIGN = { ok: '✓', warning: '!', error: '✗' } as const

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
