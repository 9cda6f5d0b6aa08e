/**
 * What may stand in a log line: telephone numbers masked, secrets gone, nothing unbounded. The API and the records
 * show numbers to whoever has a key; a log travels further and shows none.
 */

/** Longest text of one field of a log line, in characters. */
export const MAX_LOG_TEXT = 2_000
/** Fields of one object, elements of one list, and depth of a log line. */
const MAX_LOG_FIELDS = 64
const MAX_LOG_DEPTH = 5

const SECRET = '[secret]'

/** Fields that hold a telephone number, in whatever form it came. */
const NUMBER_FIELDS = new Set(['from', 'to', 'number', 'caller', 'callee', 'called', 'calling', 'dialled'])

/** Fields whose value is a secret whatever it is, compared without case, dashes and underscores. */
const SECRET_FIELD =
  /^(?:(?:proxy)?authorization|cookie|setcookie|key|(?:api|private|secret|access|wrap|srtp)key|keywrap|password|passwd|secret|clientsecret|token|accesstoken|bearer|credentials)$/

/** Secrets inside free text: bearer tokens, keys of the OpenAI form, passwords in URLs, digest responses, SRTP keys. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${SECRET}`],
  [/\bsk-[\w-]{8,}/g, SECRET],
  [/(\w:\/\/[^\s:/@]*):[^\s/@]+@/g, `$1:${SECRET}@`],
  [/\b(response|nonce|cnonce)="[^"]*"/gi, `$1="${SECRET}"`],
  [/\binline:[\w+/=]{16,}/g, `inline:${SECRET}`],
]

/** An E.164 number in text, and digits that are the user part of a SIP or tel URI. */
const E164_TEXT = /\+[1-9]\d{6,14}(?!\d)/g
const URI_NUMBER = /\b(sips?:|tel:)(\d{5,15})(?!\d)/gi

/** Country codes of two digits (ITU-T E.164 list of country codes); 1 and 7 are one digit long, all others three. */
const TWO_DIGIT_CODES = new Set(
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98'.split(
    ' ',
  ),
)

/**
 * A number that tells country and last two digits, and how long it was: `+15550123` gives `+1*****23`. What is no E.164
 * number keeps its last two digits if it has at least five, else none. Text without digits is given back as it is.
 */
export function maskNumber(number: string): string {
  const digits = number.replace(/\D/g, '')
  if (digits.length === 0) return number
  const country = /^\+[1-9]\d{6,14}$/.test(number) ? countryCode(digits) : ''
  const kept = digits.length >= 5 ? digits.slice(-2) : ''
  const plus = number.startsWith('+') ? '+' : ''
  return `${plus}${country}${'*'.repeat(Math.min(digits.length - country.length - kept.length, 15))}${kept}`
}

/** Free text with every E.164 number, number in a SIP or tel URI, and known form of secret masked. */
export function maskText(text: string): string {
  let masked = text
  for (const [pattern, replacement] of SECRET_TEXT) masked = masked.replace(pattern, replacement)
  return masked
    .replace(E164_TEXT, maskNumber)
    .replace(URI_NUMBER, (_all, scheme: string, digits: string) => scheme + maskNumber(digits))
}

/**
 * The fields of a log line as they may be written: a copy in which numbers are masked, secrets replaced, texts and
 * lists cut to their limits. Errors keep class, code, message, stack and cause.
 */
export function redactFields(fields: object): Record<string, unknown> {
  return redactObject(fields, 0)
}

function redactObject(fields: object, depth: number): Record<string, unknown> {
  const redacted: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields).slice(0, MAX_LOG_FIELDS)) {
    redacted[name] = redactField(name, value, depth)
  }
  return redacted
}

function redactField(name: string, value: unknown, depth: number): unknown {
  if (SECRET_FIELD.test(name.toLowerCase().replace(/[-_]/g, ''))) {
    return value === undefined || value === null ? value : SECRET
  }
  if (typeof value === 'string' && NUMBER_FIELDS.has(name)) return maskNumberField(value)
  return redactValue(value, depth)
}

/** A field that should hold a number may hold a URI or a display name as well. */
function maskNumberField(value: string): string {
  return /^[+\d()\s.-]+$/.test(value) ? maskNumber(value) : cut(maskText(value))
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(maskText(value))
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (depth >= MAX_LOG_DEPTH) return '[deeper]'
  if (value instanceof Error) return redactError(value, depth)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) return value.slice(0, MAX_LOG_FIELDS).map((item) => redactValue(item, depth + 1))
  return redactObject(value, depth + 1)
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    ...('code' in error && { code: redactValue(error.code, depth + 1) }),
    message: cut(maskText(error.message)),
    ...(error.stack !== undefined && { stack: cut(maskText(error.stack)) }),
    ...(error.cause !== undefined && { cause: redactValue(error.cause, depth + 1) }),
  }
}

function cut(text: string): string {
  return text.length <= MAX_LOG_TEXT ? text : `${text.slice(0, MAX_LOG_TEXT)}… (${text.length} characters)`
}

function countryCode(digits: string): string {
  if (digits.startsWith('1') || digits.startsWith('7')) return digits.slice(0, 1)
  return digits.slice(0, TWO_DIGIT_CODES.has(digits.slice(0, 2)) ? 2 : 3)
}
