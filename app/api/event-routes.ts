import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { NodeId } from '../../lib/core/ids.ts'
import { type EventFilter, matchesEvent } from '../../lib/observe/event-filter.ts'
import { formatLastEventId, parseEventId } from '../../lib/observe/event-id.ts'
import type { StreamItem } from '../observe/event-log.ts'
import { ApiError } from './errors.ts'
import { privateHeaders } from './hooks.ts'
import type { ApiOptions } from './options.ts'
import { eventsHeaders, eventsQuery } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const HEARTBEAT_MS = 15_000
const STALL_TIMEOUT_MS = 30_000
/** How soon a browser's EventSource comes back. */
const RETRY_MS = 1_000
const MAX_STREAMS = 200

/**
 * The live log as server-sent events (WHATWG HTML §9.2): one event's JSON a message. Two named messages stand beside
 * them, which an EventSource ignores unless told otherwise: `gap` (some events cannot be read now) and `cut` (this
 * reader was too slow; it comes back with its Last-Event-ID and has lost nothing).
 */
export function addEventRoutes(app: Api, options: ApiOptions): void {
  const streams = new Set<AbortController>()
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.abort()
  })
  const schema = {
    tags: ['events'],
    security: [{ key: [] }],
    summary: 'The live log of the fleet as server-sent events',
    querystring: eventsQuery,
    headers: eventsHeaders,
  }
  const route = { config: { role: 'viewer' } as const, schema, exposeHeadRoute: false }
  app.get('/api/v1/events', route, async (request, reply) => {
    if (streams.size >= MAX_STREAMS) {
      throw new ApiError('too-many-streams', `${MAX_STREAMS} event streams are open`, { 'retry-after': '5' })
    }
    const { lastEventId, call, trunk, tenant, level } = request.query
    const seen = request.headers['last-event-id'] ?? lastEventId
    const filter: EventFilter = {
      ...(call !== undefined && { call }),
      ...(trunk !== undefined && { trunk }),
      ...(tenant !== undefined && { tenant }),
      ...(level !== undefined && { level }),
    }
    reply.hijack()
    const end = new AbortController()
    streams.add(end)
    reply.raw.once('close', () => end.abort())
    try {
      await new EventStream(reply.raw, options, end.signal).run(seen, filter)
    } finally {
      streams.delete(end)
      end.abort()
    }
  })
}

/** One reader's stream. The reader's pace is the stream's: nothing is queued for it but what the socket holds. */
class EventStream {
  private readonly response: ServerResponse
  private readonly options: ApiOptions
  private readonly signal: AbortSignal
  /** The last event of each node that this reader has been told or that its filter left out. */
  private readonly seen = new Map<NodeId, number>()
  private toldId = ''

  constructor(response: ServerResponse, options: ApiOptions, signal: AbortSignal) {
    this.response = response
    this.options = options
    this.signal = signal
  }

  async run(seen: ReadonlyMap<NodeId, number> | undefined, filter: EventFilter): Promise<void> {
    for (const [node, sequence] of seen ?? this.options.events.latest) this.seen.set(node, sequence)
    this.response.on('error', () => this.response.destroy())
    this.response.writeHead(200, {
      ...privateHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    })
    // With the ids of the latest events, a reader that loses the connection before the first one misses nothing either.
    this.toldId = formatLastEventId(this.seen)
    this.response.write(`retry: ${RETRY_MS}\n${this.toldId === '' ? '' : `id: ${this.toldId}\n`}\n`)
    const heartbeat = setInterval(() => this.heartbeat(), this.options.heartbeatMs ?? HEARTBEAT_MS)
    try {
      for await (const item of this.options.events.follow(seen, this.signal)) {
        await this.send(item, filter)
      }
      this.response.end()
    } catch (error) {
      this.options.log.debug({ err: error }, 'an event stream was cut')
      this.response.destroy()
    } finally {
      clearInterval(heartbeat)
    }
  }

  private async send(item: StreamItem, filter: EventFilter): Promise<void> {
    if (item.kind !== 'event') {
      const { kind, ...data } = item
      return this.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)
    }
    this.remember(item.event.id)
    if (!matchesEvent(item.event, filter)) return
    this.toldId = formatLastEventId(this.seen)
    await this.write(`id: ${this.toldId}\ndata: ${JSON.stringify(item.event)}\n\n`)
  }

  private remember(text: string): void {
    const id = parseEventId(text)
    if (id !== undefined) this.seen.set(id.node, id.sequence)
  }

  /** A comment keeps the connection open; an id without data tells a filtered reader how far it has come. */
  private heartbeat(): void {
    if (this.response.writableNeedDrain) return
    const id = formatLastEventId(this.seen)
    this.response.write(id === this.toldId ? ': heartbeat\n\n' : `: heartbeat\nid: ${id}\n\n`)
    this.toldId = id
  }

  private async write(text: string): Promise<void> {
    if (this.response.write(text)) return
    const stalled = AbortSignal.timeout(this.options.stallTimeoutMs ?? STALL_TIMEOUT_MS)
    await once(this.response, 'drain', { signal: AbortSignal.any([this.signal, stalled]) })
  }
}
