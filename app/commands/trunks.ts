import type { Command } from 'commander'
import type * as z from 'zod'
import { trunksAnswer } from '../api/answers.ts'
import { formatTime } from './calls.ts'
import { expectAnswer, NodeClient } from './client.ts'
import { formatTable, paint, print, printJson } from './output.ts'

type Trunk = z.output<typeof trunksAnswer>[number]

const HEAD = ['TRUNK', 'CARRIER', 'GROUP', 'STATE', 'SINCE', 'FLEET', 'RTT', 'MISSES', 'CALLS', 'FAULTS', 'WHY']
const COLOURS = { active: 'green', standby: 'yellow', failed: 'red' } as const

/** `tandem trunks`: the health of every trunk. */
export function register(program: Command): void {
  program
    .command('trunks')
    .description('list the trunks and their health')
    .option('--json', 'as JSON')
    .action((options: { readonly json?: true }) => listTrunks(options))
}

async function listTrunks(options: { readonly json?: true }): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const answer = await client.json('/api/v1/trunks')
  if (options.json === true) return printJson(answer)
  const trunks = expectAnswer(trunksAnswer, answer)
  await print(trunks.length === 0 ? 'No trunks.\n' : formatTrunks(trunks))
}

/** A table with a line a trunk. */
export const formatTrunks = (trunks: readonly Trunk[]): string =>
  formatTable(
    HEAD,
    trunks.map(({ id, carrier, group, state, since, fleet, probe, calls, reason, override }) => [
      id,
      carrier,
      group ?? '-',
      paint(COLOURS[state], state),
      formatTime(since),
      fleet,
      probe.rttMs === null ? '-' : `${Math.round(probe.rttMs)} ms`,
      String(probe.misses),
      String(calls.attempts),
      String(calls.faults),
      override === null ? (reason ?? '-') : `${override.actor}: ${override.reason}${untilText(override.expiresAt)}`,
    ]),
  )

/** Until when an operator's word holds; empty: until it is taken back. */
export const untilText = (expiresAt: string | null): string =>
  expiresAt === null ? '' : ` (until ${formatTime(expiresAt)})`
