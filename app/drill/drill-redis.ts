import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const PROGRAM = 'redis-server'
const PORT = 6379
const READY_WITHIN_MS = 10_000
const POLL_MS = 20

/** Whether this machine has Redis (Debian: the package `redis-server`). */
export const hasRedis = (): boolean => spawnSync(PROGRAM, ['--version']).status === 0

/** A Redis of a drill's own, which keeps nothing on disk, and can be killed. */
export class DrillRedis {
  readonly url: string
  readonly #host: string
  #child: ChildProcess | null = null
  readonly #onExit = (): void => void this.#child?.kill('SIGKILL')

  private constructor(host: string) {
    this.#host = host
    this.url = `redis://${host}:${PORT}`
    // Whatever ends this process takes it along.
    process.on('exit', this.#onExit)
  }

  /** Resolves when it takes connections at that loopback address. */
  static async start(host: string): Promise<DrillRedis> {
    const redis = new DrillRedis(host)
    try {
      await redis.resume()
    } catch (error) {
      await redis.close()
      throw error
    }
    return redis
  }

  /** An empty one, at the same address. */
  async resume(): Promise<void> {
    const listen = ['--bind', this.#host, '--port', String(PORT), '--protected-mode', 'no']
    const child = spawn(PROGRAM, [...listen, '--save', '', '--appendonly', 'no', '--dir', '/'], { stdio: 'ignore' })
    this.#child = child
    await once(child, 'spawn')
    const giveUpAtMs = performance.now() + READY_WITHIN_MS
    while (!(await accepts(this.#host))) {
      if (child.exitCode !== null || performance.now() > giveUpAtMs) throw new Error(`${PROGRAM} does not start`)
      await delay(POLL_MS)
    }
  }

  /** kill -9: what it held is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async close(): Promise<void> {
    await this.kill()
    process.off('exit', this.#onExit)
  }
}

function accepts(host: string): Promise<boolean> {
  const socket = connect(PORT, host)
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  }).then((accepted) => {
    socket.destroy()
    return accepted === true
  })
}
