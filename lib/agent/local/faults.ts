import { z } from 'zod'
import { err, ok, type Result } from '../../core/result.ts'

const switchOn = z.boolean()
const ms = z.number().min(0).max(3_600_000)
const count = z.number().int().min(0).max(100_000)

const faultsSchema = z.strictObject({
  /** Refuse the upgrade with this HTTP status. */
  refuseStatus: z
    .union([z.literal(401), z.literal(403), z.literal(404), z.literal(429), z.literal(500), z.literal(503)])
    .exactOptional(),
  /** Let the upgrade wait. */
  handshakeDelayMs: ms.exactOptional(),
  /** Accept the socket and send nothing, not even `session.created`. */
  mute: switchOn.exactOptional(),
  /** Cut the TCP connection this long after the socket opened; 0 cuts what is open now. */
  dropAfterMs: ms.exactOptional(),
  /** Cut the TCP connection after so many audio deltas of the session. */
  dropAfterDeltas: count.exactOptional(),
  /** Stop sending after so many audio deltas, `stallMs` long, or for good. */
  stallAfterDeltas: count.exactOptional(),
  stallMs: ms.exactOptional(),
  /** Delay every event by this, in order. */
  slowMs: ms.exactOptional(),
  /** Close with 1011 this long after the socket opened. */
  closeAfterMs: ms.exactOptional(),
  /** End the session as at its maximum duration: `session_expired`, then close 1001. */
  expireAfterMs: ms.exactOptional(),
  /** Never answer a ping. */
  halfOpen: switchOn.exactOptional(),
  /** Stop reading from the socket, so that the client's buffer grows. */
  stopReading: switchOn.exactOptional(),
  /** Send an `error` event with this code in the middle of each response, which goes on. */
  errorEvent: z.string().max(64).exactOptional(),
  /** End each response in its middle as `failed` with this code: `server_error`, `insufficient_quota`, `rate_limit_exceeded`. */
  failResponse: z.string().max(64).exactOptional(),
  /** Send so many audio deltas of a cancelled item after its `response.done`. */
  lateDeltas: count.exactOptional(),
  /** Report each `speech_started` twice. */
  duplicateSpeechStarted: switchOn.exactOptional(),
  /** Mix in event types and fields that no client knows. */
  unknownEvents: switchOn.exactOptional(),
  /** Answer by two items where one would do. */
  twoItems: switchOn.exactOptional(),
  /** Fail every input transcription. */
  failTranscription: switchOn.exactOptional(),
  /** Begin speech with so much near-silence. */
  leadingSilenceMs: z.number().int().min(0).max(5_000).exactOptional(),
  /** When `rate_limits.updated` is sent: after `response.done` (as captured), at the start (as documented), never. */
  rateLimits: z.enum(['after', 'start', 'never']).exactOptional(),
})

/** Ways in which the local agent misbehaves on purpose, for tests and drills. Empty: it behaves. */
export type Faults = Readonly<z.output<typeof faultsSchema>>

/** Checks faults that came from another thread or a file; the error names the first mistake. */
export function checkFaults(value: unknown): Result<Faults, string> {
  const parsed = faultsSchema.safeParse(value)
  if (parsed.success) return ok(parsed.data)
  const issue = parsed.error.issues[0]
  return err(`faults${issue?.path.map((part) => `.${String(part)}`).join('') ?? ''}: ${issue?.message ?? 'invalid'}`)
}

/**
 * Faults as text, in the header `x-tandem-faults` or after the model in the URL: `dropAfterMs=500;halfOpen`. A word alone is a
 * switch; a number is a number.
 */
export function parseFaults(text: string): Result<Faults, string> {
  const entries = text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [part, true] : [part.slice(0, at), readValue(part.slice(at + 1))]
    })
  return checkFaults(Object.fromEntries(entries))
}

const readValue = (text: string): string | number => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : text)
