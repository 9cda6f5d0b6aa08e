/** A message of FreeSWITCH's event socket: a block of headers and, where Content-Length says so, a body. */
export interface EslMessage {
  /** Of the Content-Type header. */
  readonly type: string
  /** Of the Reply-Text header; empty where there is none. */
  readonly reply: string
  readonly body: string
}

/** Longest block of headers, and longest body: a channel's dump has 30 KB. */
export const MAX_ESL_HEADERS = 8 * 1024
export const MAX_ESL_BODY = 1024 * 1024

/**
 * Takes the first message off what was received. `more`: it is not whole yet; `bad`: this is no event socket, or a message
 * over our limits.
 */
export function takeEslMessage(
  received: Buffer,
): { readonly message: EslMessage; readonly rest: Buffer } | 'more' | 'bad' {
  const end = received.indexOf('\n\n')
  if (end === -1 || end > MAX_ESL_HEADERS) return received.length > MAX_ESL_HEADERS ? 'bad' : 'more'
  const headers = new Map<string, string>()
  for (const line of received.toString('utf8', 0, end).split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  const length = Number(headers.get('content-length') ?? 0)
  if (!Number.isInteger(length) || length < 0 || length > MAX_ESL_BODY) return 'bad'
  const from = end + 2
  if (received.length < from + length) return 'more'
  const message = {
    type: headers.get('content-type') ?? '',
    reply: headers.get('reply-text') ?? '',
    body: received.toString('utf8', from, from + length),
  }
  return { message, rest: received.subarray(from + length) }
}
