/** What one check found. Only an error makes `./tandem check` fail. */
export interface Finding {
  readonly subject:
    | 'config'
    | 'router'
    | 'address'
    | 'certificate'
    | 'folder'
    | 'postgres'
    | 'shared state'
    | 'agent'
    | 'SIP server'
    | 'media server'
    | 'trunk'
    | 'port'
  /** Which one: a key, an agent's backend, a trunk's target, a port. */
  readonly name: string
  readonly status: 'ok' | 'warning' | 'error'
  /** What was found, and at a fault what to do about it; never a secret. */
  readonly detail: string
}

/** How long anything asked over the network may take to answer. */
export const REACH_TIMEOUT_MS = 3_000

/** Why a connection failed, in words; the cause's own message where there are none better. */
export function explainNetworkError(cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'code') : undefined
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there (connection refused)',
    ENOTFOUND: 'the name does not resolve',
    EAI_AGAIN: 'the name server does not answer',
    ETIMEDOUT: 'no answer in time',
    EHOSTUNREACH: 'no route to that host',
    ENETUNREACH: 'no route to that network',
    ECONNRESET: 'the connection was reset',
    EACCES: 'not allowed',
  }
  if (typeof code === 'string' && words[code] !== undefined) return words[code]
  return cause instanceof Error && cause.message !== '' ? cause.message : String(code ?? cause)
}
