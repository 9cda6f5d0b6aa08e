import { EVENT_STREAM_START, stepEventStream } from '../../lib/observe/server-sent-events.ts'

const REQUEST_TIMEOUT_MS = 15_000

/** The HTTP API of a demo node, as a client outside uses it. */
export class NodeApi {
  readonly url: string
  readonly key: string

  constructor(url: string, key: string) {
    this.url = url
    this.key = key
  }

  /** The JSON of the answer, unchecked. Rejects with the words of the node where it refuses. */
  async json(path: string, request: { readonly method?: string; readonly body?: unknown } = {}): Promise<unknown> {
    const { method = 'GET', body } = request
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...this.#authorization(), ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    const answer: unknown = JSON.parse(text)
    return answer
  }

  /**
   * The live log: resolves when it is followed. `onEvent` gets the JSON text of each event, of every node of the fleet;
   * `onEnd` hears that the stream is over though `signal` has not ended it.
   */
  async follow(onEvent: (json: string) => void, onEnd: (error: unknown) => void, signal: AbortSignal): Promise<void> {
    const response = await fetch(`${this.url}/api/v1/events`, { headers: this.#authorization(), signal })
    if (!response.ok || response.body === null) throw new Error(`${this.url}/api/v1/events: ${response.status}`)
    void this.#read(response.body, onEvent).then(
      () => signal.aborted || onEnd(new Error('the node has ended the stream')),
      (error: unknown) => signal.aborted || onEnd(error),
    )
  }

  async #read(body: AsyncIterable<Uint8Array>, onEvent: (json: string) => void): Promise<void> {
    const decoder = new TextDecoder()
    let state = EVENT_STREAM_START
    for await (const chunk of body) {
      const step = stepEventStream(state, decoder.decode(chunk, { stream: true }))
      state = step.state
      for (const { name, data } of step.events) if (name === 'message') onEvent(data)
    }
  }

  #authorization(): Record<string, string> {
    return { authorization: `Bearer ${this.key}` }
  }
}
