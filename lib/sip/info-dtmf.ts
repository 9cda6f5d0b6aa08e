/** A key as an INFO carries it. */
export interface InfoDigit {
  /** One of `0-9*#A-D`. */
  readonly digit: string
  readonly durationMs: number
}

/** Bodies of INFO that press a key; no RFC defines them, but every carrier and phone knows both (Cisco's originally). */
export const DTMF_BODY_TYPES: readonly string[] = ['application/dtmf-relay', 'application/dtmf']

/** Where the body does not tell, as `application/dtmf` never does. */
const DEFAULT_DURATION_MS = 250
/** Longer presses are cut, as nobody means them. */
const MAX_DURATION_MS = 10_000

const KEYS = '0123456789*#ABCD'

/**
 * The key that the body of an INFO presses; undefined where it presses none (a hook flash) or makes no sense.
 *
 *   application/dtmf-relay   Signal=5 CRLF Duration=160
 *   application/dtmf         5
 *
 * @param type media type in lower case, without parameters
 */
export function parseInfoDtmf(type: string, body: string): InfoDigit | undefined {
  if (type === 'application/dtmf') return press(body.trim(), undefined)
  if (type !== 'application/dtmf-relay') return undefined
  const signal = /^[ \t]*Signal[ \t]*=[ \t]*(\S+)[ \t]*\r?$/im.exec(body)?.[1]
  const duration = /^[ \t]*Duration[ \t]*=[ \t]*(\d{1,9})[ \t]*\r?$/im.exec(body)?.[1]
  return press(signal ?? '', duration)
}

/** Signals are keys; some peers send the event numbers of RFC 4733 §3.2 instead, of which 10 to 15 tell themselves from keys. */
function press(signal: string, duration: string | undefined): InfoDigit | undefined {
  const digit = /^1[0-5]$/.test(signal) ? KEYS[Number(signal)] : signal.toUpperCase()
  if (digit === undefined || digit.length !== 1 || !KEYS.includes(digit)) return undefined
  const durationMs = duration === undefined ? DEFAULT_DURATION_MS : Number(duration)
  return { digit, durationMs: Math.min(durationMs, MAX_DURATION_MS) }
}
