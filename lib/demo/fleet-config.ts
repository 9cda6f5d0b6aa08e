/** The config of the nodes that demo and drills run: as a user would write it, with the defaults wherever nothing else is said. */

/** A trunk to a simulated carrier. */
export interface DemoTrunk {
  readonly id: string
  /** Where the carrier takes calls and sends them from, `sip:HOST:PORT`. */
  readonly uri: string
  /** Further keys of the trunk, as a config file has them. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface DemoNodePlace {
  readonly id: string
  /** SIP, HTTP and RTP are there. */
  readonly address: string
  readonly dataDir: string
}

export interface DemoFleetPlan {
  readonly nodes: readonly DemoNodePlace[]
  /** In the order of the group, the preferred first. */
  readonly trunks: readonly DemoTrunk[]
  readonly postgresUrl: string
  /** Where the shared state is in Redis. */
  readonly redisUrl?: string | undefined
  /** In place of the local agent of each node: the keys of an agent, as a config file has them. */
  readonly agent?: Readonly<Record<string, unknown>> | undefined
  /** The one key of the API, of role admin. */
  readonly apiKey: string
}

/** The number that callers dial. */
export const DEMO_NUMBER = '+12025550100'
export const DEMO_TENANT = 'clinic'
export const DEMO_HTTP_PORT = 8080
export const DEMO_SIP_PORT = 5060

const GREETING = 'Hello, this is the clinic. How can I help?'

/** The config of one node. Callers of the first trunk reach the first node, those of the second trunk the second, and so on. */
export function demoNodeConfig(node: DemoNodePlace, plan: DemoFleetPlan): Readonly<Record<string, unknown>> {
  const { id, address, dataDir } = node
  const backends = plan.agent ?? { backend: 'local' }
  const ingressOf = (i: number): string => plan.nodes[i % plan.nodes.length]?.address ?? address
  return {
    node: { id, address, dataDir, drainTimeout: '5s' },
    sip: { listen: [`udp:${address}:${DEMO_SIP_PORT}`, `tcp:${address}:${DEMO_SIP_PORT}`] },
    http: { listen: `${address}:${DEMO_HTTP_PORT}`, keys: [{ name: 'demo', key: plan.apiKey, role: 'admin' }] },
    store: { postgres: plan.postgresUrl, ...(plan.redisUrl !== undefined && { redis: plan.redisUrl }) },
    agents: { desk: { instructions: 'You answer the phone of a clinic.', greeting: GREETING, ...backends } },
    trunks: plan.trunks.map((trunk, i) => ({
      id: trunk.id,
      sources: [hostOf(trunk.uri)],
      targets: [{ uri: trunk.uri }],
      ingress: `sip:${ingressOf(i)}:${DEMO_SIP_PORT}`,
      follows3xx: true,
      ...trunk.settings,
    })),
    groups: { carriers: { mode: 'warm-standby', trunks: plan.trunks.map((trunk) => trunk.id) } },
    tenants: [{ id: DEMO_TENANT, group: 'carriers', numbers: [DEMO_NUMBER], agent: 'desk' }],
  }
}

const hostOf = (uri: string): string => uri.replace(/^sips?:/, '').replace(/:\d+$/, '')
