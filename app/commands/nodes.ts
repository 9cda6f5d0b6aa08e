import type { Command } from 'commander'
import { nodesAnswer } from '../api/answers.ts'
import { formatTime } from './calls.ts'
import { expectAnswer, NodeClient } from './client.ts'
import { formatTable, paint, print, printJson } from './output.ts'

const HEAD = ['NODE', 'REGION', 'ADDRESS', 'STATE', 'CALLS', 'VERSION', 'STARTED']

/** `tandem nodes`: the fleet. */
export function register(program: Command): void {
  program
    .command('nodes')
    .description('list the nodes of the fleet')
    .option('--json', 'as JSON')
    .action((options: { readonly json?: true }) => listNodes(options))
}

async function listNodes(options: { readonly json?: true }): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const answer = await client.json('/api/v1/nodes')
  if (options.json === true) return printJson(answer)
  const nodes = expectAnswer(nodesAnswer, answer)
  if (nodes.length === 0) return print('No nodes.\n')
  const rows = nodes.map((node) => [
    node.id,
    node.region,
    node.address,
    node.state,
    `${node.calls}/${node.maxCalls}`,
    node.version,
    formatTime(node.startedAt),
  ])
  await print(formatTable(HEAD, rows))
  const lost = nodes.filter((node) => node.state === 'lost').length
  if (lost > 0) await print(paint('red', `\n${lost} of ${nodes.length} nodes lost\n`))
}
