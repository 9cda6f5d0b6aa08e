import { codeAt, DQUOTE, isAlpha, isToken, LT, SEMICOLON, skipBlanks, skipQuoted } from './chars.ts'
import { type Params, parseParams } from './params.ts'
import { quote, unquote } from './quoted-string.ts'

/** The value of From, To, Contact, Route, ...: a URI with a name for humans and header parameters (RFC 3261 §20.10). */
export interface NameAddr {
  /** Without quotes and escapes; undefined where there is none. */
  readonly displayName: string | undefined
  /** The URI as written, without brackets. */
  readonly uri: string
  /** Parameters of the header, not of the URI. */
  readonly params: Params
}

/** The `tag` of a From or To; undefined where there is none. */
export const tagOf = (address: NameAddr): string | undefined => address.params.get('tag')

/**
 * Parses one name-addr or addr-spec. Without brackets, `;` starts a parameter of the header, and a URI that has `,` or `?`
 * is refused as RFC 3261 §20 demands. Undefined where it is malformed. Display names that ought to be quoted are tolerated
 * (RFC 4475 §3.1.2.15).
 *
 * @param repeated what becomes of a parameter that stands twice
 */
export function parseNameAddr(text: string, repeated: 'refused' | 'first' = 'refused'): NameAddr | undefined {
  let at = skipBlanks(text, 0)
  let displayName: string | undefined
  if (codeAt(text, at) === DQUOTE) {
    const end = skipQuoted(text, at)
    if (end < 0) return undefined
    displayName = unquote(text.slice(at, end))
    at = skipBlanks(text, end)
    if (codeAt(text, at) !== LT) return undefined
  } else {
    const open = text.indexOf('<', at)
    if (open < 0) return parseAddrSpec(text, at, repeated)
    const name = text.slice(at, open).trimEnd()
    if (name.includes('"')) return undefined
    if (name !== '') displayName = name
    at = open
  }
  const close = text.indexOf('>', at)
  if (close < 0) return undefined
  const uri = text.slice(at + 1, close)
  if (!isUriLike(uri)) return undefined
  const params = parseParams(text, close + 1, repeated)
  return params === undefined ? undefined : { displayName, uri, params }
}

function parseAddrSpec(text: string, at: number, repeated: 'refused' | 'first'): NameAddr | undefined {
  let end = at
  for (; end < text.length; end++) {
    const code = codeAt(text, end)
    if (code === SEMICOLON || code <= 32) break
  }
  const uri = text.slice(at, end)
  if (/[?,>"]/.test(uri) || !isUriLike(uri)) return undefined
  const params = parseParams(text, end, repeated)
  return params === undefined ? undefined : { displayName: undefined, uri, params }
}

/** `scheme:something` without blanks or brackets. Whether the scheme's own syntax is met is asked when the URI is used. */
function isUriLike(uri: string): boolean {
  const colon = uri.indexOf(':')
  if (colon < 1 || colon === uri.length - 1 || !isAlpha(codeAt(uri, 0))) return false
  for (let i = 0; i < uri.length; i++) {
    const code = codeAt(uri, i)
    if (code <= 32 || code === LT || code === DQUOTE) return false
  }
  return true
}

/** The name-addr as a header value: always with brackets; a name that is not only tokens comes in quotes. */
export function formatNameAddr(address: NameAddr): string {
  const uri = `<${address.uri}>${address.params.toString()}`
  if (address.displayName === undefined) return uri
  const plain = address.displayName.split(' ').every(isToken)
  return `${plain ? address.displayName : quote(address.displayName)} ${uri}`
}
