import type { TrunkConfig } from '../../lib/config/resolve.ts'
import type { TrunkId } from '../../lib/core/ids.ts'
import { type ServerAddress, serverName } from '../../lib/sip/rfc3263.ts'
import type { Resolution, ServerLocator } from '../dns/server-locator.ts'

/** One address of a trunk that OPTIONS go to, or a URI that has none. */
export interface ProbedTarget {
  /** By which the trunk's health and the attempts of calls know it: `udp:192.0.2.1:5060`, or the URI without an address. */
  readonly name: string
  /** The request-URI. */
  readonly uri: string
  /** Null: DNS has none. */
  readonly server: ServerAddress | null
  /** Why there is no address. */
  readonly problem: string
}

export interface TrunkTargetsOptions {
  readonly locator: Pick<ServerLocator, 'resolve'>
  /** The targets of a trunk as DNS has them now, which may be those that it had before. */
  readonly onTargets: (trunk: TrunkId, names: readonly string[]) => void
}

interface Watched {
  readonly config: TrunkConfig
  timer: NodeJS.Timeout | undefined
  /** By name; before the first look-up is over there are none. */
  targets: ReadonlyMap<string, ProbedTarget>
  /** The first look-up. */
  readonly found: Promise<void>
}

/** Answers with shorter TTLs than this are asked for no earlier; timers of Node overflow at 2^31 ms. */
const WAIT_MS = { min: 1_000, max: 3_600_000 } as const

/**
 * Knows the addresses of every trunk, looked up as calls look them up (RFC 3263), and asks DNS anew when the shortest TTL among its
 * answers ends. While DNS does not answer, the last known addresses stay.
 */
export class TrunkTargets {
  readonly #options: TrunkTargetsOptions
  readonly #trunks = new Map<TrunkId, Watched>()

  constructor(options: TrunkTargetsOptions) {
    this.#options = options
  }

  /** From a config read anew: a trunk whose targets are the same is not asked for anew. */
  setTrunks(trunks: readonly TrunkConfig[]): void {
    const wanted = new Map(trunks.map((config) => [config.id, config]))
    for (const [id, { config }] of this.#trunks) if (!isSame(config, wanted.get(id))) this.#drop(id)
    for (const config of trunks) if (!this.#trunks.has(config.id)) this.#watch(config)
  }

  /** A target by its name, once the trunk's first look-up is over; undefined: it is none of the trunk's any more. */
  async find(id: TrunkId, name: string): Promise<ProbedTarget | undefined> {
    await this.#trunks.get(id)?.found
    return this.#trunks.get(id)?.targets.get(name)
  }

  close(): void {
    for (const id of [...this.#trunks.keys()]) this.#drop(id)
  }

  #drop(id: TrunkId): void {
    clearTimeout(this.#trunks.get(id)?.timer)
    this.#trunks.delete(id)
  }

  #watch(config: TrunkConfig): void {
    let onFound = (): void => undefined
    const found = new Promise<void>((resolve) => {
      onFound = resolve
    })
    const watched: Watched = { config, timer: undefined, targets: new Map(), found }
    this.#trunks.set(config.id, watched)
    void this.#look(watched).finally(onFound)
  }

  async #look(watched: Watched): Promise<void> {
    const { config } = watched
    const { locator, onTargets } = this.#options
    const found = await Promise.all(
      config.targets.map(async ({ uri }) => {
        const transport = uri.transport ?? config.transport
        return { uri, resolution: await locator.resolve({ ...uri, transport }) }
      }),
    )
    if (this.#trunks.get(config.id) !== watched) return
    const targets = found.flatMap(({ uri, resolution }) => targetsOf(uri, resolution))
    // The first URI that leads to an address asks it.
    watched.targets = new Map(targets.toReversed().map((target) => [target.name, target]))
    const untilMs = Math.min(...found.map(({ resolution }) => resolution.untilMs))
    if (untilMs < Number.POSITIVE_INFINITY) {
      const waitMs = Math.min(Math.max(untilMs - performance.now(), WAIT_MS.min), WAIT_MS.max)
      watched.timer = setTimeout(() => void this.#look(watched), waitMs)
    }
    onTargets(config.id, [...new Set(targets.map(({ name }) => name))])
  }
}

function targetsOf(
  { text, host }: { readonly text: string; readonly host: string },
  { servers, answered }: Resolution,
): readonly ProbedTarget[] {
  if (servers.length > 0) return servers.map((server) => ({ name: serverName(server), uri: text, server, problem: '' }))
  const problem = answered ? `DNS has no server of ${host} that this node can reach` : `DNS does not answer for ${host}`
  return [{ name: text, uri: text, server: null, problem }]
}

const isSame = (a: TrunkConfig, b: TrunkConfig | undefined): boolean =>
  b !== undefined && a.transport === b.transport && JSON.stringify(a.targets) === JSON.stringify(b.targets)
