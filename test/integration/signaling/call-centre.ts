import { KeyWrap } from '../../../app/key-wrap.ts'
import { createMetrics } from '../../../app/observe/metrics.ts'
import { Calls } from '../../../app/signaling/calls.ts'
import type { CallsOptions } from '../../../app/signaling/calls-options.ts'
import { EmbeddedSip } from '../../../app/signaling/embedded-sip.ts'
import { SipLink } from '../../../app/signaling/sip-link.ts'
import { embeddedStrangers } from '../../../app/signaling/strangers.ts'
import type { Journal } from '../../../app/store/port.ts'
import { TrunkPlan } from '../../../app/trunk/trunk-plan.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { nodeId } from '../../../lib/core/ids.ts'
import type { AttemptRecord, CallRow, TurnRecord } from '../../../lib/observe/call-record.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { routesOf } from '../../../lib/route/routes.ts'
import type { Peer } from '../../../lib/route/snapshot.ts'
import { memorySessions } from '../../helpers/memory-sessions.ts'
import { startEngine } from '../media/media-fixture.ts'
import { eventually } from '../sip-server/rig.ts'

export const NUMBER = '+12025550100'
/** Of a tenant with an SBC of its own, which is at 127.0.0.3 or knows the credentials. */
export const OFFICE = '+12025550101'

const CONFIG = `
sip: { retryAfter: { min: 7s, max: 7s } }
agents:
  keypad: { backend: local, instructions: none }
  screening: { backend: local, instructions: none }
trunks:
  - { id: carrier, sources: [127.0.0.1] }
groups:
  main: { mode: warm-standby, trunks: [carrier] }
tenants:
  - { id: clinic, group: main, numbers: ["${NUMBER}"], agent: keypad }
  - id: office
    group: main
    numbers: ["${OFFICE}"]
    agent: keypad
    host: sip.office.example
    credentials: { username: sbc, password: "let me in" }
    sources: [127.0.0.3]
    limits: { channels: 1 }
`

const NOT_SHARED: CallsOptions['liveCalls'] = {
  keep: () => ({ changed: () => {}, end: () => {}, leave: () => {} }),
}

/** Calls as a node has them, on a real SIP server and real media, with records in memory. */
export interface CallCentre {
  /** `127.0.0.1:port` of the SIP server, by UDP. */
  readonly address: string
  readonly sip: EmbeddedSip
  readonly calls: Calls
  readonly events: readonly EventDraft[]
  readonly turns: readonly TurnRecord[]
  /** The ordinals of `turns`. */
  readonly ordinals: readonly number[]
  readonly freePorts: () => number
  /** Impedes every new call while true. */
  full: boolean
  /** Other nodes that would serve a call. */
  readonly peers: Peer[]
  /** INVITEs that calls of ours were tried with. */
  readonly attempts: readonly AttemptRecord[]
  /** The record of a call, as soon as it has ended. */
  ended(sipCallId: string): Promise<CallRow>
  row(sipCallId: string): CallRow | undefined
  /** The records of all calls, the oldest first. */
  readonly rows: readonly CallRow[]
  /** Ends without a word to the far ends of its calls. */
  die(): Promise<void>
  close(): Promise<void>
}

/** What call centres wrap secrets of calls with, unless told otherwise. */
export const WRAP_KEY = Buffer.alloc(32, 7)

/** Finds each target where its URI says, by UDP. */
export const AS_WRITTEN: CallsOptions['locator'] = {
  locate: async (targets) =>
    targets.map((to) => ({ to, server: { transport: 'udp', host: to.host, port: to.port ?? 5_060 } })),
  failed: () => {},
  answered: () => {},
}

export interface CallCentreOptions {
  /** Instead of the usual one. */
  readonly config?: string
  /** Where trunks are, and what probes say of them; by default they are nowhere. */
  readonly locator?: CallsOptions['locator']
  readonly answers?: CallsOptions['answers']
  /** Where the entries of live calls go; by default nowhere. */
  readonly wrapKey?: Buffer
  /** The module of who talks; by default a keypad. */
  readonly talker?: URL
  /** By default there is none. */
  readonly router?: NonNullable<CallsOptions['router']>
  readonly liveCalls?: CallsOptions['liveCalls']
}

