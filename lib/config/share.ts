import { nodeId } from '../core/ids.ts'
import type { DrachtioChoice } from './engines.ts'
import type { AgentConfig, BackendConfig, Config } from './resolve.ts'

/** What the processes that handle the calls of one node share, beside the SIP server. */
export interface Common {
  /** Where the SIP server takes applications. */
  readonly sip: DrachtioChoice
  /** Where PostgreSQL is reached. */
  readonly postgresUrl: string
}

/**
 * One process's share of what a node may do, where `sip.workers` have its calls. The SIP server hands them out in turn, so each gets an
 * equal part, rounded up: of calls, of the limits of trunks and tenants, of RTP ports and media threads.
 *
 * @param index from 0, the node itself @param cores of the machine
 */
export function shareOf(config: Config, index: number, cores: number): Config {
  const { workers } = config.sip
  if (workers === 1) return config
  const part = (whole: number): number => Math.ceil(whole / workers)
  const limitsOf = <T extends { readonly limits: Limits }>(each: T): T => {
    const { channels, cps } = each.limits
    const limits = { channels: channels && part(channels), cps: cps && cps / workers }
    return { ...each, limits }
  }
  const { node, media, trunks, tenants } = config
  return {
    ...config,
    node: { ...node, maxCalls: node.maxCalls === 'auto' ? 'auto' : part(node.maxCalls) },
    media: {
      ...media,
      workers: part(media.workers === 'auto' ? cores : media.workers),
      rtpPorts: portsOf(media.rtpPorts, index, workers),
    },
    trunks: trunks.map(limitsOf),
    tenants: tenants.map(limitsOf),
  }
}

/**
 * The config of a further process of a node: an application of the node's SIP server, with a journal and an HTTP port of its own. The node
 * alone probes trunks; what it finds out is the fleet's verdict, which its processes go by.
 *
 * @param index from 1
 */
export function workerConfig(config: Config, index: number, cores: number, common: Common): Config {
  const share = shareOf(config, index, cores)
  const { node, sip, store, http } = share
  return {
    ...share,
    node: { ...node, id: workerId(config, index), dataDir: `${node.dataDir}/workers/${index}` },
    sip: { ...sip, engine: common.sip },
    store: { ...store, postgres: { kind: 'server', url: common.postgresUrl } },
    http: { ...http, listen: { host: http.listen.host, port: http.listen.port === 0 ? 0 : http.listen.port + index } },
    dns: null,
    trunks: share.trunks.map((trunk) => ({ ...trunk, probe: { ...trunk.probe, enabled: false } })),
    agents: Object.fromEntries(Object.entries(share.agents).map(([name, agent]) => [name, connectOnly(agent)])),
  }
}

/** Sessions that probe are opened by the node alone, however many processes it has. */
function connectOnly(agent: AgentConfig): AgentConfig {
  const [first, ...rest] = agent.backends
  const lighter = (backend: BackendConfig): BackendConfig =>
    backend.probe === 'session' ? { ...backend, probe: 'connect' } : backend
  return { ...agent, backends: [lighter(first), ...rest.map(lighter)] }
}

/** `east-1.w2` for the second process of `east-1`. */
const workerId = ({ node }: Config, index: number): Config['node']['id'] => nodeId(`${node.id}.w${index + 1}`)

/** A part of the range from an even port to an odd one, since RTP and RTCP take pairs. */
function portsOf({ from, to }: Ports, index: number, workers: number): Ports {
  const pairs = Math.floor((to + 1 - from) / 2)
  const first = Math.floor((pairs * index) / workers)
  const next = Math.floor((pairs * (index + 1)) / workers)
  return { from: from + 2 * first, to: from + 2 * next - 1 }
}

type Ports = Config['media']['rtpPorts']
type Limits = Config['tenants'][number]['limits']
