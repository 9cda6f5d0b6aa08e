import { codeAt, DQUOTE, EQUALS, isValueChar, SEMICOLON, skipBlanks, skipQuoted, skipToken } from './chars.ts'
import { MAX_PARAMS } from './limits.ts'
import { unquote } from './quoted-string.ts'

/**
 * The parameters after a header value, `;name=value;flag` (RFC 3261 §7.3.1, §25.1 generic-param). Names are kept in lower
 * case, values as they came, quotes included, so that formatting gives back what was parsed. Immutable.
 */
export class Params {
  readonly #names: readonly string[]
  readonly #values: readonly (string | undefined)[]

  constructor(names: readonly string[], values: readonly (string | undefined)[]) {
    this.#names = names
    this.#values = values
  }

  /** Parameters from name and value; undefined makes a flag. Values that are no token must come quoted. */
  static of(entries: Iterable<readonly [string, string | undefined]>): Params {
    const names: string[] = []
    const values: (string | undefined)[] = []
    for (const [name, value] of entries) {
      names.push(name.toLowerCase())
      values.push(value)
    }
    return new Params(names, values)
  }

  get size(): number {
    return this.#names.length
  }

  has(name: string): boolean {
    return this.#names.includes(name)
  }

  /** The value without quotes; undefined for a flag and for a name that is not there. `name` in lower case. */
  get(name: string): string | undefined {
    const value = this.raw(name)
    return value === undefined ? undefined : unquote(value)
  }

  /** The value as it came, quotes included. */
  raw(name: string): string | undefined {
    const i = this.#names.indexOf(name)
    return i < 0 ? undefined : this.#values[i]
  }

  /** Sets or replaces one parameter, in its place where it was there before. */
  with(name: string, value: string | undefined): Params {
    const i = this.#names.indexOf(name)
    if (i < 0) return new Params([...this.#names, name], [...this.#values, value])
    return new Params(this.#names, this.#values.with(i, value))
  }

  without(name: string): Params {
    const keep = (_: unknown, i: number): boolean => this.#names[i] !== name
    return this.has(name) ? new Params(this.#names.filter(keep), this.#values.filter(keep)) : this
  }

  *[Symbol.iterator](): IterableIterator<[string, string | undefined]> {
    for (const [i, name] of this.#names.entries()) yield [name, this.#values[i]]
  }

  /** `;name=value;flag`, or an empty text where there are none. */
  toString(): string {
    let text = ''
    for (const [i, name] of this.#names.entries()) {
      const value = this.#values[i]
      text += value === undefined ? `;${name}` : `;${name}=${value}`
    }
    return text
  }
}

/** No parameters. */
export const NO_PARAMS = new Params([], [])

function skipValue(text: string, at: number): number {
  if (codeAt(text, at) === DQUOTE) return skipQuoted(text, at)
  while (isValueChar(codeAt(text, at))) at++
  return at
}

/**
 * Parses `*( SEMI param )` from `at` to the end of the text, with blanks anywhere between the parts.
 * Returns undefined where anything else stands there, a name is empty or repeated, or there are over `MAX_PARAMS`.
 *
 * @param repeated what becomes of a repeated name: it is none to have (RFC 3261 §7.3.1), or its first value holds
 */
export function parseParams(text: string, at: number, repeated: 'refused' | 'first' = 'refused'): Params | undefined {
  at = skipBlanks(text, at)
  if (at === text.length) return NO_PARAMS
  const names: string[] = []
  const values: (string | undefined)[] = []
  while (at < text.length) {
    if (codeAt(text, at) !== SEMICOLON || names.length === MAX_PARAMS) return undefined
    const start = skipBlanks(text, at + 1)
    const nameEnd = skipToken(text, start)
    if (nameEnd === start) return undefined
    const name = text.slice(start, nameEnd).toLowerCase()
    const again = names.includes(name)
    if (again && repeated === 'refused') return undefined
    at = skipBlanks(text, nameEnd)
    let value: string | undefined
    if (codeAt(text, at) === EQUALS) {
      const valueStart = skipBlanks(text, at + 1)
      const valueEnd = skipValue(text, valueStart)
      if (valueEnd < 0) return undefined
      value = text.slice(valueStart, valueEnd)
      at = skipBlanks(text, valueEnd)
    }
    if (again) continue
    names.push(name)
    values.push(value)
  }
  return new Params(names, values)
}
