/** What drachtio-srf has and its types do not know; nothing where `of` is no object, or has no such property. */
export const propertyOf = (of: unknown, name: string): unknown =>
  (typeof of === 'object' && of !== null) || typeof of === 'function' ? Reflect.get(of, name) : undefined

/** Calls a method that drachtio-srf's types do not know. Throws where there is none: another version than we know. */
export function callMethod(on: unknown, name: string, ...args: unknown[]): unknown {
  const method = propertyOf(on, name)
  if (typeof method !== 'function') throw new Error(`this drachtio-srf has no ${name}()`)
  return method.apply(on, args)
}
