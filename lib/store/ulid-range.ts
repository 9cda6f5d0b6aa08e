/**
 * ULIDs as ranges of time. Their first ten characters are the milliseconds since 1970 in Crockford's base 32, so the ids
 * of one month are a range of texts (ULID specification: "Canonical String Representation").
 */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_LENGTH = 10
const MAX_TIME_MS = 2 ** 48 - 1

/** The ten characters that begin every ULID made in this millisecond; clamped to the times that a ULID can hold. */
export function ulidTime(at: Date): string {
  let rest = Math.min(Math.max(at.getTime(), 0), MAX_TIME_MS)
  let text = ''
  for (let place = 0; place < TIME_LENGTH; place++) {
    text = DIGITS.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  return text
}

/** A calendar month in UTC, as a partition needs it: both ranges include their start and exclude their end. */
export interface Month {
  /** `2026_11`. */
  readonly name: string
  readonly from: Date
  readonly until: Date
  readonly fromId: string
  readonly untilId: string
}

/** The month of `at` and the `ahead` months after it. */
export function monthsFrom(at: Date, ahead: number): readonly Month[] {
  return Array.from({ length: ahead + 1 }, (_, offset) => {
    const from = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + offset, 1))
    const until = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + offset + 1, 1))
    const name = `${from.getUTCFullYear()}_${String(from.getUTCMonth() + 1).padStart(2, '0')}`
    return { name, from, until, fromId: ulidTime(from), untilId: ulidTime(until) }
  })
}
