/** Ends a `switch` over a union: a member that was forgotten is a compile error; at run time it is a bug and throws. */
export function assertNever(value: never): never {
  throw new Error(`unexpected member of a union: ${JSON.stringify(value)}`)
}
