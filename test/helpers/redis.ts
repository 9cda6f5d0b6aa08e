import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { loopbackAddress } from './loopback.ts'
import { tempFolder } from './postgres.ts'
import { run } from './run.ts'
import { until } from './until.ts'

/** A redis-server of the test's own (Debian's package), on a loopback address of its own, which keeps nothing on disk. */
export interface TestRedis {
  readonly host: string
  readonly port: number
  readonly pid: number
  /** Ends the server at once, as `kill -9` does. */
  kill(): Promise<void>
  /** Brings an empty one back at the same address. */
  resume(): Promise<void>
  /** Stops it in the middle of whatever it does, and lets it go on: it is there, and does not answer. */
  freeze(): void
  thaw(): void
  /** What redis-cli prints. */
  cli(...args: readonly string[]): Promise<string>
  stop(): Promise<void>
}

export interface RedisOptions {
  /** Lines of its configuration. */
  readonly config?: readonly string[]
  /** Runs it as Sentinel. */
  readonly sentinel?: true
  /** Serve TLS only, with this certificate. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
  readonly host?: string
}

/** Whether Debian's package is installed. */
export const hasRedis = async (): Promise<boolean> =>
  (await run('redis-server', ['--version']).catch(() => null))?.code === 0

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const host = options.host ?? loopbackAddress()
  const port = await freePort(host)
  const folder = await tempFolder()
  const file = join(folder, 'redis.conf')
  const listen =
    options.tls === undefined
      ? [`port ${port}`]
      : [
          'port 0',
          `tls-port ${port}`,
          `tls-cert-file ${options.tls.certFile}`,
          `tls-key-file ${options.tls.keyFile}`,
          'tls-auth-clients no',
        ]
  const common = [`bind ${host}`, `bind-source-addr ${host}`, 'protected-mode no', `dir ${folder}`, 'daemonize no']
  const own = options.sentinel === true ? [] : ['save ""', 'appendonly no']
  await writeFile(file, [...listen, ...common, ...own, ...(options.config ?? [])].join('\n'))
  const args = options.sentinel === true ? [file, '--sentinel'] : [file]
  const tlsArgs = options.tls === undefined ? [] : ['--tls', '--insecure']
  const cli = async (...words: readonly string[]): Promise<string> =>
    (await run('redis-cli', ['-h', host, '-p', String(port), ...tlsArgs, ...words])).stdout.trim()

  let child: ChildProcess
  const start = async (): Promise<void> => {
    child = spawn('redis-server', args, { stdio: 'ignore' })
    await until(async () => /PONG|NOAUTH/.test(await cli('ping')), 'redis-server')
  }
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    host,
    port,
    get pid() {
      return child.pid ?? 0
    },
    kill,
    resume: start,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    cli,
    stop: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A master, its replica, and three Sentinels that watch them and know of each other, under the name `fleet`. */
export async function startRedisSentinels(): Promise<{
  readonly servers: readonly [TestRedis, TestRedis]
  readonly sentinels: readonly TestRedis[]
}> {
  const master = await startRedis()
  const replica = await startRedis({ config: [`replicaof ${master.host} ${master.port}`] })
  const config = [
    `sentinel monitor fleet ${master.host} ${master.port} 2`,
    'sentinel down-after-milliseconds fleet 500',
    'sentinel failover-timeout fleet 2000',
  ]
  const sentinels = await Promise.all([1, 2, 3].map(() => startRedis({ sentinel: true, config })))
  const knowsAll = async (sentinel: TestRedis): Promise<boolean> => {
    const master = await sentinel.cli('sentinel', 'master', 'fleet')
    const replicas = await sentinel.cli('sentinel', 'replicas', 'fleet')
    return /num-other-sentinels\n2\n/.test(master) && /master-link-status\nok\n/.test(replicas)
  }
  await until(async () => (await Promise.all(sentinels.map(knowsAll))).every(Boolean), 'the Sentinels', 30_000)
  return { servers: [master, replica], sentinels }
}

/** A Cluster of three masters without replicas, on one address. */
export async function startRedisCluster(): Promise<readonly TestRedis[]> {
  const host = loopbackAddress()
  // Less, and masters that a busy machine starves for a second take each other for dead.
  const config = ['cluster-enabled yes', 'cluster-config-file nodes.conf', 'cluster-node-timeout 3000']
  const nodes = await Promise.all([1, 2, 3].map(() => startRedis({ host, config })))
  const addresses = nodes.map((node) => `${node.host}:${node.port}`)
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes', '--cluster-replicas', '0'])
  // Each comes to know of the others by itself, and clients ask any of them whether the Cluster is whole.
  const isWhole = async (node: TestRedis): Promise<boolean> =>
    /cluster_state:ok/.test(await node.cli('cluster', 'info'))
  await until(async () => (await Promise.all(nodes.map(isWhole))).every(Boolean), 'the Cluster', 30_000)
  return nodes
}

/** A port that nobody listens on, for UDP none of ours matters; a Cluster's bus needs one 10000 above it too. */
async function freePort(host: string): Promise<number> {
  for (;;) {
    const server = await listen(host, 0)
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    server.close()
    await once(server, 'close')
    if (port < 50_000) return port
  }
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer().listen(port, host)
  await once(server, 'listening')
  return server
}
