const MAX_KEY = 255
/** Printable ASCII without quotes and backslashes, which a structured string would have to escape. */
const BARE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/**
 * The key of an `Idempotency-Key` header, or null where it is none. The draft (draft-ietf-httpapi-idempotency-key-header) has it as a string of
 * structured fields (RFC 9651 §3.3.3), in quotes; most clients send it bare. Both are the same key.
 */
export function parseIdempotencyKey(header: string): string | null {
  const key = /^"(.*)"$/.exec(header.trim())?.[1] ?? header.trim()
  return key.length <= MAX_KEY && BARE.test(key) ? key : null
}

/** A request as text that is the same for the same request, whatever the order of its fields. */
export function canonicalRequest(request: unknown): string {
  return JSON.stringify(sorted(request)) ?? 'null'
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, sorted(field)]),
  )
}
