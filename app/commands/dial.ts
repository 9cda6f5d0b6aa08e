import { readFile, rename, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import * as z from 'zod'
import { formatDuration, parseDurationMs } from '../../lib/config/units.ts'
import { formatCsvLine } from '../../lib/outbound/csv.ts'
import { type DialBody, type DialLine, readDialList } from '../../lib/outbound/dial-list.ts'
import { RETRY_LIMITS } from '../../lib/outbound/retry-policy.ts'
import { errandAnswer } from '../api/answers.ts'
import { type DialAnswer, type DialApi, type DialResult, DialRun } from '../outbound/dial-run.ts'
import { CommandError, expectAnswer, NodeClient, RefusedError } from './client.ts'
import { print, printJson } from './output.ts'

interface DialOptions {
  readonly cps: number
  readonly tenant?: string
  readonly agent?: string
  readonly maxCalls: number
  readonly attempts?: number
  readonly retryAfter?: number
  readonly campaign?: string
  readonly wait: boolean
  readonly out?: string
  readonly dryRun?: true
  readonly json?: true
}

const MAX_CPS = 100
const MAX_CALLS = 10_000
/** Lines with problems that are told one by one. */
const MAX_TOLD = 50
const PROGRESS_MS = 5_000

const HELP = `
FILE has a line a call, and a first line that names its columns: to, and where wanted from, tenant, agent, variables.NAME.
Run it again after ^C or a crash: nobody is called twice. Keys are made of the name of the campaign and of what a line says,
and are kept for 30 days; --campaign begins anew. Trunks and tenants keep their own limits (limits.cps, limits.channels).`

/** `tandem dial`: has the calls of a list placed. */
export function register(program: Command): void {
  program
    .command('dial')
    .description('call everybody on a list, at a pace, each once')
    .argument('<file>', 'CSV; - reads standard input, and needs --campaign')
    .requiredOption('--cps <n>', 'calls that are placed a second, such as 0.5', parseCps)
    .option('--tenant <id>', 'for lines that name none')
    .option('--agent <name>', 'for lines that name none')
    .option('--max-calls <n>', 'calls that are under way at a time', parseMaxCalls, MAX_CALLS)
    .option('--attempts <n>', 'calls for each line in all; else as the tenant has it', parseAttempts)
    .option('--retry-after <duration>', 'from the end of a call to the next one, such as 10m', parseRetryAfter)
    .option('--campaign <name>', 'what nobody is called twice for; the name of the file')
    .option('--out <file>', 'writes what became of each line, as CSV')
    .option('--no-wait', 'ends as soon as all are placed')
    .option('--dry-run', 'reads the file, and calls nobody')
    .option('--json', 'the summary as JSON')
    .addHelpText('after', HELP)
    .action((file: string, options: DialOptions) => dial(file, options))
}

async function dial(file: string, options: DialOptions): Promise<void> {
  const campaign = options.campaign ?? (file === '-' ? undefined : basename(file))
  if (campaign === undefined) throw new CommandError('a list from standard input needs --campaign')
  const lines = await readList(file, options)
  if (options.dryRun === true) return tellPlan(lines, options)
  const client = await NodeClient.fromEnvironment()
  const ending = new AbortController()
  // The second one ends the command as ever.
  process.once('SIGINT', () => ending.abort())
  process.once('SIGTERM', () => ending.abort())
  const { cps, maxCalls, wait: waits } = options
  const run = new DialRun({ lines, campaign, cps, maxCalls, waits, api: apiOf(client, options), signal: ending.signal })
  const progress = setInterval(() => process.stderr.write(`${inWords(run.results)}\n`), PROGRESS_MS)
  try {
    await run.run()
  } finally {
    clearInterval(progress)
    if (options.out !== undefined) await writeResults(options.out, run.results)
    await tell(run.results, ending.signal.aborted, options)
  }
}

async function readList(file: string, { tenant, agent }: DialOptions): Promise<readonly DialLine[]> {
  const text = await readText(file)
  const list = readDialList(text, { ...(tenant !== undefined && { tenant }), ...(agent !== undefined && { agent }) })
  if (list.ok) return list.value
  const told = list.error.slice(0, MAX_TOLD).map(({ line, message }) => `${file}:${line}: ${message}`)
  const more = list.error.length - told.length
  throw new CommandError(
    ['nobody was called, as the list has problems:', ...told, ...(more > 0 ? [`and ${more} more`] : [])].join('\n'),
  )
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(
      file === '-' ? await new Response(process.stdin).arrayBuffer() : await readFile(file),
    )
  } catch (cause) {
    const why =
      cause instanceof TypeError ? 'it is not in UTF-8' : cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(`${file}: ${why}`, { cause })
  }
}

async function tellPlan(lines: readonly DialLine[], { cps, json }: DialOptions): Promise<void> {
  const placedWithinMs = (lines.length * 1_000) / cps
  const repeated = lines.filter(({ repeats }) => repeats > 0).map(({ line }) => line)
  if (json === true) return printJson({ lines: lines.length, placedWithinMs, repeated })
  await print(`${lines.length} calls, placed within ${formatDuration(placedWithinMs)}. Nobody was called.\n`)
  if (repeated.length > 0) await print(`! asks for what a line before it asks for: ${repeated.join(', ')}\n`)
}

