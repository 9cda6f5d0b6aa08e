/** Character classes of RFC 3261 §25.1 as one table lookup, and the scanning steps shared by the header parsers. */

const TOKEN = 1
const DIGIT = 2
const ALPHA = 4
const VALUE = 8

export const TAB = 9
export const LF = 10
export const CR = 13
export const SP = 32
export const DQUOTE = 34
export const COMMA = 44
export const SLASH = 47
export const COLON = 58
export const SEMICOLON = 59
export const LT = 60
export const EQUALS = 61
export const GT = 62
export const LBRACKET = 91
export const BACKSLASH = 92
export const RBRACKET = 93

const classes = new Uint8Array(128)
for (let c = 48; c <= 57; c++) classes[c] = TOKEN | DIGIT
for (let c = 65; c <= 90; c++) classes[c] = classes[c + 32] = TOKEN | ALPHA
for (const c of "-.!%*_+`'~") classes[c.charCodeAt(0)] = TOKEN
for (const c of ':[]@/?&$#=^{}|()') classes[c.charCodeAt(0)] = VALUE

const classOf = (code: number): number => (code >= 0 && code < 128 ? (classes[code] ?? 0) : 0)

/** The character code at an index, -1 beyond the end. In hot loops `charCodeAt` must not: its NaN costs the fast path. */
export const codeAt = (text: string, at: number): number => (at < text.length ? text.charCodeAt(at) : -1)

/** `token` of RFC 3261 §25.1: alphanumerics and `-.!%*_+\`'~`. */
export const isTokenChar = (code: number): boolean => (classOf(code) & TOKEN) !== 0
/** What stands in an unquoted parameter value: token, and what hosts, IPv6 addresses, URIs and UTF-8 need besides. */
export const isValueChar = (code: number): boolean => (classOf(code) & (TOKEN | VALUE)) !== 0 || code > 127
export const isDigit = (code: number): boolean => (classOf(code) & DIGIT) !== 0
export const isAlpha = (code: number): boolean => (classOf(code) & ALPHA) !== 0
export const isBlank = (code: number): boolean => code === SP || code === TAB

/** Whether the whole text is one `token`; false for an empty one. */
export function isToken(text: string): boolean {
  return text.length > 0 && skipToken(text, 0) === text.length
}

/** Index of the first character at or after `at` that is no space or tab. */
export function skipBlanks(text: string, at: number): number {
  while (isBlank(codeAt(text, at))) at++
  return at
}

/** The text without spaces and tabs at both ends. A regular expression would take quadratic time on long runs of them. */
export function trimBlanks(text: string): string {
  const start = skipBlanks(text, 0)
  let end = text.length
  while (end > start && isBlank(codeAt(text, end - 1))) end--
  return text.slice(start, end)
}

/** Index of the first character at or after `at` that ends a token. */
export function skipToken(text: string, at: number): number {
  while (isTokenChar(codeAt(text, at))) at++
  return at
}

/**
 * Index after the closing quote of the quoted-string that opens at `at`, or -1 where it never closes.
 * A backslash takes the next character with it (RFC 3261 §25.1 quoted-pair).
 */
export function skipQuoted(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = codeAt(text, i)
    if (code === BACKSLASH) i++
    else if (code === DQUOTE) return i + 1
  }
  return -1
}

/**
 * An unsigned decimal of digits only, or undefined where it is malformed or above `max`. Leading zeros are legal in
 * SIP (RFC 4475 §3.1.1.1), so the length of the text says nothing about the size.
 */
export function parseDecimal(text: string, max: number): number | undefined {
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = codeAt(text, i)
    if (!isDigit(code)) return undefined
    value = value * 10 + (code - 48)
    if (value > max) return undefined
  }
  return text.length === 0 ? undefined : value
}
