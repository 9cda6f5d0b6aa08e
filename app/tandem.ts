import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { environment } from './environment.ts'

/** Exit codes of every command: 0 ok, 1 it failed, 2 usage. */
const EXIT_FAILED = 1
const EXIT_USAGE = 2

/** A file of commands/: it puts its command, with options and action, on the program. */
interface CommandModule {
  readonly register: (program: Command) => void
}

/** Every command by name. Only the one that is asked for is loaded, so that a listing does not load a SIP server. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  start: () => import('./commands/start.ts'),
  call: () => import('./commands/call.ts'),
  dial: () => import('./commands/dial.ts'),
  demo: () => import('./commands/demo.ts'),
  calls: () => import('./commands/calls.ts'),
  'call-log': () => import('./commands/call-log.ts'),
  session: () => import('./commands/session.ts'),
  tail: () => import('./commands/tail.ts'),
  trunks: () => import('./commands/trunks.ts'),
  trunk: () => import('./commands/trunk.ts'),
  agents: () => import('./commands/agents.ts'),
  agent: () => import('./commands/agent.ts'),
  managed: () => import('./commands/managed.ts'),
  nodes: () => import('./commands/nodes.ts'),
  drain: () => import('./commands/drain.ts'),
  drill: () => import('./commands/drill.ts'),
  check: () => import('./commands/check.ts'),
  router: () => import('./commands/router.ts'),
  test: () => import('./commands/test.ts'),
  bench: () => import('./commands/bench.ts'),
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const found =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined
  return typeof found === 'string' ? found : 'unknown'
}

const FIRST_STEPS = `
A first call: "tandem start" in one shell, "tandem call --record out.wav" in a second; then "tandem calls".
Commands find the node by TANDEM_URL (http://127.0.0.1:8080) and TANDEM_API_KEY (the key in its data folder).
Exit codes: 0 ok, 1 it failed, 2 usage.`

/** The command line. A command that fails sets `process.exitCode` or throws an error whose message is for the user. */
async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('tandem')
    .description('A programmable SIP proxy and B2BUA that keeps AI voice agents on the phone through carrier outages')
    .version(version())
    .addHelpText('after', FIRST_STEPS)
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
  try {
    for (const load of commandsFor(argv[2])) (await load()).register(program)
    await program.parseAsync(argv)
  } catch (cause) {
    // Help and version end as a CommanderError with code 0; every other one is a mistake in the usage.
    if (cause instanceof CommanderError) {
      process.exitCode = cause.exitCode === 0 ? 0 : EXIT_USAGE
      return
    }
    process.stderr.write(`tandem: ${cause instanceof Error ? cause.message : String(cause)}\n`)
    if (environment.TANDEM_DEBUG && cause instanceof Error) process.stderr.write(`${cause.stack}\n`)
    process.exitCode = EXIT_FAILED
  }
}

/** The one command that is asked for; all of them where that is none, for the help and for "did you mean". */
function commandsFor(name: string | undefined): readonly (() => Promise<CommandModule>)[] {
  const one = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (name === '--version' || name === '-V') return []
  return one === undefined ? Object.values(COMMANDS) : [one]
}

await main(process.argv)
