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