function apiOf(client: NodeClient, { attempts, retryAfter }: DialOptions): DialApi {
  const retry =
    attempts === undefined && retryAfter === undefined
      ? {}
      : {
          retry: {
            ...(attempts !== undefined && { attempts }),
            ...(retryAfter !== undefined && { afterSec: retryAfter / 1_000 }),
          },
        }
  return {
    place: (body, key) => place(client, { ...body, ...retry }, key),
    errand: async (id) => {
      try {
        return expectAnswer(errandAnswer, await client.json(`/api/v1/errands/${id}`))
      } catch (error) {
        if (isPassing(error)) return null
        throw error
      }
    },
  }
}

async function place(
  client: NodeClient,
  body: DialBody & { readonly retry?: object },
  key: string,
): Promise<DialAnswer> {
  try {
    const signal = AbortSignal.timeout(REQUEST_MS)
    const options = { method: 'POST', body, headers: { 'idempotency-key': key }, signal } as const
    const response = await client.request('/api/v1/calls', options)
    const { errand } = expectAnswer(placedAnswer, await response.json())
    return { kind: 'placed', errand, isNew: response.headers.get('idempotent-replayed') !== 'true' }
  } catch (error) {
    if (isPassing(error)) {
      const retryAfterMs = error instanceof RefusedError ? error.retryAfterMs : null
      return { kind: 'later', retryAfterMs, message: error instanceof Error ? error.message : String(error) }
    }
    if (error instanceof RefusedError && (error.status === 400 || error.status === 409))
      return { kind: 'refused', message: error.message }
    if (error instanceof RefusedError && error.status === 422) return { kind: 'refused', message: OTHERWISE }
    throw error
  }
}

/** All else that a request says is in its key. */
const OTHERWISE = 'an earlier run has placed it, with other --attempts or --retry-after'
const placedAnswer = z.object({ errand: z.string() })
const REQUEST_MS = 15_000

/** Whether the same may go better later: limits, a node that drains or is away, a request that took too long. */
function isPassing(error: unknown): boolean {
  if (error instanceof RefusedError) return error.status === 429 || error.status >= 500
  // The time was over while its answer came.
  if (error instanceof DOMException) return true
  return error instanceof CommandError && error.cause !== undefined
}

const COLUMNS = ['line', 'to', 'tenant', 'errand', 'state', 'outcome', 'calls', 'placed_before', 'message'] as const

/** Another file takes its place at once, so that nobody ever reads half of it. */
async function writeResults(file: string, results: readonly DialResult[]): Promise<void> {
  const rows = results.map(({ line, errand, state, attempts, isNew, message }) => [
    ...[String(line.line), line.body.to, line.body.tenant, errand ?? '', state],
    ...[attempts.at(-1)?.outcome ?? '', attempts.map(({ call }) => call).join(' '), isNew ? '' : 'yes', message ?? ''],
  ])
  await writeFile(`${file}.part`, [[...COLUMNS], ...rows].map(formatCsvLine).join(''), { mode: 0o600 })
  await rename(`${file}.part`, file)
}

function summaryOf(results: readonly DialResult[]) {
  const states: Record<string, number> = {}
  for (const { state } of results) states[state] = (states[state] ?? 0) + 1
  const placed = results.filter(({ errand }) => errand !== null)
  return {
    lines: results.length,
    placed: placed.length,
    placedBefore: placed.filter(({ isNew }) => !isNew).length,
    states,
  }
}

function inWords(results: readonly DialResult[]): string {
  const { lines, placed, placedBefore, states } = summaryOf(results)
  const told = Object.entries(states).map(([state, count]) => `${state} ${count}`)
  const before = placedBefore > 0 ? ` (${placedBefore} by an earlier run)` : ''
  return `${placed} of ${lines} placed${before}: ${told.join(', ')}`
}

async function tell(results: readonly DialResult[], isEnded: boolean, { json, wait }: DialOptions): Promise<void> {
  const summary = summaryOf(results)
  const refused = results.filter(({ state }) => state === 'refused')
  const isWhole = refused.length === 0 && summary.placed === results.length && !(isEnded && wait)
  if (!isWhole) process.exitCode = 1
  if (json === true) return printJson({ ...summary, ended: isEnded })
  for (const { line, message } of refused.slice(0, MAX_TOLD)) await print(`! line ${line.line}: ${message}\n`)
  await print(`${inWords(results)}\n`)
  if (isEnded) await print('Ended early. Run the same again to go on: nobody is called twice.\n')
}

function parseCps(text: string): number {
  const cps = /^\d{1,3}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (cps <= 0 || cps > MAX_CPS) throw new InvalidArgumentError(`A number above 0, at most ${MAX_CPS}.`)
  return cps
}

const parseWhole = (text: string, max: number): number => {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > max) throw new InvalidArgumentError(`A whole number from 1 to ${max}.`)
  return count
}

const parseMaxCalls = (text: string): number => parseWhole(text, MAX_CALLS)

const parseAttempts = (text: string): number => parseWhole(text, RETRY_LIMITS.attempts)

function parseRetryAfter(text: string): number {
  const ms = parseDurationMs(text) ?? 0
  if (ms < 1_000 || ms > RETRY_LIMITS.afterMs) throw new InvalidArgumentError('A duration from 1s to 1d, such as 10m.')
  return ms
}
