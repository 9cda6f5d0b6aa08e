/** Keys of an entry's body whose values are secrets. */
export const SECRET_VALUES: ReadonlySet<PropertyKey> = new Set(['apiKey', 'password', 'secret', 'authorization'])

/** A value that is a variable of the environment and nothing else: it is no secret itself. */
const REFERENCE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/

/** A copy of an entry's body with every secret that is given by value changed. `path`: where it stands, unique in the body. */
export const changeSecrets = (body: unknown, change: (secret: string, path: string) => unknown): unknown =>
  walk(body, [], (value, path) =>
    typeof value === 'string' && !REFERENCE.test(value) ? { to: change(value, path) } : null,
  )

/** Whether an entry's body has a secret by value. */
export function hasSecrets(body: unknown): boolean {
  let found = false
  changeSecrets(body, (secret) => {
    found = true
    return secret
  })
  return found
}

/** What stands for a secret at rest. */
interface Sealed {
  readonly sealed: string
}

/** A secret as it is kept. */
export const asSealed = (sealed: string): Sealed => ({ sealed })

/** A copy of a kept body with every sealed secret changed; one for which `open` has nothing stays as it is. */
export const changeSealed = (body: unknown, open: (sealed: string, path: string) => unknown): unknown =>
  walk(body, [], (value, path) => {
    const opened = isSealed(value) ? open(value.sealed, path) : null
    return opened === null ? null : { to: opened }
  })

/** A kept body as it may be shown: of a secret, that there is one. */
export const redacted = (body: unknown): unknown =>
  changeSecrets(
    changeSealed(body, () => SHOWN),
    () => SHOWN,
  )

const SHOWN = { set: true } as const

type Change = (value: unknown, path: string) => { readonly to: unknown } | null

function walk(value: unknown, path: readonly PropertyKey[], change: Change): unknown {
  const key = path.at(-1)
  const changed = key !== undefined && SECRET_VALUES.has(key) ? change(value, JSON.stringify(path)) : null
  if (changed !== null) return changed.to
  if (Array.isArray(value)) return value.map((each: unknown, index) => walk(each, [...path, index], change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, walk(each, [...path, name], change)]))
}

function isSealed(value: unknown): value is Sealed {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).length === 1 &&
    'sealed' in value &&
    typeof value.sealed === 'string'
  )
}
