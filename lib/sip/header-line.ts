import { Buffer } from 'node:buffer'
import { trimBlanks } from './chars.ts'
import type { HeaderName } from './header-names.ts'

/**
 * One header line, possibly folded over several lines of text. It points into `source`, in which each character is one
 * byte of the wire (latin1), so that a line nobody touched leaves byte for byte as it came; a STIR Identity depends on it.
 */
export interface HeaderLine {
  readonly header: HeaderName
  readonly source: string
  /** Where the line starts in `source`, where its value starts, and where it ends, before the CRLF. */
  readonly start: number
  readonly valueStart: number
  readonly end: number
  /** Has continuation lines (RFC 3261 §7.3.1). */
  readonly folded: boolean
  /** All of `source` is ASCII, so that no value needs decoding. */
  readonly ascii: boolean
}

/** The line as it goes on the wire, without its CRLF, one character a byte. */
export const wireText = (line: HeaderLine): string => line.source.slice(line.start, line.end)

/** The value: unfolded, without the blanks around it, decoded from UTF-8. */
export function lineValue(line: HeaderLine): string {
  const raw = line.source.slice(line.valueStart, line.end)
  const value = line.folded ? unfold(raw) : trimBlanks(raw)
  return line.ascii ? value : fromWireText(value)
}

/** Each line break with the blanks around it stands for one space (RFC 3261 §7.3.1). */
const unfold = (raw: string): string => trimBlanks(raw.split('\r\n').map(trimBlanks).join(' '))

const BEYOND_ASCII = /[^\0-\x7f]/

/** The text as it goes on the wire, one character a byte of its UTF-8 form. */
export function toWireText(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}

/** The text that stands on the wire as UTF-8, one character a byte. */
export const fromWireText = (text: string): string => Buffer.from(text, 'latin1').toString('utf8')

/** A line made by us. The value must have no line break: see `isSafeValue`. */
export function makeLine(header: HeaderName, value: string): HeaderLine {
  const text = `${header.name}: ${value}`
  const source = toWireText(text)
  return {
    header,
    source,
    start: 0,
    valueStart: header.name.length + 2,
    end: source.length,
    folded: false,
    ascii: source === text,
  }
}

/**
 * Whether a value may become a header: no CR or LF, by which a second header could be smuggled in, and no NUL but in a quoted-pair,
 * which alone may have one (RFC 3261 §25.1).
 */
export const isSafeValue = (value: string): boolean => !/[\r\n]/.test(value) && !hasBareNul(value)

/** A NUL that no backslash stands before. */
export const hasBareNul = (text: string): boolean => text.includes('\0') && /(?<!\\)\0/.test(text)
