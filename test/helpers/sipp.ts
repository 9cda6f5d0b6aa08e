import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './root.ts'
import { run } from './run.ts'

export interface SippOptions {
  readonly scenario: string
  /** `HOST:PORT` of the node. */
  readonly target: string
  readonly number: string
  /** The address that the caller sends from. */
  readonly from?: string
  readonly calls?: number
  readonly rate?: number
  readonly limit?: number
  /** So many callers, each of whom calls again when its call is over, instead of `rate` and `limit`. */
  readonly users?: number
  /** `-d`: how long a pause without its own length lasts. */
  readonly pauseMs?: number
  /** Words of the scenario of its own, `[name]`. */
  readonly keys?: Readonly<Record<string, string>>
  readonly rtpEcho?: boolean
  readonly tcp?: boolean
  readonly timeoutMs?: number
}

export interface SippResult {
  /** 0: every call went as the scenario says. */
  readonly code: number | null
  readonly successful: number
  readonly failed: number
  readonly retransmissions: number
  /** From the first call to the last, of this run. */
  readonly elapsedMs: number
  /** What SIPp said of messages that it did not expect. */
  readonly errors: string
}

/** Runs one of sipp-scenarios/ to its end, bounded in calls and time. */
export async function sipp(options: SippOptions): Promise<SippResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-sipp-'))
  const { calls = 1, rate = 10, limit = 100, pauseMs = 1_000, timeoutMs = 60_000, from = '127.0.0.1' } = options
  const args = [
    options.target,
    ...['-sf', join(ROOT, 'sipp-scenarios', `${options.scenario}.xml`), '-s', options.number],
    // Without a port of its own it takes 5060, where a node of whoever runs the tests may want to listen.
    ...[
      '-i',
      from,
      '-p',
      String(await (options.tcp === true ? freeTcpPort(from) : freeUdpPort(from))),
      '-mi',
      from,
      '-m',
      String(calls),
      ...(options.users === undefined ? ['-r', String(rate), '-l', String(limit)] : ['-users', String(options.users)]),
      '-d',
      String(pauseMs),
    ],
    ...['-timeout', `${Math.ceil(timeoutMs / 1000)}s`, '-timeout_error', '-nostdin', '-trace_err'],
    ...['-error_file', join(folder, 'errors'), '-trace_stat', '-stf', join(folder, 'stats'), '-fd', '1'],
    ...Object.entries(options.keys ?? {}).flatMap(([name, value]) => ['-key', name, value]),
    ...(options.rtpEcho ? ['-rtp_echo'] : []),
    ...(options.tcp ? ['-t', 't1'] : []),
  ]
  try {
    const { code } = await run('sipp', args, { timeoutMs: timeoutMs + 10_000 })
    const stats = lastRow(await readFile(join(folder, 'stats'), 'utf8').catch(() => ''))
    return {
      code,
      successful: Number(stats.get('SuccessfulCall(C)') ?? 0),
      failed: Number(stats.get('FailedCall(C)') ?? 0),
      retransmissions: Number(stats.get('Retransmissions(C)') ?? 0),
      elapsedMs: wallMsOf(stats.get('CurrentTime')) - wallMsOf(stats.get('StartTime')),
      errors: await readFile(join(folder, 'errors'), 'utf8').catch(() => ''),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function freeUdpPort(host: string): Promise<number> {
  const socket = createSocket('udp4').bind(0, host)
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>((resolve) => {
    socket.close(resolve)
  })
  return port
}

/** Below the ports that outgoing connections take: one of those could get the port before SIPp binds it. */
async function freeTcpPort(host: string): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, host, () => resolve(true))
    })
    if (!isFree) continue
    await new Promise<void>((resolve) => server.close(() => resolve()))
    return port
  }
  throw new Error(`no TCP port is free at ${host}`)
}

/** Its moments have three forms with tabs between them; the last one is seconds since 1970. */
const wallMsOf = (moment = ''): number => Number(moment.split('\t').at(-1)) * 1_000

/** SIPp's statistics are a CSV with `;`: the header, then a row a second, the last one being the sum. */
export function lastRow(csv: string): ReadonlyMap<string, string> {
  const lines = csv.trim().split('\n')
  const names = (lines[0] ?? '').split(';')
  const values = (lines.at(-1) ?? '').split(';')
  return new Map(names.map((name, i) => [name, values[i] ?? '']))
}
