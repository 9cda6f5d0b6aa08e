import { EVENT_STREAM_START, type ServerSentEvent, stepEventStream } from '../../../lib/observe/server-sent-events.ts'

/** A reader of server-sent events for tests: takes them one by one, and can stop in the middle. */
export class EventReader {
  readonly response: Response
  private readonly end: AbortController
  private readonly chunks: AsyncIterator<Uint8Array>
  private readonly decoder = new TextDecoder()
  private state = EVENT_STREAM_START
  private queue: ServerSentEvent[] = []

  private constructor(response: Response, end: AbortController) {
    if (response.body === null) throw new Error('no body')
    this.response = response
    this.end = end
    this.chunks = response.body[Symbol.asyncIterator]()
  }

  static async open(url: string, headers: Record<string, string>): Promise<EventReader> {
    const end = new AbortController()
    return new EventReader(await fetch(url, { headers, signal: end.signal }), end)
  }

  get lastEventId(): string {
    return this.state.lastEventId
  }

  /** The next message; undefined where the stream has ended. */
  async next(): Promise<ServerSentEvent | undefined> {
    while (this.queue.length === 0) {
      const chunk = await this.chunks.next()
      if (chunk.done === true) return undefined
      const step = stepEventStream(this.state, this.decoder.decode(chunk.value, { stream: true }))
      this.state = step.state
      this.queue.push(...step.events)
    }
    return this.queue.shift()
  }

  /** The field `n` of the next `count` events. */
  async numbers(count: number): Promise<number[]> {
    const numbers: number[] = []
    while (numbers.length < count) {
      const message = await this.next()
      if (message === undefined) throw new Error(`the stream ended after ${numbers.length} events`)
      const { n }: { n: number } = JSON.parse(message.data)
      numbers.push(n)
    }
    return numbers
  }

  async close(): Promise<void> {
    this.end.abort()
    // The iterator rejects as the request was aborted: that is what was asked for.
    await this.chunks.return?.().catch(() => undefined)
  }
}
