import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type LocalAgent, startLocalAgent } from '../../app/agent/local/local-agent.ts'
import { configured, ScriptedRealtime } from '../helpers/scripted-realtime.ts'
import { GREETING, NUMBER } from '../helpers/tandem-process.ts'

/** What a backend sends that is no event, has no sense, or is too much. */
const RAVINGS: readonly (string | Buffer)[] = [
  'not JSON',
  '{"type":"constructor"}',
  '{"type":"response.output_audio.delta","delta":42}',
  '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","output_index":-1,"content_index":1e99,"delta":"%%%"}',
  '{"type":"response.done","response":null}',
  '[]',
  'null',
  '{"type":"error"}',
  `{"type":"response.created","response":{"id":"${'x'.repeat(100_000)}"}}`,
  Buffer.from([0, 255, 254, 1]),
]

/** Agents that each fail in a way of their own, and the number that reaches each. */
export const NUMBERS = {
  /** Well behaved. */
  good: NUMBER,
  /** Well behaved, for calls that are not. */
  bent: '+12025550118',
  /** Takes so long to be ready that a caller can give up. */
  slow: '+12025550110',
  /** The tool never answers. */
  hangingTool: '+12025550111',
  /** The tool answers bytes without end. */
  floodingTool: '+12025550112',
  /** The socket is cut in the middle of a sentence. */
  drops: '+12025550113',
  /** The socket stays open and nothing comes any more. */
  stalls: '+12025550114',
  /** Anything but events of the protocol. */
  raves: '+12025550115',
  /** A message beyond all limits. */
  floods: '+12025550116',
  /** Closes with an error code. */
  closes: '+12025550117',
} as const

/** Everything outside of the node that fails: agents, and the tools of agents. */
export interface HostileWorld {
  /** For the node's config. */
  readonly config: Readonly<Record<string, unknown>>
  /** Tool calls that are waiting for an answer. */
  readonly waiting: ReadonlySet<ServerResponse>
  close(): Promise<void>
}

export async function startHostileWorld(): Promise<HostileWorld> {
  const waiting = new Set<ServerResponse>()
  const tools = createServer((request, response) => {
    if (request.url === '/hangs') {
      waiting.add(response)
      response.on('close', () => waiting.delete(response))
    } else {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x80)));
      }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.on('drain', more)
      response.on('error', () => undefined)
      more()
    }
  }).listen(0, '127.0.0.1')
  await once(tools, 'listening')
  const address = tools.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const faulty = await startLocalAgent({ apiKey: 'key' })
  const raving = await ScriptedRealtime.start(
    configured((event, socket) => {
      if (event.type === 'response.create') for (const frame of RAVINGS) socket.send(frame)
    }),
  )
  const flooding = await ScriptedRealtime.start(
    configured((event, socket) => {
      if (event.type === 'response.create') socket.send(`{"type":"${'x'.repeat(64 * 1024 * 1024)}"}`)
    }),
  )
  return {
    config: { ...agentsOf(faulty, raving, flooding, port) },
    waiting,
    close: async () => {
      tools.close()
      tools.closeAllConnections()
      await Promise.all([faulty.close(), raving.close(), flooding.close()])
    },
  }
}

function agentsOf(faulty: LocalAgent, raving: ScriptedRealtime, flooding: ScriptedRealtime, toolPort: number) {
  const custom = (baseUrl: string, faults = '') => ({
    backend: 'custom',
    url: `${baseUrl}/realtime`,
    model: `any${faults}`,
    apiKey: 'key',
    greeting: GREETING,
    reconnectFor: '1s',
  })
  const withTool = (path: string) => ({
    backend: 'local',
    greeting: GREETING,
    tools: [{ name: 'lookup', description: 'Find a patient', url: `http://127.0.0.1:${toolPort}${path}` }],
  })
  const agents: Record<keyof typeof NUMBERS, object> = {
    good: { backend: 'local', greeting: GREETING },
    bent: { backend: 'local', greeting: GREETING },
    slow: custom(faulty.baseUrl, ';handshakeDelayMs=1000'),
    hangingTool: withTool('/hangs'),
    floodingTool: withTool('/floods'),
    drops: custom(faulty.baseUrl, ';dropAfterDeltas=2'),
    stalls: custom(faulty.baseUrl, ';stallAfterDeltas=2'),
    raves: custom(raving.baseUrl),
    floods: custom(flooding.baseUrl),
    closes: custom(faulty.baseUrl, ';closeAfterMs=1200'),
  }
  const tenants = Object.entries(NUMBERS).map(([agent, number]) => ({
    id: agent.toLowerCase(),
    group: 'us',
    numbers: [number],
    agent,
  }))
  return { agents, tenants }
}
