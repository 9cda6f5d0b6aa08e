import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../../lib/config/units.ts'
import { NodeClient } from './client.ts'
import { print, printJson } from './output.ts'

type Word = 'active' | 'standby' | 'failed' | 'auto'

interface Options {
  readonly reason?: string
  /** Milliseconds. */
  readonly for?: number
  readonly json?: true
}

/** What an operator's word is about, for the command that gives it. */
export interface Subject {
  readonly command: string
  readonly description: string
  readonly argument: readonly [name: string, help: string]
  /** The API's path of its override. Throws where the argument names nothing. */
  readonly path: (argument: string) => string
  /** The answer, for people. */
  readonly format: (answer: unknown) => string
}

/** A command that sets the state of something for the whole fleet, or gives it back to the evidence. */
export function registerOverride(program: Command, subject: Subject): void {
  program
    .command(subject.command)
    .description(subject.description)
    .argument(`<${subject.argument[0]}>`, subject.argument[1])
    .addArgument(new Argument('<state>', 'what it is to be').choices(['active', 'standby', 'failed', 'auto']))
    .option('--reason <text>', 'why; needed unless the state is auto')
    .addOption(new Option('--for <duration>', 'how long, such as 10m; else until it is taken back').argParser(duration))
    .option('--json', 'as JSON')
    .action((argument: string, word: Word, options: Options, command: Command) => {
      if (word !== 'auto' && (options.reason ?? '').trim() === '') {
        command.error('error: --reason TEXT is needed, so that others know why', { exitCode: 2 })
      }
      return give(subject, argument, word, options)
    })
}

async function give(subject: Subject, argument: string, word: Word, options: Options): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const body = {
    state: word,
    reason: options.reason,
    ...(options.for !== undefined && { ttlSeconds: options.for / 1000 }),
  }
  const request = word === 'auto' ? ({ method: 'DELETE' } as const) : ({ method: 'PUT', body } as const)
  const answer = await client.json(subject.path(argument), request)
  if (options.json === true) return printJson(answer)
  await print(subject.format(answer))
}

function duration(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('expected a duration such as 90s, 10m or 1h30m.')
  return ms
}
