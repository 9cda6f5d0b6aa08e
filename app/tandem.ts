import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { register as bench } from './commands/bench.ts'
import { register as check } from './commands/check.ts'
import { register as test } from './commands/test.ts'
import { environment } from './config.ts'

/** Exit codes of every command: 0 ok, 1 it failed, 2 usage. */
const EXIT_FAILED = 1
const EXIT_USAGE = 2

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const found =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined
  return typeof found === 'string' ? found : 'unknown'
}

/** The command line. A command that fails sets `process.exitCode` or throws an error whose message is for the user. */
async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('tandem')
    .description('A programmable SIP proxy and B2BUA that keeps AI voice agents on the phone through carrier outages')
    .version(version())
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
  for (const register of [check, test, bench]) register(program)
  try {
    await program.parseAsync(argv)
  } catch (cause) {
    // Help and version end as a CommanderError with code 0; every other one is a mistake in the usage.
    if (cause instanceof CommanderError) process.exitCode = cause.exitCode === 0 ? 0 : EXIT_USAGE
    else {
      process.stderr.write(`tandem: ${cause instanceof Error ? cause.message : String(cause)}\n`)
      if (environment.TANDEM_DEBUG !== undefined && cause instanceof Error) process.stderr.write(`${cause.stack}\n`)
      process.exitCode = EXIT_FAILED
    }
  }
}

// A reader that goes away (`| head`) is no failure of ours.
process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  if (cause.code === 'EPIPE') process.exit(0)
  throw cause
})

await main(process.argv)
