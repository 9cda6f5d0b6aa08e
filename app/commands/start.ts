import type { Command } from 'commander'
import { formatProblem } from '../../lib/config/problem.ts'
import type { Config } from '../../lib/config/resolve.ts'
import { loadConfig, watchConfig } from '../config.ts'
import { type RunningNode, startNode } from '../node.ts'
import { createLog } from '../observe/log.ts'

interface StartOptions {
  readonly config?: string
}

/** `tandem start`: a node in this process, until it is told to stop. */
export function register(program: Command): void {
  program
    .command('start')
    .description('run a node; without a config everything is embedded and a local agent answers')
    .option('-c, --config <file>', 'configuration file, YAML or JSON')
    .action((options: StartOptions) => start(options))
}

async function start({ config: file }: StartOptions): Promise<void> {
  const loaded = loadConfig(file)
  if (!loaded.ok) {
    for (const problem of loaded.error) console.error(formatProblem(problem))
    process.exitCode = 1
    return
  }
  const config = loaded.value
  const log = createLog({ level: config.log.level })
  try {
    const node = await startNode({ config, log, onProgress: (step) => console.error(`· ${step}`) })
    console.error(welcome(config, node))
    await untilStopped(node, file)
  } catch (error) {
    console.error(`tandem: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
  await log.close()
}

/** Reloads on SIGHUP and on a change of the file; drains on the first SIGTERM or SIGINT, hangs up on the second. */
async function untilStopped(node: RunningNode, file: string | undefined): Promise<void> {
  const watch = file === undefined ? null : watchConfig(file, (result) => node.reload(result))
  await new Promise<void>((resolve) => {
    let asked = 0
    const stop = (): void => {
      asked += 1
      if (asked > 1) return resolve()
      console.error('· draining: no new calls; once more to hang up those on the line')
      void node.drain().then(resolve)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
  watch?.close()
  await node.close()
}

function welcome(config: Config, node: RunningNode): string {
  const number = config.tenants[0]?.numbers[0]?.number
  const socket = node.sip.find((each) => each.startsWith('udp/')) ?? node.sip[0]
  const address = socket?.replace(/^\w+\//, '')
  const lines = [`tandem is ready for calls`, `  SIP   ${node.sip.join('  ')}`, `  HTTP  ${node.url}`]
  if (number !== undefined && address !== undefined) {
    lines.push('', 'Place a call from a second shell:', `  ./tandem call sip:${number}@${address}`)
  }
  return lines.join('\n')
}
