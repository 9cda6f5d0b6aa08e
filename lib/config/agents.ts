import * as z from 'zod'
import { duration, optionalDuration, section } from './units.ts'
import { count, httpUrl, name, number, optional, realtimeUrl, secret, text, words } from './values.ts'

/** The model of OpenAI and Azure backends that name none. */
export const DEFAULT_MODEL = 'gpt-realtime-2.1'
/** The base URL of backend `openai`; the environment's `OPENAI_BASE_URL` replaces it. */
export const OPENAI_BASE_URL = 'https://api.openai.com/v1'

const backendKeys = {
  backend: z.enum(['local', 'openai', 'azure', 'custom']).describe('Server of the OpenAI Realtime protocol.'),
  model: optional(words('a model')).describe(`Model, or deployment at Azure. Default: ${DEFAULT_MODEL}.`),
  apiKey: optional(secret).describe("API key. Default for openai: the environment's OPENAI_API_KEY."),
  url: optional(realtimeUrl).describe(
    'Realtime endpoint ending in /realtime; needed for azure and custom. ws:// and http:// only to loopback hosts.',
  ),
  renewBefore: optionalDuration(
    'How long before its session limit a new session takes over. Default: 10m, for azure 5m.',
  ),
  probe: optional(z.enum(['session', 'connect', 'none'])).describe(
    'How it is probed: by a session, opened and closed now and then; by a connection alone; not at all. Default: session, for local connect.',
  ),
}

const tool = section({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a tool name of up to 64 letters, digits, "_" or "-"')
    .describe('Name that the model calls the tool by.'),
  description: z.string().max(4_096).default('').describe('What the tool does, for the model.'),
  url: httpUrl.describe('Called by POST with the arguments as JSON.'),
  parameters: z
    .record(z.string(), z.json())
    .default({ type: 'object' })
    .describe(
      'JSON Schema of the arguments (2020-12). Others are not sent to the tool: the model is told what is wrong.',
    ),
  result: optional(z.record(z.string(), z.json())).describe('JSON Schema of the answer, which must be JSON then.'),
  timeout: duration('5s', 'How long the tool may take, all tries together.'),
  retries: count(0, 5)
    .default(0)
    .describe(
      'Further tries where it cannot be reached or answers 429, 502, 503 or 504, with the same Idempotency-Key.',
    ),
  secret: optional(secret).describe('Signs requests (docs/tools.md).'),
})

const LABEL = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/
const mcpServer = section({
  label: z
    .string()
    .regex(LABEL, 'a label of up to 32 letters, digits, "_" or "-" that begins with a letter')
    .describe('What the model, events and the transcript call it.'),
  url: text((value) => (/^https:/i.test(value) && URL.canParse(value) ? value : undefined), 'an https:// URL').describe(
    'Where OpenAI reaches it.',
  ),
  description: z.string().max(1_024).default('').describe('What it is for, for the model.'),
  authorization: optional(secret).describe('OAuth access token that OpenAI is given for it.'),
  allowedTools: z
    .array(words('the name of a tool'))
    .max(128)
    .default([])
    .describe('Its tools that may be called; empty: all. They are called without asking anybody.'),
})

const transfer = section({
  to: number.describe('Who is rung, over the trunks of the tenant: E.164, or an extension.'),
  description: z
    .string()
    .max(1_024)
    .default('')
    .describe('Who that is and when to put callers through, for the model.'),
  attended: z
    .boolean()
    .default(false)
    .describe('The agent tells the person first who is calling and why, and they may decline.'),
  ringTimeout: duration('30s', 'How long it may ring before the agent is told that nobody answers.'),
})

/** One of `agents`: who answers a call (docs/behaviour.md, “The call with the agent”). */
export const agent = section({
  ...backendKeys,
  fallback: z
    .array(section(backendKeys))
    .max(8)
    .default([])
    .describe('Further backends with the same keys, tried in order.'),
  voice: words('a voice').default('marin').describe('Voice, by the name the backend knows it by.'),
  instructions: z
    .string()
    .max(32_768)
    .default('You are a helpful assistant on the phone.')
    .describe('What the agent is told to be.'),
  greeting: z.string().max(4_096).default('').describe('Spoken first; empty: the caller speaks first.'),
  tools: z.array(tool).max(64).default([]).describe('HTTP tools that the agent may call.'),
  mcp: z
    .array(mcpServer)
    .max(16)
    .default([])
    .describe('MCP servers that backends of kind openai call by themselves (docs/tools.md).'),
  transfers: z
    .record(name, transfer)
    .default({})
    .describe(
      'Persons whom the agent may put callers through to, by the name that it knows them by (docs/behaviour.md).',
    ),
  connectTimeout: duration('2s', 'How long the socket may take to be open and configured, while the call rings.'),
  reconnectFor: duration(
    '30s',
    'How long a caller is kept on the line when the server is lost, while it and the fallbacks are tried again.',
  ),
  batch: duration('40ms', 'Caller audio is sent in batches of this length, a multiple of 20ms.'),
  comfortAfter: duration('300ms', 'Silence after the queue has run dry on a lost socket, before comfort sound begins.'),
})

/** `agents`, by name. */
export const agents = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'an agent name of letters, digits, ".", "_" or "-"'),
  agent,
)
