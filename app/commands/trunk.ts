import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../../lib/config/units.ts'
import { trunkAnswer } from '../api/answers.ts'
import { expectAnswer, NodeClient } from './client.ts'
import { print, printJson } from './output.ts'
import { formatTrunks } from './trunks.ts'

type Word = 'active' | 'standby' | 'failed' | 'auto'

interface TrunkCommandOptions {
  readonly reason?: string
  /** Milliseconds. */
  readonly for?: number
  readonly json?: true
}

/** `tandem trunk`: an operator's word on a trunk, for the whole fleet. */
export function register(program: Command): void {
  program
    .command('trunk')
    .description("set a trunk's state for the whole fleet, or give it back to the evidence (auto)")
    .argument('<id>', 'the trunk')
    .addArgument(new Argument('<state>', 'what it is to be').choices(['active', 'standby', 'failed', 'auto']))
    .option('--reason <text>', 'why; needed unless the state is auto')
    .addOption(new Option('--for <duration>', 'how long, such as 10m; else until it is taken back').argParser(duration))
    .option('--json', 'as JSON')
    .action((id: string, word: Word, options: TrunkCommandOptions, command: Command) => {
      if (word !== 'auto' && (options.reason ?? '').trim() === '') {
        command.error('error: --reason TEXT is needed, so that others know why', { exitCode: 2 })
      }
      return setTrunk(id, word, options)
    })
}

async function setTrunk(id: string, word: Word, options: TrunkCommandOptions): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const path = `/api/v1/trunks/${encodeURIComponent(id)}/override`
  const body = {
    state: word,
    reason: options.reason,
    ...(options.for !== undefined && { ttlSeconds: options.for / 1000 }),
  }
  const answer = await client.json(path, word === 'auto' ? { method: 'DELETE' } : { method: 'PUT', body })
  if (options.json === true) return printJson(answer)
  await print(formatTrunks([expectAnswer(trunkAnswer, answer)]))
}

function duration(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('expected a duration such as 90s, 10m or 1h30m.')
  return ms
}
