/** Why the store could not do something; the code is for logs, metrics and replies, the message for people. */
export type StoreErrorCode =
  | 'data-folder-held'
  | 'data-folder-unusable'
  | 'disk-full'
  | 'embedded-failed'
  | 'embedded-other-version'
  | 'embedded-unavailable'
  | 'journal-timeout'
  | 'postgres-away'
  | 'postgres-refused'
  | 'redis-away'
  | 'redis-refused'
  | 'shared-state-input'

export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StoreError'
    this.code = code
  }
}

/** The `code` of an error of Node or of Postgres (SQLSTATE), or null. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

/** The message of whatever was thrown, on one line. */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ')
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ')
}
