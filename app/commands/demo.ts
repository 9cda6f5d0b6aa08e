import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { commandHelp, commandOfKey, type DemoCommand, parseCommand } from '../../lib/demo/command.ts'
import { drawScreen, formatTally, formatTrunkStates, type Style } from '../../lib/demo/screen.ts'
import { Demo } from '../demo/demo.ts'
import { aborted, StopRequests } from '../stop-requests.ts'
import { paint, print } from './output.ts'

const REDRAW_MS = 500
/** How often the counters are written where no terminal shows them. */
const STATUS_MS = 5_000

const HELP = `
On a terminal: a and b select a carrier; k kills it, s silences it, r lets it refuse calls with 503, h lets it swallow them,
m makes it mute, v revives it; q or Ctrl-C ends the demo. Elsewhere the same is read from standard input, a line each:
  kill alpha | silence alpha | reject alpha | blackhole alpha | mute alpha | revive alpha | status | help | quit`

/** `tandem demo`: two nodes and two simulated carriers with steady calls, and a console to break carriers with. */
export function register(program: Command): void {
  program
    .command('demo')
    .description('two nodes, two simulated carriers and steady calls; kill a carrier and watch')
    .addHelpText('after', HELP)
    .action(() => runDemo())
}

async function runDemo(): Promise<void> {
  const stop = new StopRequests(['SIGINT', 'SIGTERM', 'SIGHUP'])
  const live = process.stdin.isTTY && process.stdout.isTTY
  try {
    const say = (line: string): void => void print(`${line}\n`)
    const demo = await Demo.start({
      onProgress: (step) => say(`· ${step}`),
      onEvent: live ? () => undefined : say,
      signal: stop.first,
    })
    try {
      await (live ? watchScreen(demo, stop.first) : readLines(demo, stop.first))
      say('· stopping')
    } finally {
      await demo.close()
    }
    say(formatTally(demo.view.tally))
  } catch (error) {
    if (!stop.first.aborted) throw error
  } finally {
    stop.close()
  }
}

/** Plain lines out, commands in, until `quit` or a signal. The end of the input changes nothing. */
async function readLines(demo: Demo, stop: AbortSignal): Promise<void> {
  const say = (line: string): void => void print(`${line}\n`)
  const { nodes, apiKey } = demo.view
  for (const { id, url } of nodes) say(`node ${id}: TANDEM_URL=${url} TANDEM_API_KEY=${apiKey} ./tandem trunks`)
  say(`calls flow; ${commandHelp(demo.carriers)}`)
  const status = (): void => {
    say(`calls ${formatTally(demo.view.tally)}`)
    say(`trunks ${formatTrunkStates(demo.view.nodes)}`)
  }
  const timer = setInterval(status, STATUS_MS)
  const input = createInterface({ input: process.stdin })
  const quit = new Promise<void>((resolve) => {
    input.on('line', (line) => {
      const command = parseCommand(line, demo.carriers)
      if (command === undefined) return
      if (command.kind === 'quit') resolve()
      else if (command.kind === 'status') status()
      else if (command.kind === 'help') say(commandHelp(demo.carriers))
      else void perform(demo, command, say)
    })
  })
  await Promise.race([quit, aborted(stop)])
  clearInterval(timer)
  input.close()
  process.stdin.destroy()
}

/** The live screen, until a key or a signal ends it. The terminal is given back as it was. */
async function watchScreen(demo: Demo, stop: AbortSignal): Promise<void> {
  const { stdin, stdout } = process
  let selected = demo.carriers[0] ?? ''
  let said = ''
  const draw = (): void => {
    const size = { columns: stdout.columns, rows: stdout.rows }
    const lines = drawScreen(demo.view, selected, said, size)
    const text = lines.map((line) => line.map((each) => dress(each.text, each.style)).join('')).join(`${CLEAR_LINE}\n`)
    stdout.write(`${HOME}${text}${CLEAR_REST}`)
  }
  const timer = setInterval(draw, REDRAW_MS)
  stdout.on('resize', draw)
  stdout.write(ENTER_SCREEN)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  try {
    draw()
    const quit = new Promise<void>((resolve) => {
      stdin.on('data', (keys: string) => {
        for (const key of keys) {
          const command = commandOfKey(key, selected, demo.carriers)
          if (command?.kind === 'quit') resolve()
          else if (command?.kind === 'select') selected = command.carrier
          else if (command !== undefined) void perform(demo, command, (text) => (said = text))
        }
        draw()
      })
    })
    await Promise.race([quit, aborted(stop)])
  } finally {
    clearInterval(timer)
    stdout.off('resize', draw)
    stdin.setRawMode(false)
    stdin.destroy()
    stdout.write(LEAVE_SCREEN)
  }
}

/** A deed that cannot be done is told, and ends nothing. */
async function perform(demo: Demo, command: DemoCommand, say: (text: string) => void): Promise<void> {
  if (command.kind === 'unknown') return say(command.text)
  if (command.kind !== 'deed') return
  try {
    await demo.act(command.deed, command.carrier)
  } catch (error) {
    say(`${command.deed} ${command.carrier}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The alternate screen, its cursor hidden (xterm control sequences). */
const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l'
const LEAVE_SCREEN = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_REST = '\u001b[J'

const dress = (text: string, style: Style): string => (style === 'plain' ? text : paint(style, text))
