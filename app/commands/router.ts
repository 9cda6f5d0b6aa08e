import { type Command, InvalidArgumentError } from 'commander'
import { ROUTER_BUDGET_MS, type RouterCall } from '../../lib/route/router.ts'
import { readRouter } from '../route/read-router.ts'
import { RouterHost } from '../route/router-host.ts'
import { judged, SIMULATED_CALL, type Simulated } from '../route/simulate.ts'
import { print, printJson } from './output.ts'

interface Options {
  readonly from?: string
  readonly to?: string
  readonly region?: string
  readonly at?: Date
  readonly header: Readonly<Record<string, string>>
  readonly json?: true
}

/** `tandem router`: what a router would say of a call, without a node. */
export function register(program: Command): void {
  program
    .command('router')
    .description('ask a router of one call, as a node would')
    .argument('<file>', 'TypeScript or JavaScript module with the router')
    .option('--from <number>', `who calls (${SIMULATED_CALL.from})`)
    .option('--to <number>', `whom (${SIMULATED_CALL.to})`)
    .option('--region <name>', `region of the node (${SIMULATED_CALL.region})`)
    .option('--at <time>', 'when, as ISO 8601 such as 2026-03-02T12:00:00Z; else now', timeOf)
    .option('--header <name=value>', 'a header of the INVITE; may be given several times', headerOf, {})
    .option('--json', 'as JSON')
    .action(async (file: string, options: Options) => {
      const answer = await ask(file, callOf(options))
      if (options.json === true) await printJson(answer)
      else await print(`${format(answer)}\n`)
      if (answer.kind === 'failed') process.exitCode = 1
    })
}

function callOf({ from, to, region, at, header }: Options): RouterCall {
  const call = { ...SIMULATED_CALL, ...(from && { from }), ...(to && { to }), ...(region && { region }) }
  const raw = { from: `<sip:${call.from}@192.0.2.1>`, to: `sip:${call.to}@192.0.2.2` }
  return { ...call, raw, headers: header, receivedAt: (at ?? new Date()).toISOString() }
}

type Answer =
  | Simulated
  | { readonly kind: 'failed'; readonly code: 'unusable' | 'unavailable'; readonly message: string }

/** In a process as a node has it, whose standard output is the command's standard error: also a router that loops, or takes all memory, is told of and ended. */
async function ask(file: string, call: RouterCall): Promise<Answer> {
  const read = await readRouter(file)
  const loaded = read.ok
    ? await RouterHost.load(read.value, { onLine: (line) => void process.stderr.write(`${line}\n`) })
    : read
  if (!loaded.ok) return { kind: 'failed', code: 'unusable', message: loaded.error }
  const host = loaded.value
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<Answer>((resolve) => {
      const fail = (code: 'late' | 'threw' | 'unavailable', message: string): void =>
        resolve({ kind: 'failed', code, message })
      timer = setTimeout(() => fail('late', `no answer within ${ROUTER_BUDGET_MS} ms`), ROUTER_BUDGET_MS)
      host.attach({
        onAnswer: (_ask, answer) => (answer.ok ? resolve(judged(answer.value)) : fail('threw', answer.error)),
        onStray: (message) => void process.stderr.write(`rejected, and nobody awaited it: ${message}\n`),
        onEnd: (reason) => fail('unavailable', reason),
      })
      host.ask(1, { call, trunks: [], nodes: [] }, ROUTER_BUDGET_MS)
    })
  } finally {
    clearTimeout(timer)
    await host.close()
  }
}

function format(answer: Answer): string {
  if (answer.kind === 'decided') {
    return answer.decision === null ? "the tenant's default" : JSON.stringify(answer.decision)
  }
  if (answer.code === 'unusable') return `not usable: ${answer.message}`
  return `${answer.code}: ${answer.message}\nthe call would get the tenant's default`
}

function timeOf(text: string): Date {
  const at = new Date(text)
  if (Number.isNaN(at.getTime())) throw new InvalidArgumentError('expected a time such as 2026-03-02T12:00:00Z.')
  return at
}

function headerOf(text: string, before: Options['header']): Options['header'] {
  const [, name, value] = /^([!-<>-~]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('expected NAME=VALUE.')
  return { ...before, [name.toLowerCase()]: value }
}
