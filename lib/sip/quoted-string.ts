import { BACKSLASH, DQUOTE } from './chars.ts'

/** The content of a quoted-string with its quoted-pairs resolved; other text comes back as it is (RFC 3261 §25.1). */
export function unquote(text: string): string {
  if (text.length < 2 || text.charCodeAt(0) !== DQUOTE || text.charCodeAt(text.length - 1) !== DQUOTE) return text
  const inner = text.slice(1, -1)
  return inner.includes('\\') ? inner.replace(/\\([\s\S])/g, '$1') : inner
}

/** The text as a quoted-string: `"`, `\` and NUL escaped. Line breaks are not legal in one and are left to the caller. */
export function quote(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DQUOTE || code === BACKSLASH || code === 0) return `"${text.replace(/["\\\0]/g, '\\$&')}"`
  }
  return `"${text}"`
}
