import type { Command } from 'commander'
import { defaultConfig } from '../../lib/config/default-config.ts'
import { formatProblem } from '../../lib/config/problem.ts'
import type { Config } from '../../lib/config/resolve.ts'
import { addressSet } from '../../lib/core/cidr.ts'
import { type ConfigResult, loadConfig, watchConfig } from '../config.ts'
import { environment } from '../environment.ts'
import type { ConfigSource } from '../managed-config.ts'
import { type RunningNode, startNode } from '../node.ts'
import { createLog, type Log } from '../observe/log.ts'
import { phoneAddress } from '../phone/phone-address.ts'
import { aborted, StopRequests } from '../stop-requests.ts'

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
    for (const problem of loaded.error) say(formatProblem(problem))
    say(
      `tandem: not started: ${loaded.error.length === 1 ? 'one problem' : `${loaded.error.length} problems`} in the config`,
    )
    process.exitCode = 1
    return
  }
  const config = loaded.value
  for (const notice of config.notices) say(`! ${formatProblem(notice)}`)
  const log = createLog({ level: config.log.level })
  const stop = new StopRequests(file === undefined ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT'])
  try {
    await run(config, file, log, stop)
  } catch (error) {
    if (stop.first.aborted) say('· stopped before it was ready')
    else {
      say(`tandem: ${error instanceof Error ? error.message : String(error)}`)
      process.exitCode = 1
    }
  }
  await log.close()
  stop.close()
}

/** A node from its start to its end. Rejects where it does not come up, also because it was told to stop meanwhile. */
async function run(config: Config, file: string | undefined, log: Log, stop: StopRequests): Promise<void> {
  let node: RunningNode | null = null
  // A change of the file while the node starts is taken up once it runs.
  let early: ConfigResult | null = null
  const watch =
    file === undefined
      ? null
      : watchConfig(file, (result) => {
          if (node === null) early = result
          else node.reload(result)
        })
  const source: ConfigSource = (entries) => watch?.withManaged(entries) ?? defaultConfig(environment, entries)
  try {
    node = await startNode({ config, source, log, signal: stop.first, onProgress: (step) => say(`· ${step}`) })
    if (early !== null) node.reload(early)
    say(welcome(config, node, file))
    await untilStopped(node, stop)
  } finally {
    watch?.close()
  }
}

/** Drains on the first request to stop, and hangs up on the second. */
async function untilStopped(node: RunningNode, stop: StopRequests): Promise<void> {
  await aborted(stop.first)
  say('· draining: no new calls; stop once more to hang up those on the line')
  await Promise.race([node.drain(), aborted(stop.second)])
  say('· stopping')
  await node.close()
}

function welcome(config: Config, node: RunningNode, file: string | undefined): string {
  const number = config.tenants[0]?.numbers[0]?.number
  const socket = node.sip.find((each) => each.startsWith('udp/')) ?? node.sip[0]
  const address = socket?.replace(/^\w+\//, '')
  const backends = new Set(Object.values(config.agents).map((agent) => agent.backends[0].kind))
  const lines = [
    'tandem is ready for calls',
    `  SIP     ${node.sip.join('  ')}`,
    `  HTTP    ${node.url}  (API documentation: /api/docs)`,
    `  agents  ${[...backends].map((kind) => AGENTS[kind]).join(', ') || 'none'}`,
    `  data    ${config.node.dataDir}`,
  ]
  if (number === undefined || address === undefined) return lines.join('\n')
  // The commands' own defaults are those of a node without a config.
  const uri = file === undefined ? '' : ` sip:${number}@${address}`
  const call = letsPhoneIn(config, address)
    ? ['Place a call from a second shell:', `  ./tandem call${uri}`]
    : ['No trunk has this machine among its sources, so ./tandem call gets no answer from this node.']
  return [...lines, '', ...call, 'Stop it with Ctrl-C.'].join('\n')
}

/** Whether a softphone on this machine calls from a source of some trunk. */
function letsPhoneIn({ trunks }: Config, socket: string): boolean {
  const phone = phoneAddress(socket.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''))
  return trunks.some(({ sources }) =>
    sources.some(({ address, prefixBits }) => addressSet([`${address}/${prefixBits}`]).has(phone)),
  )
}

const AGENTS = {
  local: 'local (no AI: it hears speech and answers with a synthetic voice)',
  openai: 'OpenAI',
  azure: 'Azure',
  custom: 'custom',
} as const

const say = (line: string): void => void process.stderr.write(`${line}\n`)
