import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import * as z from 'zod'
import type { EventLevel } from '../../lib/observe/event.ts'
import { EVENT_LEVELS } from '../../lib/observe/event-filter.ts'
import { formatEventFields } from '../../lib/observe/event-text.ts'
import { printable } from '../../lib/observe/printable.ts'
import { EVENT_STREAM_START, type ServerSentEvent, stepEventStream } from '../../lib/observe/server-sent-events.ts'
import { CommandError, NodeClient } from './client.ts'
import { paint, print } from './output.ts'

interface TailOptions {
  readonly call?: string
  readonly trunk?: string
  readonly tenant?: string
  readonly level?: EventLevel
  readonly json?: true
}

const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 5_000
/** A stream that says nothing at all for longer than two heartbeats is dead. */
const SILENCE_LIMIT_MS = 40_000

const LEVEL_STYLES = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const

const eventAnswer = z.looseObject({
  id: z.string(),
  at: z.string(),
  event: z.string(),
  node: z.string(),
  level: z.enum(EVENT_LEVELS),
  call: z.string().optional(),
  trunk: z.string().optional(),
  tenant: z.string().optional(),
})

/** `tandem tail`: the live log of the fleet. */
export function register(program: Command): void {
  program
    .command('tail')
    .description('follow the live log of the whole fleet')
    .option('--call <id>', 'only events of this call')
    .option('--trunk <id>', 'only events of this trunk')
    .option('--tenant <id>', 'only events of this tenant')
    .addOption(new Option('--level <level>', 'this level and all above it').choices(EVENT_LEVELS))
    .option('--json', 'one JSON object a line')
    .action((options: TailOptions) => tail(options))
}

async function tail(options: TailOptions): Promise<void> {
  const client = await NodeClient.fromEnvironment()
  const end = new AbortController()
  const stop = () => end.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    await new Tail(client, options, end.signal).run()
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** Follows one node's stream over as many connections as it takes, each going on where the one before ended. */
class Tail {
  private readonly client: NodeClient
  private readonly options: TailOptions
  private readonly end: AbortSignal
  private lastEventId = ''
  private connected = false
  private retryMs = FIRST_RETRY_MS

  constructor(client: NodeClient, options: TailOptions, end: AbortSignal) {
    this.client = client
    this.options = options
    this.end = end
  }

  async run(): Promise<void> {
    while (!this.end.aborted) {
      try {
        await this.connect()
      } catch (error) {
        if (this.end.aborted) return
        // The first connection must work: a wrong URL or key does not become right by trying again.
        if (!this.connected) throw error
        this.say(`${error instanceof Error ? error.message : String(error)}; trying again`)
      }
      await delay(this.retryMs, undefined, { signal: this.end }).catch(() => undefined)
      this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS)
    }
  }

  private async connect(): Promise<void> {
    const { call, trunk, tenant, level } = this.options
    const connection = new AbortController()
    const response = await this.client.request('/api/v1/events', {
      query: { call, trunk, tenant, level },
      headers: this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId },
      signal: AbortSignal.any([this.end, connection.signal]),
    })
    if (response.body === null) throw new CommandError('the node sends no events')
    if (this.connected) this.say('connected again')
    this.connected = true
    this.retryMs = FIRST_RETRY_MS
    const silence = setTimeout(() => connection.abort(new Error('the node has fallen silent')), SILENCE_LIMIT_MS)
    try {
      await this.read(response.body, () => silence.refresh())
    } finally {
      clearTimeout(silence)
      connection.abort()
    }
  }

  private async read(body: AsyncIterable<Uint8Array>, onData: () => void): Promise<void> {
    const decoder = new TextDecoder()
    let state = { ...EVENT_STREAM_START, lastEventId: this.lastEventId }
    for await (const chunk of body) {
      onData()
      const step = stepEventStream(state, decoder.decode(chunk, { stream: true }))
      state = step.state
      for (const message of step.events) await this.show(message)
      this.lastEventId = state.lastEventId
    }
    this.say('the node has ended the stream')
  }

  private async show({ name, data }: ServerSentEvent): Promise<void> {
    if (name !== 'message') return this.say(`${name === 'gap' ? 'events are missing here' : name}: ${data}`)
    if (this.options.json === true) return print(`${data}\n`)
    await print(`${formatEvent(data)}\n`)
  }

  private say(text: string): void {
    process.stderr.write(`tail: ${printable(text)}\n`)
  }
}

/** One event as a line for people; what is not one of ours is shown as it came. */
function formatEvent(data: string): string {
  const event = parseEvent(data)
  if (event === undefined) return printable(data)
  const { at, level, node, call, trunk, tenant } = event
  const places = Object.entries({ call, trunk, tenant }).filter(([, value]) => value !== undefined)
  return [
    paint('gray', `${at.slice(11, 23)}Z`),
    paint(LEVEL_STYLES[level], level.padEnd(5)),
    paint('bold', printable(event.event).padEnd(16)),
    ...places.map(([name, value]) => `${paint('gray', `${name}=`)}${printable(value ?? '')}`),
    printable(formatEventFields(event)),
    paint('gray', `@${printable(node)}`),
  ]
    .filter((part) => part !== '')
    .join(' ')
}

function parseEvent(data: string): z.output<typeof eventAnswer> | undefined {
  try {
    return eventAnswer.safeParse(JSON.parse(data)).data
  } catch {
    return undefined
  }
}
