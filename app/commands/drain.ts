import type { Command } from 'commander'
import { drainAnswer, nodesAnswer } from '../api/answers.ts'
import { CommandError, expectAnswer, NodeClient } from './client.ts'
import { print, printJson } from './output.ts'

/** `tandem drain`: let a node finish its calls and take no new ones. */
export function register(program: Command): void {
  program
    .command('drain')
    .description('let a node finish its calls and take no new ones; it goes on running')
    .argument('[node]', 'the node; the one that is asked unless given')
    .option('--json', 'as JSON')
    .action((node: string | undefined, options: { readonly json?: true }) => drain(node, options))
}

async function drain(node: string | undefined, options: { readonly json?: true }): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const id = node ?? (await ownId(client))
  const answer = await client.json(`/api/v1/nodes/${encodeURIComponent(id)}/drain`, { method: 'POST' })
  if (options.json === true) return printJson(answer)
  await print(`Node ${expectAnswer(drainAnswer, answer).id} takes no new calls; those on the line go on.\n`)
}

async function ownId(client: NodeClient): Promise<string> {
  const nodes = expectAnswer(nodesAnswer, await client.json('/api/v1/nodes'))
  const own = nodes.find(({ self }) => self)
  if (own === undefined) throw new CommandError('the node does not know itself yet; name it: tandem drain NODE')
  return own.id
}