export async function callCentre(options: CallCentreOptions = {}): Promise<CallCentre> {
  const config = parseConfig(options.config ?? CONFIG, { env: {}, file: 'test.yaml' })
  if (!config.ok) throw new Error(JSON.stringify(config.error))
  const routes = routesOf(config.value, {
    id: 'a/0',
    kind: 'local',
    baseUrl: 'ws://127.0.0.1:1',
    model: 'none',
    apiKey: 'none',
    renewBeforeMs: 600_000,
  })
  const talker = options.talker ?? new URL('./keypad-talker.js', import.meta.url)
  const media = await startEngine({ agentTalkerModule: talker.href })
  const sip = await EmbeddedSip.start(
    {
      listen: ['udp:127.0.0.1:0'],
      tls: null,
      advertise: '127.0.0.1',
      userAgent: 'Tandem/test',
      onLost: () => {},
    },
    { allowAll: false, sources: routes.sources, hosts: [...routes.sbcAccounts.keys()], unknown: 'drop' },
  )
  const connected = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: sip.adminPort, secret: sip.secret }] })
  if (!connected.ok) throw connected.error
  const rows = new Map<string, CallRow>()
  const events: EventDraft[] = []
  const turns: TurnRecord[] = []
  const ordinals: number[] = []
  const attempts: AttemptRecord[] = []
  const metrics = createMetrics('test')
  const node = nodeId('test')
  const peers: Peer[] = []
  const journal = memoryJournal(rows, turns, ordinals, attempts)
  const sessions = await memorySessions({ node, journal, tenants: routes.tenants })
  const calls = new Calls({
    node,
    sessions,
    link: connected.value,
    media,
    journal,
    emit: (draft) => events.push(draft),
    routes,
    impediments: () => new Set(centre.full ? ['full' as const] : []),
    trunkStates: () => new Map(),
    region: 'here',
    address: '127.0.0.1',
    choice: {
      choose: async (_group, trunks) => {
        const order = trunks.map((trunk) => ({ trunk, role: 'regular' as const }))
        return new TrunkPlan({ feed: () => {} }, order, null)
      },
    },
    locator: options.locator ?? { locate: async () => [], failed: () => {}, answered: () => {} },
    answers: options.answers ?? (() => true),
    liveCalls: options.liveCalls ?? NOT_SHARED,
    keyWrap: new KeyWrap(options.wrapKey ?? WRAP_KEY),
    peers: () => peers,
    redirectExpiresMs: 30_000,
    onAudio: () => {},
    agents: { away: new Set() },
    strangers: embeddedStrangers(sip),
    recordings: {
      begin: () => {
        throw new Error('no tenant here is recorded')
      },
    },
    metrics,
    ...(options.router !== undefined && { router: options.router }),
  })
  const row = (sipCallId: string): CallRow | undefined =>
    [...rows.values()].find((each) => each.sip.callId === sipCallId)
  const centre: CallCentre = {
    address: sip.hostports[0]?.replace('udp/', '') ?? '',
    sip,
    calls,
    events,
    turns,
    ordinals,
    attempts,
    freePorts: () => media.freePorts,
    full: false,
    peers,
    row,
    get rows() {
      return [...rows.values()]
    },
    ended: (sipCallId) =>
      eventually(`the end of ${sipCallId}`, () => {
        const found = row(sipCallId)
        return found?.state === 'ended' && calls.count === 0 ? found : undefined
      }),
    die: async () => {
      await sip.close()
      await centre.close()
    },
    close: async () => {
      await calls.close()
      await sessions.close()
      connected.value.close()
      await sip.close()
      await media.close()
      metrics.close()
    },
  }
  return centre
}

function memoryJournal(
  rows: Map<string, CallRow>,
  turns: TurnRecord[],
  ordinals: number[],
  attempts: AttemptRecord[],
): Journal {
  return {
    event: (draft) => ({ level: 'info', ...draft, id: '', at: '', node: nodeId('test') }),
    call: (row) => void rows.set(row.id, row),
    attempt: (_id, _ordinal, attempt) => void attempts.push(attempt),
    turn: (_id, ordinal, turn) => {
      turns.push(turn)
      ordinals.push(ordinal)
    },
    session: () => {},
    item: () => {},
    sip: () => {},
    synced: async () => {},
    written: async () => {},
  }
}
