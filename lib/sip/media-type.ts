import { codeAt, SEMICOLON, SLASH, skipBlanks, skipToken } from './chars.ts'
import { type Params, parseParams } from './params.ts'

/** The value of Content-Type, or one of Accept (RFC 3261 §20.15): `type/subtype;params`. */
export interface MediaType {
  /** `application/sdp`, in lower case. */
  readonly type: string
  readonly params: Params
}

/** Parses a media type, blanks allowed around `/` and `;`. Undefined where it is malformed. */
export function parseMediaType(text: string): MediaType | undefined {
  const start = skipBlanks(text, 0)
  const typeEnd = skipToken(text, start)
  const slash = skipBlanks(text, typeEnd)
  if (typeEnd === start || codeAt(text, slash) !== SLASH) return undefined
  const subStart = skipBlanks(text, slash + 1)
  const subEnd = skipToken(text, subStart)
  const rest = skipBlanks(text, subEnd)
  if (subEnd === subStart || (rest < text.length && codeAt(text, rest) !== SEMICOLON)) return undefined
  const params = parseParams(text, rest)
  if (params === undefined) return undefined
  return { type: `${text.slice(start, typeEnd)}/${text.slice(subStart, subEnd)}`.toLowerCase(), params }
}
