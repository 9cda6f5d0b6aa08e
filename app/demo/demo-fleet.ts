import { randomBytes, randomInt } from 'node:crypto'
import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  DEMO_SIP_PORT,
  type DemoFleetPlan,
  type DemoNodePlace,
  type DemoTrunk,
  demoNodeConfig,
} from '../../lib/demo/fleet-config.ts'
import { Parts } from '../parts.ts'
import { DemoNode } from './demo-node.ts'
import { DemoPostgres } from './demo-postgres.ts'

export interface DemoFleetOptions {
  readonly addresses: DemoAddresses
  readonly trunks: readonly DemoTrunk[]
  /** Where the shared state is in Redis; else it is in PostgreSQL. */
  readonly redisUrl?: string | undefined
  readonly onProgress: (step: string) => void
  /** Ends the start early: it then rejects, with everything stopped again. */
  readonly signal?: AbortSignal
}

/** Loopback addresses, on which the usual ports are free. */
export interface DemoAddresses {
  /** Of the nodes. */
  readonly nodes: readonly [string, string]
  /** Of the simulated carriers. */
  readonly carriers: readonly [string, string]
}

const NODE_IDS = ['east', 'west'] as const

/** Addresses that neither a running `tandem start` nor another demo has. */
export function demoAddresses(): DemoAddresses {
  const network = `127.${randomInt(64, 128)}.${randomInt(1, 255)}`
  return { nodes: [`${network}.1`, `${network}.2`], carriers: [`${network}.11`, `${network}.12`] }
}

/** Two nodes, each a process of its own, on one embedded PostgreSQL, in a folder that goes with them. */
export class DemoFleet {
  readonly nodes: readonly [DemoNode, DemoNode]
  readonly postgres: DemoPostgres
  readonly #plan: DemoFleetPlan
  readonly #parts: Parts

  private constructor(nodes: readonly [DemoNode, DemoNode], postgres: DemoPostgres, plan: DemoFleetPlan, parts: Parts) {
    this.nodes = nodes
    this.postgres = postgres
    this.#plan = plan
    this.#parts = parts
  }

  /** Resolves when both nodes are ready for calls. Rejects with everything stopped where one fails. */
  static async start(options: DemoFleetOptions): Promise<DemoFleet> {
    const { onProgress } = options
    const parts = new Parts((part, error) => onProgress(`${part} did not stop: ${String(error)}`))
    try {
      return await DemoFleet.#start(options, parts)
    } catch (error) {
      await parts.close()
      throw error
    }
  }

  static async #start(options: DemoFleetOptions, parts: Parts): Promise<DemoFleet> {
    const { addresses, trunks, redisUrl, onProgress, signal } = options
    const folder = await mkdtemp(join(tmpdir(), 'tandem-demo-'))
    parts.add('folder', () => removeFolder(folder))
    // PostgreSQL runs as `nobody` where we are root, and has to get in.
    await chmod(folder, 0o755)
    onProgress('starting PostgreSQL')
    const postgres = await DemoPostgres.start(folder)
    parts.add('PostgreSQL', () => postgres.stop())
    signal?.throwIfAborted()
    const places = addresses.nodes.map((address, i): DemoNodePlace => {
      const id = NODE_IDS[i] ?? `node-${i}`
      return { id, address, dataDir: join(folder, id) }
    })
    const apiKey = randomBytes(16).toString('hex')
    const plan: DemoFleetPlan = { nodes: places, trunks, postgresUrl: postgres.url, redisUrl, apiKey }
    onProgress('starting two nodes')
    const [first, second] = await startNodes(plan, parts)
    if (first === undefined || second === undefined) throw new Error('a demo has two nodes')
    signal?.throwIfAborted()
    return new DemoFleet([first, second], postgres, plan, parts)
  }

  /** Where a carrier's calls go: the ingress of its trunk. */
  ingress(trunk: number): string {
    return `${this.#plan.nodes[trunk % this.#plan.nodes.length]?.address}:${DEMO_SIP_PORT}`
  }

  /** Gives every node other trunks, and an agent, while it runs; they say `config.reloaded` when they have them. */
  async reconfigure(changes: Pick<DemoFleetPlan, 'trunks' | 'agent'>): Promise<void> {
    await Promise.all(this.nodes.map((node, i) => node.writeConfig(this.#configOf(i, changes))))
  }

  /** Stops nodes and database and removes their folder. Never rejects. */
  close(): Promise<void> {
    return this.#parts.close()
  }

  #configOf(i: number, changes: Pick<DemoFleetPlan, 'trunks' | 'agent'>): Readonly<Record<string, unknown>> {
    const place = this.#plan.nodes[i]
    return place === undefined ? {} : demoNodeConfig(place, { ...this.#plan, ...changes })
  }
}

/** Both at once; where one does not start, the other is stopped too. */
async function startNodes(plan: DemoFleetPlan, parts: Parts): Promise<readonly DemoNode[]> {
  const started = await Promise.allSettled(
    plan.nodes.map(async (place) => {
      await mkdir(place.dataDir, { recursive: true })
      return DemoNode.start(place, demoNodeConfig(place, plan), plan.apiKey)
    }),
  )
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  // One part, so that they end side by side: each waits for its own last calls.
  parts.add('nodes', async () => void (await Promise.all(nodes.map((node) => node.close()))))
  const failed = started.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return nodes
}

/** The database's data stand outside where `nobody` cannot reach our folder: what the link points to goes as well. */
async function removeFolder(folder: string): Promise<void> {
  const data = await realpath(join(folder, 'postgres')).catch(() => null)
  if (data !== null && !data.startsWith(await realpath(folder))) {
    await rm(dirname(data), { recursive: true, force: true })
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}
