import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { printable } from '../../lib/observe/printable.ts'
import { API_KEY_FILE, readApiKey } from '../api/api-key.ts'
import { environment } from '../environment.ts'
import { packageRoot } from '../package-root.ts'

/** A command could not do what it was asked for; the message says why and what to do, without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** The node has refused a request. */
export class RefusedError extends CommandError {
  readonly status: number
  /** When to ask again, as the node says; null: it does not. */
  readonly retryAfterMs: number | null

  constructor(message: string, { status, headers }: Pick<Response, 'status' | 'headers'>) {
    super(message)
    const seconds = /^\d{1,6}$/.exec(headers.get('retry-after') ?? '')?.[0]
    this.status = status
    this.retryAfterMs = seconds === undefined ? null : Number(seconds) * 1_000
  }
}

/** The key that a command presents, and where it comes from, so that a refusal can say which key it was. */
export interface FoundKey {
  readonly key: string | undefined
  readonly source: string
}

type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_URL = 'http://127.0.0.1:8080'
const DEFAULT_DATA_DIR = 'data'
const REQUEST_TIMEOUT_MS = 15_000

/**
 * The key for the node: `TANDEM_API_KEY`, else the one that `start` has made into its data folder, which is `data` under the
 * current folder or under Tandem's own.
 */
export async function findApiKey(env: Environment, cwd: string): Promise<FoundKey> {
  const given = env.TANDEM_API_KEY
  if (given !== undefined && given !== '') return { key: given, source: 'TANDEM_API_KEY' }
  const folders = new Set([resolve(cwd, DEFAULT_DATA_DIR), fileURLToPath(new URL(DEFAULT_DATA_DIR, packageRoot()))])
  for (const folder of folders) {
    const key = await readApiKey(folder)
    if (key !== undefined) return { key, source: join(folder, API_KEY_FILE) }
  }
  return { key: undefined, source: [...folders].map((folder) => join(folder, API_KEY_FILE)).join(' or ') }
}

/** Base URL of the node that commands talk to: `TANDEM_URL`, or the default of `start`. */
export function findUrl(env: Environment): URL {
  const text = env.TANDEM_URL === undefined || env.TANDEM_URL === '' ? DEFAULT_URL : env.TANDEM_URL
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new CommandError(`TANDEM_URL must be an http:// or https:// URL, not "${text}"`)
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Sent as JSON. */
  readonly body?: unknown
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** The HTTP client of the commands. Every failure is a `CommandError` that a person can act on. */
export class NodeClient {
  private readonly base: URL
  private readonly found: FoundKey

  constructor(base: URL, found: FoundKey) {
    this.base = base
    this.found = found
  }

  static async fromEnvironment(env: Environment = environment, cwd: string = process.cwd()): Promise<NodeClient> {
    return new NodeClient(findUrl(env), await findApiKey(env, cwd))
  }

  /** The JSON that the node answers with, unchecked. */
  async json(path: string, options: RequestOptions = {}): Promise<unknown> {
    const response = await this.request(path, {
      ...options,
      signal: options.signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    return readJson(response)
  }

  /** A successful answer, its body still to be read; without a time limit of its own. */
  async request(path: string, options: RequestOptions = {}): Promise<Response> {
    const url = new URL(path, this.base)
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value)
    }
    const { key } = this.found
    const body = options.body === undefined ? undefined : JSON.stringify(options.body)
    const headers = {
      ...options.headers,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    }
    const response = await this.fetch(url, {
      method: options.method ?? 'GET',
      headers,
      ...(body !== undefined && { body }),
      ...(options.signal !== undefined && { signal: options.signal }),
    })
    if (!response.ok) throw await this.explainRefusal(response)
    return response
  }

  private async fetch(url: URL, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init)
    } catch (error) {
      const hint = 'Is it running (./tandem start)? TANDEM_URL names another one.'
      throw new CommandError(`no node answers at ${this.base.origin}: ${reasonOf(error)}. ${hint}`, { cause: error })
    }
  }

  private async explainRefusal(response: Response): Promise<CommandError> {
    const body = await readJson(response).catch(() => undefined)
    const parsed = z.object({ error: z.object({ code: z.string(), message: z.string() }) }).safeParse(body)
    const words = parsed.success ? parsed.data.error.message : `HTTP ${response.status}`
    if (response.status !== 401) return new RefusedError(printable(words), response)
    const { key, source } = this.found
    if (key === undefined)
      return new CommandError(`the node wants a key; set TANDEM_API_KEY (there is none in ${source})`)
    return new CommandError(`the node at ${this.base.origin} does not know the key from ${source}`)
  }
}

/** Checks an answer of the node against what this version expects of it. */
export function expectAnswer<T>(schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new CommandError(
    `the node's answer is not what this version expects: ${issue?.path.join('.')} ${issue?.message}`,
  )
}

async function readJson(response: Response): Promise<unknown> {
  const body: unknown = await response.json()
  return body
}

/** The words of what `fetch` hides as the cause of "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `nothing within ${REQUEST_TIMEOUT_MS / 1000} s`
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0])
  return cause instanceof Error ? cause.message : error.message
}
