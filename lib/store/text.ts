/**
 * What Postgres takes as text is less than what a JavaScript string holds: neither U+0000 nor half of a surrogate pair.
 * Both become U+FFFD, the replacement character, so that a hostile SIP message is still on record.
 */

/** The longest text of one field, in UTF-16 units: a SIP message of 64 KiB fits. */
export const MAX_TEXT_LENGTH = 65_536

const REPLACEMENT = '\ufffd'
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** `JSON.stringify` writes exactly these two as lower-case escapes; an escaped backslash before them is a false alarm. */
const SUSPICIOUS_JSON = /\\u(?:0000|d[89a-f])/

/** The text as Postgres can store it, at most `maxLength` UTF-16 units of it. */
export function cleanText(text: string, maxLength: number = MAX_TEXT_LENGTH): string {
  return cutText(text, maxLength).replace(UNSTORABLE, REPLACEMENT)
}

/** The first `maxLength` UTF-16 units; may end in half of a pair, which `cleanText` and `stringifyClean` replace. */
export const cutText = (text: string, maxLength: number): string =>
  text.length > maxLength ? text.slice(0, maxLength) : text

/**
 * JSON whose every string and key Postgres can store. Clean values, which nearly all are, cost one scan of the result.
 * Throws what `JSON.stringify` throws: on a cycle, a BigInt, or nesting deeper than the stack.
 */
export function stringifyClean(value: unknown): string {
  const json = JSON.stringify(value)
  return SUSPICIOUS_JSON.test(json) ? JSON.stringify(cleanValue(JSON.parse(json))) : json
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(UNSTORABLE, REPLACEMENT)
  if (Array.isArray(value)) return value.map(cleanValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [cleanText(key), cleanValue(field)]))
}
