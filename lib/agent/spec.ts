import type { Past } from './past.ts'

/** One backend of the OpenAI Realtime protocol (GA), reachable by URL. The local agent is one as well. */
export interface BackendSpec {
  /** The agent's name and its place in the agent's own list, such as `intake/0`: its health goes by that. */
  readonly id: string
  readonly kind: 'local' | 'openai' | 'azure' | 'custom'
  /** Base URL without `/realtime`, e.g. `https://api.openai.com/v1`; `ws:` and `http:` only for loopback hosts. */
  readonly baseUrl: string
  readonly model: string
  readonly apiKey: string
  /** How long before its limit a session is given up for a fresh one. */
  readonly renewBeforeMs: number
}

/** An HTTP tool of the tenant: called with the arguments as JSON body, its answer goes to the agent as text (docs/tools.md). */
export interface HttpToolSpec {
  readonly name: string
  readonly description: string
  readonly url: string
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** JSON Schema of the answer, which is JSON then; absent: any text. */
  readonly result?: Readonly<Record<string, unknown>>
  /** For all tries together. */
  readonly timeoutMs: number
  /** Further tries where the tool cannot be reached or is out of service; absent: none. */
  readonly retries?: number
  /** Signs requests; absent: they are not signed. */
  readonly secret?: string
}

/** A server of the Model Context Protocol; the realtime server calls it, not we. */
export interface McpServerSpec {
  readonly label: string
  readonly url: string
  readonly description: string
  readonly authorization?: string
  /** Empty: all that it has. */
  readonly allowedTools: readonly string[]
}

/** A person whom an agent may put callers through to. */
export interface TransferTarget {
  readonly name: string
  /** When and for what, for the model. */
  readonly description: string
  /** E.164, or an extension. */
  readonly to: string
  /** The agent tells the person first who is calling, and they may decline. */
  readonly attended: boolean
  /** How long it may ring, in all. */
  readonly ringTimeoutMs: number
}

/** `hang-up`: the call ends; `tell-agent`: its agent is told. */
export type OnMachine = 'hang-up' | 'tell-agent'

/** All that an agent needs for one call; plain data, so that it can be posted to a media worker. */
export interface AgentSpec {
  /** The call, which requests of tools are marked with. Absent: it has no id yet. */
  readonly callId?: string
  /** The call is recorded: the agent may pause that. */
  readonly recorded?: boolean
  /** In the order in which they are tried. */
  readonly backends: readonly [BackendSpec, ...BackendSpec[]]
  /** How many of them a new call tries; the others are there for a loss. Absent: all. */
  readonly atFirst?: number
  /** What is done where a machine answers the call, as far as that can be heard; absent: nobody listens for one. */
  readonly onMachine?: OnMachine
  /** The first backend is tried with this call, to see whether it is well again. */
  readonly canary?: boolean
  readonly voice: string
  readonly instructions: string
  /** Spoken first, word by word as far as the backend allows. Empty: the caller speaks first. */
  readonly greeting: string
  readonly tools: readonly HttpToolSpec[]
  /** Given to backends of kind `openai` only; absent: none. */
  readonly mcp?: readonly McpServerSpec[]
  /** Absent: it puts callers through to nobody. */
  readonly transfers?: readonly TransferTarget[]
  /** A conversation that this call goes on with; absent: it begins one. */
  readonly past?: Past
  /** Facts about this call (caller, called number, router variables), told to the agent with the instructions. */
  readonly variables: Readonly<Record<string, string>>
  /** How long the socket may take to be open and configured, all backends together. */
  readonly connectTimeoutMs: number
  /** How long a caller is kept on the line without an agent, after a loss, while backends are tried. */
  readonly reconnectForMs: number
  /** After a loss: silence, once what was queued is played, before comfort sound begins. */
  readonly comfortAfterMs: number
  /** Caller audio is sent in batches of this many milliseconds (40 ms), a multiple of 20. */
  readonly batchMs: number
}
