import type { Bench, BenchReport } from '../../app/commands/bench.ts'
import { installPackages, missingOf } from '../../app/test-run/packages.ts'
import { Kamailio } from '../helpers/kamailio.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { cpuSecondsOf, postmasterOf } from '../helpers/process-tree.ts'
import { type SippResult, sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const ROUNDS = 5
const ROUND_SECONDS = 4
/** Callers at a time; each calls again as soon as it has its 302. */
const USERS = 50
const WARM_UP_CALLS = 4_000
const WRITTEN_WITHIN_MS = 120_000
const PACKAGES = ['sip-tester', 'kamailio']

/** One who answers 302. */
interface Server {
  readonly name: 'tandem' | 'kamailio' | 'kamailioStateful'
  readonly address: string
  /** CPU so far: of what answers, and of what keeps the records. */
  cpu(): { readonly seconds: number; readonly databaseSeconds: number }
  /** Resolves when nothing is left to do of what was answered. */
  settled(): Promise<void>
}

/** One server's share of a round. */
interface Heat {
  readonly perSecond: number
  readonly cpuUs: number
  readonly databaseCpuUs: number
  readonly sipp: SippResult
}

/** The same caller, in turn: our node with everything a 302 of ours takes, and Kamailio that answers from its script. */
export const bench: Bench = {
  description: `302 answers a second, beside Kamailio: ${USERS} callers at a time, ${ROUNDS} rounds of ${ROUND_SECONDS} s each`,
  async run(note): Promise<BenchReport> {
    const missing = missingOf(PACKAGES)
    if (missing.length > 0 && !installPackages(missing, note)) throw new Error(`missing: ${missing.join(', ')}`)
    const caller = loopbackAddress()
    const standby = loopbackAddress()
    const contact = `<sip:$rU@${standby}:5060;tandem-hop=1>;q=1.0;expires=30`
    const node = await TandemProcess.start({ config: tandemConfig(caller, standby) })
    const peers: Kamailio[] = []
    try {
      await degrade(node)
      // As many processes as our node has threads for this: the SIP server's and the application's.
      const kamailio = { caller, contact, children: 2 }
      for (const stateful of [false, true])
        peers.push(await Kamailio.start({ ...kamailio, address: loopbackAddress(), stateful }))
      const [stateless, stateful] = peers
      if (stateless === undefined || stateful === undefined) throw new Error('no Kamailio to compare with')
      const servers = [tandemServer(node), peer('kamailio', stateless), peer('kamailioStateful', stateful)]
      const heats = await race(servers, caller, note)
      return report(heats, await Kamailio.version(), droppedRecords(node.output))
    } finally {
      await Promise.all(peers.map((each) => each.stop()))
      await node.stop()
    }
  },
}

/** Calls of `alpha` are sent to our ingress on `beta` while alpha is degraded. */
const tandemConfig = (caller: string, standby: string): Record<string, unknown> => ({
  trunks: [
    { id: 'alpha', sources: [caller], probe: { enabled: false } },
    { id: 'beta', sources: [standby], ingress: `sip:${standby}:5060`, probe: { enabled: false } },
  ],
  groups: { us: { trunks: ['alpha', 'beta'] } },
  tenants: [{ id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake' }],
})

async function degrade(node: TandemProcess): Promise<void> {
  const order = { state: 'failed', reason: 'bench redirect' }
  await node.put('/api/v1/trunks/alpha/override', order)
}

function tandemServer(node: TandemProcess): Server {
  const journal = /^tandem_journal_depth\{[^}]*\} 0$/m
  return {
    name: 'tandem',
    address: node.address,
    cpu: () => ({
      seconds: cpuSecondsOf([node.pid]),
      databaseSeconds: cpuSecondsOf([postmasterOf(node.dataDir)]),
    }),
    settled: () =>
      until(async () => journal.test(await node.metrics()), 'the records to be written', WRITTEN_WITHIN_MS),
  }
}

const peer = (name: Server['name'], { address, pid }: Kamailio): Server => ({
  name,
  address,
  cpu: () => ({ seconds: cpuSecondsOf([pid]), databaseSeconds: 0 }),
  settled: () => Promise.resolve(),
})

/** In each round every server has its heat, so that whatever else the machine does meets all of them. */
async function race(
  servers: readonly Server[],
  caller: string,
  note: (line: string) => void,
): Promise<ReadonlyMap<Server['name'], readonly Heat[]>> {
  const heats = new Map<Server['name'], Heat[]>()
  const counts = new Map<Server['name'], number>()
  for (const server of servers) {
    const { perSecond } = await heat(server, caller, WARM_UP_CALLS)
    counts.set(server.name, Math.max(WARM_UP_CALLS, Math.round(perSecond * ROUND_SECONDS)))
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const server of servers) {
      const result = await heat(server, caller, counts.get(server.name) ?? WARM_UP_CALLS)
      heats.set(server.name, [...(heats.get(server.name) ?? []), result])
      const { perSecond, cpuUs, databaseCpuUs } = result
      const database = databaseCpuUs === 0 ? '' : ` and ${databaseCpuUs} µs of the database`
      note(`round ${round}: ${server.name} ${Math.round(perSecond)} a second, ${cpuUs} µs CPU each${database}`)
    }
  }
  return heats
}

async function heat(server: Server, caller: string, calls: number): Promise<Heat> {
  const before = server.cpu()
  const target = `${server.address}:5060`
  const result = await sipp({
    scenario: 'uac-redirected',
    target,
    number: NUMBER,
    from: caller,
    calls,
    users: USERS,
    timeoutMs: 120_000,
  })
  if (result.successful === 0) throw new Error(`no call came through to ${server.name}: ${result.errors}`)
  await server.settled()
  const after = server.cpu()
  const each = (seconds: number): number => Math.round((seconds * 1_000_000) / Math.max(1, result.successful))
  return {
    perSecond: (result.successful * 1_000) / result.elapsedMs,
    cpuUs: each(after.seconds - before.seconds),
    databaseCpuUs: each(after.databaseSeconds - before.databaseSeconds),
    sipp: result,
  }
}

/** Records that the node gave up because it could not write them as fast as they came; it says so in its log. */
function droppedRecords(output: string): number {
  return Number([...output.matchAll(/(\d+) entries dropped/g)].at(-1)?.[1] ?? 0)
}

function report(
  heats: ReadonlyMap<Server['name'], readonly Heat[]>,
  kamailioVersion: string,
  dropped: number,
): BenchReport {
  const of = (name: Server['name'], read: (heat: Heat) => number): readonly number[] =>
    (heats.get(name) ?? []).map(read)
  const ours = (read: (heat: Heat) => number) => of('tandem', read)
  const ratio = (over: Server['name'], read: (heat: Heat) => number): readonly number[] =>
    ours(read).map((value, round) => value / (of(over, read)[round] ?? Number.NaN))
  const rate = (heat: Heat): number => heat.perSecond
  const cpu = (heat: Heat): number => heat.cpuUs
  const all = [...heats.values()].flat()
  const figures = {
    ...spread('tandemPerSecond', ours(rate)),
    ...spread('kamailioPerSecond', of('kamailio', rate)),
    ...spread('kamailioStatefulPerSecond', of('kamailioStateful', rate)),
    ...spread('rateToKamailio', ratio('kamailio', rate)),
    ...spread('rateToKamailioStateful', ratio('kamailioStateful', rate)),
    ...spread('tandemCpuUs', ours(cpu)),
    ...spread(
      'tandemDatabaseCpuUs',
      ours((heat) => heat.databaseCpuUs),
    ),
    ...spread('kamailioCpuUs', of('kamailio', cpu)),
    ...spread('kamailioStatefulCpuUs', of('kamailioStateful', cpu)),
    ...spread('cpuToKamailio', ratio('kamailio', cpu)),
    ...spread('cpuToKamailioStateful', ratio('kamailioStateful', cpu)),
    failed: all.reduce((sum, { sipp }) => sum + sipp.failed, 0),
    tandemRetransmissions: sum(ours(({ sipp }) => sipp.retransmissions)),
    kamailioRetransmissions: sum(of('kamailio', ({ sipp }) => sipp.retransmissions)),
    kamailioStatefulRetransmissions: sum(of('kamailioStateful', ({ sipp }) => sipp.retransmissions)),
    answers: all.reduce((sum, { sipp }) => sum + sipp.successful, 0),
    tandemDroppedRecords: dropped,
    kamailioVersion,
  }
  const ok = all.every(({ sipp }) => sipp.code === 0) && figures.tandemRetransmissions === 0 && dropped === 0
  return { ok, figures }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Median, least and greatest of a figure. */
function spread(name: string, values: readonly number[]): Record<string, number> {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => round(sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN)
  return { [`${name}Median`]: at(0.5), [`${name}Min`]: at(0), [`${name}Max`]: at(1) }
}

/** Three digits that say something. */
const round = (value: number): number => Number(value.toPrecision(3))
