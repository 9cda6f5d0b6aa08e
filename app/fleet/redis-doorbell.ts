import type { RedisClient } from './redis-client.ts'
import type { Unsubscribe } from './shared-state.ts'

type Listener = (message: unknown) => void

/** Hears what any node rings, over a connection of its own. Whoever owns it calls `resubscribe` until that succeeds. */
export class RedisDoorbell {
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #listeners = new Map<string, Set<Listener>>()
  /** Channels that the present connection has asked for. */
  readonly #asked = new Set<string>()

  constructor(client: RedisClient, prefix: string) {
    this.#client = client
    this.#prefix = prefix
    client.on('message', (channel: string, text: string) => this.#deliver(channel, text))
    client.on('close', () => this.#asked.clear())
  }

  /** Resolves when rings are heard, or cannot be now: then `resubscribe` sees to it. */
  async subscribe(channel: string, listener: Listener): Promise<Unsubscribe> {
    const own = (message: unknown): void => listener(message)
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(own))
    await this.#ask([channel]).catch(() => undefined)
    return async () => {
      listeners.delete(own)
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return
      this.#listeners.delete(channel)
      if (this.#asked.delete(channel)) await this.#client.unsubscribe(this.#prefix + channel).catch(() => undefined)
    }
  }

  /** Asks for every channel that the present connection has not been asked for; rejects where that fails. */
  async resubscribe(): Promise<void> {
    await this.#ask([...this.#listeners.keys()].filter((channel) => !this.#asked.has(channel)))
  }

  async #ask(channels: readonly string[]): Promise<void> {
    if (channels.length === 0) return
    for (const channel of channels) this.#asked.add(channel)
    try {
      await this.#client.subscribe(...channels.map((channel) => this.#prefix + channel))
    } catch (error) {
      for (const channel of channels) this.#asked.delete(channel)
      throw error
    }
  }

  #deliver(name: string, text: string): void {
    const message = parseMessage(text)
    if (message === undefined) return
    for (const listener of this.#listeners.get(name.slice(this.#prefix.length)) ?? []) {
      try {
        listener(message)
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }
}

/** Undefined for what nobody of ours sent: any client of Redis may publish. */
function parseMessage(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
