import { Buffer } from 'node:buffer'

/** What a user part may hold unescaped: unreserved and user-unreserved characters of RFC 3261 §25.1. */
const USER_CHARS = /[A-Za-z0-9\-_.!~*'()&=+$,;?/]/

/** The text with its `%HH` resolved as UTF-8; a malformed sequence gives U+FFFD and never an error. */
export function unescapeUri(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}

/** The text as the user part of a URI: all else than the characters legal there becomes `%HH` of its UTF-8 form. */
export function escapeUser(text: string): string {
  let escaped = ''
  for (const char of text) escaped += USER_CHARS.test(char) ? char : escapeBytes(char)
  return escaped
}

function escapeBytes(char: string): string {
  const hex = Buffer.from(char, 'utf8').toString('hex').toUpperCase()
  return hex.replace(/../g, '%$&')
}
