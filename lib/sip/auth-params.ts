import { COMMA, codeAt, DQUOTE, EQUALS, skipBlanks, skipQuoted, skipToken } from './chars.ts'
import { MAX_PARAMS } from './limits.ts'
import { quote, unquote } from './quoted-string.ts'

/** A challenge or credentials: a scheme and its parameters (RFC 3261 §25.1 `challenge`, `credentials`). */
export interface AuthParams {
  /** As written; schemes are compared without regard to case. */
  readonly scheme: string
  /** Names in lower case, values without quotes. */
  readonly params: ReadonlyMap<string, string>
}

/**
 * Parses `Scheme name=value, name="value"`. Undefined where it is malformed, a name is repeated, or there are over
 * `MAX_PARAMS`. A value that is no token, as some peers send `algorithm`s and `uri`s, is taken up to the next comma.
 */
export function parseAuthParams(text: string): AuthParams | undefined {
  const start = skipBlanks(text, 0)
  const schemeEnd = skipToken(text, start)
  if (schemeEnd === start) return undefined
  const params = new Map<string, string>()
  let at = skipBlanks(text, schemeEnd)
  while (at < text.length) {
    const nameEnd = skipToken(text, at)
    const equals = skipBlanks(text, nameEnd)
    if (nameEnd === at || codeAt(text, equals) !== EQUALS || params.size === MAX_PARAMS) return undefined
    const name = text.slice(at, nameEnd).toLowerCase()
    if (params.has(name)) return undefined
    const valueStart = skipBlanks(text, equals + 1)
    const valueEnd = endOfValue(text, valueStart)
    if (valueEnd < 0) return undefined
    params.set(name, unquote(text.slice(valueStart, valueEnd).trimEnd()))
    at = skipBlanks(text, valueEnd)
    if (at === text.length) break
    if (codeAt(text, at) !== COMMA) return undefined
    at = skipBlanks(text, at + 1)
  }
  return { scheme: text.slice(start, schemeEnd), params }
}

function endOfValue(text: string, at: number): number {
  if (codeAt(text, at) === DQUOTE) return skipQuoted(text, at)
  const comma = text.indexOf(',', at)
  return comma < 0 ? text.length : comma
}

/** One parameter to be written; `bare` ones go without quotes. An undefined value is left out. */
export type AuthParam = readonly [name: string, value: string | undefined, form?: 'bare']

/** `Scheme name="value", ...` in the order given. */
export function formatAuthParams(scheme: string, params: readonly AuthParam[]): string {
  const parts: string[] = []
  for (const [name, value, form] of params) {
    if (value !== undefined) parts.push(`${name}=${form === 'bare' ? value : quote(value)}`)
  }
  return `${scheme} ${parts.join(', ')}`
}
