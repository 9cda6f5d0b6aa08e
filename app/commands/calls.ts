import { type Command, InvalidArgumentError } from 'commander'
import * as z from 'zod'
import { parseDurationMs } from '../../lib/config/units.ts'
import { callAnswer } from '../api/answers.ts'
import { MAX_CALLS_PER_PAGE } from '../api/schemas.ts'
import { expectAnswer, NodeClient } from './client.ts'
import { formatTable, print, printJson } from './output.ts'

type CallAnswer = z.output<typeof callAnswer>

interface CallsOptions {
  readonly active?: true
  readonly tenant?: string
  readonly trunk?: string
  readonly from?: string
  readonly to?: string
  readonly cause?: string
  readonly since?: Date
  readonly limit: number
  readonly json?: true
}

/** A page whose calls are passed on as they came, so that `--json` shows also what this version does not know. */
const callsPage = z.object({ calls: z.array(z.unknown()), next: z.string().nullable() })

const HEAD = ['STARTED', 'CALL', 'FROM', 'TO', 'TENANT', 'TRUNK', 'STATE', 'END', 'TALKED', 'MOS']
const DEFAULT_LIMIT = 50
const MAX_LIMIT = 100_000

/** `tandem calls`: the list of calls, newest first. */
export function register(program: Command): void {
  program
    .command('calls')
    .description('list calls, newest first')
    .option('--active', 'only calls that have not ended')
    .option('--tenant <id>', 'only calls of this tenant')
    .option('--trunk <id>', 'only calls over this trunk')
    .option('--from <number>', 'only calls from this number')
    .option('--to <number>', 'only calls to this number')
    .option('--cause <cause>', 'only calls that ended so, e.g. node-lost')
    .option('--since <time>', 'only calls since then: 1h, 30m, or an ISO 8601 time', parseSince)
    .option('--limit <count>', 'at most so many', parseLimit, DEFAULT_LIMIT)
    .option('--json', 'as JSON')
    .action((options: CallsOptions) => listCalls(options))
}

async function listCalls(options: CallsOptions): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const { calls, next } = await fetchCalls(client, options)
  if (options.json === true) return printJson({ calls, next })
  if (calls.length === 0) return print(nothingFound(options))
  await print(
    formatTable(
      HEAD,
      calls.map((call) => callRow(expectAnswer(callAnswer, call))),
    ),
  )
  if (next !== null) await print(`\nThere are more; --limit shows more than ${options.limit}.\n`)
}

function nothingFound({ active, tenant, trunk, from, to, cause, since }: CallsOptions): string {
  if ([tenant, trunk, from, to, cause, since].some((filter) => filter !== undefined)) return 'No call matches.\n'
  return active === true ? 'No call is active.\n' : 'No calls yet. Place one: ./tandem call\n'
}

/** As many pages as the limit needs; each call as the node sent it. */
async function fetchCalls(client: NodeClient, options: CallsOptions) {
  const { active, tenant, trunk, from, to, cause, since, limit } = options
  const filter = {
    active: active === true ? 'true' : undefined,
    tenant,
    trunk,
    from,
    to,
    cause,
    since: since?.toISOString(),
  }
  const calls: unknown[] = []
  let next: string | null = null
  do {
    const pageLimit = Math.min(limit - calls.length, MAX_CALLS_PER_PAGE)
    const query = { ...filter, limit: String(pageLimit), cursor: next ?? undefined }
    const page: unknown = await client.json('/api/v1/calls', { query })
    const { calls: found, next: cursor } = expectAnswer(callsPage, page)
    calls.push(...found)
    next = cursor
  } while (next !== null && calls.length < limit)
  return { calls, next }
}

function callRow(call: CallAnswer): string[] {
  return [
    formatTime(call.startedAt),
    call.id,
    call.from,
    call.to,
    call.tenant ?? '-',
    call.trunk ?? '-',
    call.state,
    call.end === null ? '-' : `${call.end.cause} by ${call.end.by}`,
    talked(call),
    call.media?.in.mos?.toFixed(1) ?? '-',
  ]
}

/** A moment as the commands show it: local time, to the second. */
export function formatTime(iso: string): string {
  const at = new Date(iso)
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** From the answer to the end, or to now. */
export function talked(call: CallAnswer): string {
  if (call.answeredAt === null) return '-'
  const endMs = call.endedAt === null ? Date.now() : Date.parse(call.endedAt)
  const seconds = Math.max(0, Math.round((endMs - Date.parse(call.answeredAt)) / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

function parseSince(text: string): Date {
  const agoMs = parseDurationMs(text)
  const atMs = agoMs === undefined ? Date.parse(text) : Date.now() - agoMs
  if (Number.isNaN(atMs)) throw new InvalidArgumentError('A duration such as 1h30m, or an ISO 8601 time.')
  return new Date(atMs)
}

function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_LIMIT) throw new InvalidArgumentError(`A number from 1 to ${MAX_LIMIT}.`)
  return limit
}
