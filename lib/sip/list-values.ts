import { BACKSLASH, COMMA, DQUOTE, GT, LT, trimBlanks } from './chars.ts'

/**
 * Splits the value of a list header at its commas, but not inside quotes or angle brackets (RFC 3261 §7.3.1), and trims
 * blanks. Empty elements are dropped. An unbalanced quote or bracket takes the rest as one value, for its parser to refuse.
 */
export function splitList(text: string): string[] {
  if (!text.includes(',')) return text === '' ? [] : [text]
  const values: string[] = []
  let start = 0
  let quoted = false
  let bracketed = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (quoted) {
      if (code === BACKSLASH) i++
      else if (code === DQUOTE) quoted = false
    } else if (code === DQUOTE && !bracketed) quoted = true
    else if (code === LT) bracketed = true
    else if (code === GT) bracketed = false
    else if (code === COMMA && !bracketed) {
      push(values, text.slice(start, i))
      start = i + 1
    }
  }
  push(values, text.slice(start))
  return values
}

function push(values: string[], value: string): void {
  const trimmed = trimBlanks(value)
  if (trimmed !== '') values.push(trimmed)
}
