/** Digits that one caller keyed in without a pause. They reach the agent as one text. */
export interface DtmfBatch {
  readonly digits: string
  /** When the pause is long enough; null where there are no digits. Monotonic. */
  readonly dueAtMs: number | null
}

/** A pause that ends a number. */
export const DTMF_PAUSE_MS = 1_500
/** Longer than a card number and its check digits. */
export const MAX_DTMF_DIGITS = 32
/** The key that ends a number at once. */
const TERMINATOR = '#'

export const NO_DIGITS: DtmfBatch = { digits: '', dueAtMs: null }

/** Adds a digit (RFC 4733 §3.2: 0-9, *, #, A-D); any other sign is ignored. */
export function addDigit(batch: DtmfBatch, digit: string, nowMs: number): DtmfBatch {
  if (!/^[0-9A-D*#]$/.test(digit)) return batch
  const digits = batch.digits + digit
  const complete = digit === TERMINATOR || digits.length >= MAX_DTMF_DIGITS
  return { digits, dueAtMs: complete ? nowMs : nowMs + DTMF_PAUSE_MS }
}

/** Whether the batch is to be given to the agent now. */
export const isDue = (batch: DtmfBatch, nowMs: number): boolean => batch.dueAtMs !== null && batch.dueAtMs <= nowMs

/** How digits read to the agent. */
export const dtmfText = (digits: string): string => `[DTMF ${digits}]`
