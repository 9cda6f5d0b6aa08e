/** Control characters (C0, DEL, C1), line and paragraph separators, and bidirectional overrides. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu

/**
 * Text of a peer as it may go to a terminal, on one line: what could move the cursor, change colours or turn the
 * reading direction becomes one space. SIP reason phrases, names and transcripts are the peer's to choose.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, ' ')
}

/** The first `length` characters, the last one an ellipsis where something was cut off. */
export function shorten(text: string, length: number): string {
  const characters = Array.from(text)
  if (characters.length <= length) return text
  return length < 1 ? '' : `${characters.slice(0, length - 1).join('')}…`
}
