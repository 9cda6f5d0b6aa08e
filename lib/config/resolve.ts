import type * as z from 'zod'
import type { ListenAddress, SipAddress } from './addresses.ts'
import { type agent, DEFAULT_MODEL, OPENAI_BASE_URL } from './agents.ts'
import type { ConfigProblem } from './problem.ts'
import { CARRIER_DEFAULTS } from './profiles.ts'
import type { ParsedConfig } from './schema.ts'
import type { trunk } from './trunks.ts'

type DeepReadonly<T> = T extends string | number | boolean | bigint | symbol | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : { readonly [K in keyof T]: DeepReadonly<T[K]> }

/** A server of the realtime protocol that an agent may use. The local agent's address is known only while it runs. */
export type BackendConfig =
  | { readonly kind: 'local'; readonly renewBeforeMs: number; readonly probe: ProbeMode }
  | {
      readonly kind: 'openai' | 'azure' | 'custom'
      /** Without `/realtime`; `ws:` and `http:` only for loopback hosts. */
      readonly baseUrl: string
      readonly model: string
      readonly apiKey: string
      /** How long before its session limit a new session takes over. */
      readonly renewBeforeMs: number
      readonly probe: ProbeMode
    }

/** How a backend is probed: by a session that is opened and closed, by a connection alone, or not at all. */
export type ProbeMode = 'session' | 'connect' | 'none'

type ParsedAgent = z.output<typeof agent>
type BackendKeys = 'backend' | 'model' | 'apiKey' | 'url' | 'renewBeforeMs' | 'probe' | 'fallback'

/** An agent with its backends in the order in which they are tried. */
export type AgentConfig = DeepReadonly<Omit<ParsedAgent, BackendKeys>> & {
  readonly backends: readonly [BackendConfig, ...BackendConfig[]]
}

type ParsedTrunk = z.output<typeof trunk>

/** A trunk with everything decided that its profile, the node or `media` gives a default for. */
export type TrunkConfig = DeepReadonly<Omit<ParsedTrunk, 'ingress' | 'onDegraded' | 'follows3xx' | 'srtp'>> & {
  readonly ingress: SipAddress
  readonly onDegraded: 'redirect' | 'refuse' | 'accept'
  readonly follows3xx: boolean
  readonly srtp: 'off' | 'optional' | 'required'
}

/** Who this node is, with the address that others reach it at. */
export type NodeConfig = DeepReadonly<Omit<ParsedConfig['node'], 'address'>> & { readonly address: string }

/** The whole configuration of a node: checked, complete, frozen. Durations are milliseconds and say so in their names. */
export type Config = DeepReadonly<Omit<ParsedConfig, '$schema' | 'agents' | 'trunks' | 'node'>> & {
  readonly node: NodeConfig
  readonly agents: Readonly<Record<string, AgentConfig>>
  readonly trunks: readonly TrunkConfig[]
  /** What whoever starts a node should know: what the file asks for and this version does not do, or what can be read by others. */
  readonly notices: readonly ConfigProblem[]
}

export type StoreConfig = Config['store']
export type TenantConfig = Config['tenants'][number]

/** The environment as `app/config.ts` reads it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Fills in the defaults that one key takes from another, or from the environment. */
export function resolveConfig(parsed: ParsedConfig, env: Environment): Omit<Config, 'notices'> {
  const { $schema: _, agents, trunks, node, ...rest } = parsed
  return {
    ...rest,
    node: { ...node, address: addressOf(parsed) },
    agents: Object.fromEntries(Object.entries(agents).map(([name, agent]) => [name, resolveAgent(agent, env)])),
    trunks: trunks.map((trunk) => resolveTrunk(trunk, parsed)),
  }
}

/** The address that others reach the node at: what the file says, else that of its first SIP socket on one address. */
export function addressOf({ node, sip }: Pick<ParsedConfig, 'node' | 'sip'>): string {
  return node.address ?? sip.listen.find(isOnOneAddress)?.host ?? '127.0.0.1'
}

