/**
 * Q.850 causes (ITU-T Q.850 §2.2.7) of a network that failed: no route into it, out of order, temporary failure, congestion, no
 * resources, a timer or the protocol at fault. 31 and 127 are not among them, as carriers write those on any BYE.
 */
const Q850_FAULTS: ReadonlySet<number> = new Set([27, 38, 41, 42, 47, 102, 111])

const REASON = /(?:^|[,\s])(q\.850|sip)\s*;[^,]*?\bcause\s*=\s*(\d{1,3})\b/gi
const QUOTED = /"(?:[^"\\]|\\.)*"/g

/** More of the header is not looked at: a cause is two dozen characters. */
const MAX_CHARS = 1_024

/** Whether the Reason of a BYE (RFC 3326 §2), as it came, says that something broke, rather than that somebody hung up. */
export function saysFault(reason: string): boolean {
  for (const [, protocol = '', cause = ''] of reason.slice(0, MAX_CHARS).replace(QUOTED, '""').matchAll(REASON)) {
    const code = Number(cause)
    if (protocol.toLowerCase() === 'sip' ? code === 408 || (code >= 500 && code < 600) : Q850_FAULTS.has(code))
      return true
  }
  return false
}
