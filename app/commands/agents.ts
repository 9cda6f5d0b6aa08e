import type { Command } from 'commander'
import type * as z from 'zod'
import { agentsAnswer } from '../api/answers.ts'
import { formatTime } from './calls.ts'
import { expectAnswer, NodeClient } from './client.ts'
import { formatTable, paint, print, printJson } from './output.ts'
import { untilText } from './trunks.ts'

type Agent = z.output<typeof agentsAnswer>[number]

const HEAD = ['BACKEND', 'KIND', 'SERVER', 'MODEL', 'STATE', 'SINCE', 'SESSION', 'MISSES', 'CALLS', 'FAULTS', 'WHY']
const COLOURS = { active: 'green', standby: 'yellow', failed: 'red' } as const

/** `tandem agents`: the agents with their backends, and the health of each. */
export function register(program: Command): void {
  program
    .command('agents')
    .description('list the backends of agents and their health')
    .option('--json', 'as JSON')
    .action((options: { readonly json?: true }) => listAgents(options))
}

async function listAgents(options: { readonly json?: true }): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const answer = await client.json('/api/v1/agents')
  if (options.json === true) return printJson(answer)
  const agents = expectAnswer(agentsAnswer, answer)
  await print(agents.length === 0 ? 'No agents.\n' : formatAgents(agents))
}

/** A table with a line a backend. */
export const formatAgents = (agents: readonly Agent[]): string =>
  formatTable(
    HEAD,
    agents
      .flatMap(({ backends }) => backends)
      .map(({ id, backend, host, model, state, since, probe, calls, reason, channel, override }) => [
        id,
        backend,
        host,
        model,
        paint(COLOURS[state], state),
        formatTime(since),
        probe.sessionMs === null ? '-' : `${Math.round(probe.sessionMs)} ms`,
        String(probe.misses),
        String(calls.attempts),
        String(calls.faults),
        override === null
          ? `${channel === 'account' ? 'account: ' : ''}${reason ?? '-'}`
          : `${override.actor}: ${override.reason}${untilText(override.expiresAt)}`,
      ]),
  )