/** False for a socket on every address of the machine. */
export const isOnOneAddress = ({ host }: Pick<ListenAddress, 'host'>): boolean =>
  host !== '0.0.0.0' && !/^[0:]+$/.test(host)

const AZURE_RENEW_BEFORE_MS = 5 * 60_000
const RENEW_BEFORE_MS = 10 * 60_000

function resolveAgent(parsed: ParsedAgent, env: Environment): AgentConfig {
  const { backend, model, apiKey, url, renewBeforeMs, probe, fallback, ...rest } = parsed
  const first = resolveBackend({ backend, model, apiKey, url, renewBeforeMs, probe }, env)
  return { ...rest, backends: [first, ...fallback.map((next) => resolveBackend(next, env))] }
}

type ParsedBackend = Pick<ParsedAgent, Exclude<BackendKeys, 'fallback'>>

function resolveBackend(parsed: ParsedBackend, env: Environment): BackendConfig {
  const renewBeforeMs = parsed.renewBeforeMs ?? (parsed.backend === 'azure' ? AZURE_RENEW_BEFORE_MS : RENEW_BEFORE_MS)
  if (parsed.backend === 'local') return { kind: 'local', renewBeforeMs, probe: parsed.probe ?? 'connect' }
  return {
    kind: parsed.backend,
    baseUrl: realtimeBase(backendUrl(parsed, env)),
    model: parsed.model ?? DEFAULT_MODEL,
    apiKey: backendKey(parsed, env),
    renewBeforeMs,
    probe: parsed.probe ?? 'session',
  }
}

/** Where the backend is, by config, environment and default; empty where azure or custom name none (a problem). */
export function backendUrl({ backend, url }: Pick<ParsedBackend, 'backend' | 'url'>, env: Environment): string {
  if (url !== null) return url
  return backend === 'openai' ? env.OPENAI_BASE_URL || OPENAI_BASE_URL : ''
}

/** The key of a backend; empty where there is none. */
export function backendKey({ backend, apiKey }: Pick<ParsedBackend, 'backend' | 'apiKey'>, env: Environment): string {
  return apiKey ?? (backend === 'openai' ? (env.OPENAI_API_KEY ?? '') : '')
}

/** The base URL that a realtime client appends `/realtime?model=…` to; Azure's resource alone gets its GA path. */
function realtimeBase(url: string): string {
  const base = url
    .replace(/\?.*$/, '')
    .replace(/\/+$/, '')
    .replace(/\/realtime$/, '')
  return /^(?:https|wss):\/\/[^/]+\.openai\.azure\.com$/i.test(base) ? `${base}/openai/v1` : base
}

function resolveTrunk(parsed: ParsedTrunk, config: ParsedConfig): TrunkConfig {
  const { media, sip } = config
  // A trunk that is told to redirect is one whose carrier follows; the profile speaks where the file is silent.
  const follows3xx =
    parsed.follows3xx ?? (parsed.onDegraded === 'redirect' || CARRIER_DEFAULTS[parsed.profile].follows3xx)
  return {
    ...parsed,
    follows3xx,
    onDegraded: parsed.onDegraded ?? (follows3xx ? 'redirect' : 'refuse'),
    ingress: parsed.ingress ?? nodeIngress(addressOf(config), sip.listen[0]?.port ?? 0),
    srtp: parsed.srtp ?? media.srtp,
  }
}

/** Where callers reach this node: its address, and the port of its first SIP socket where that is not 5060 or any. */
function nodeIngress(address: string, listenPort: number): SipAddress {
  const port = listenPort === 0 || listenPort === 5060 ? null : listenPort
  const host = address.includes(':') ? `[${address}]` : address
  const text = port === null ? `sip:${host}` : `sip:${host}:${port}`
  return { text, scheme: 'sip', user: null, host: address, port, transport: null }
}
