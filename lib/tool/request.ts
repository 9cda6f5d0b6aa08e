import { createHash, createHmac } from 'node:crypto'

/** The prefix of a secret that is written as base64 (Standard Webhooks). */
const BASE64_SECRET = 'whsec_'
const CALL_DIGEST_CHARS = 22

/**
 * What marks one call of a tool, whatever is tried again and whichever node tries: the call's id, and a digest of what the model's server calls
 * the tool call, since that one could be any text.
 */
export function toolCallKey(callId: string, toolCallId: string): string {
  const digest = createHash('sha256').update(toolCallId).digest('base64url').slice(0, CALL_DIGEST_CHARS)
  return `${callId}-${digest}`
}

/**
 * Headers that sign a request of a tool (Standard Webhooks 1.0): HMAC-SHA256 of `id.timestamp.body`.
 *
 * @param secret `whsec_` and base64, or any text, whose bytes are taken
 * @param atS when it is sent, in seconds since 1970
 */
export function signatureHeaders(
  secret: string,
  { id, body, atS }: { readonly id: string; readonly body: string; readonly atS: number },
): Readonly<Record<string, string>> {
  const key = secret.startsWith(BASE64_SECRET)
    ? Buffer.from(secret.slice(BASE64_SECRET.length), 'base64')
    : Buffer.from(secret)
  const signature = createHmac('sha256', key).update(`${id}.${atS}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(atS), 'webhook-signature': `v1,${signature}` }
}
