import { err, ok, type Result } from '../core/result.ts'
import type { Environment } from './resolve.ts'

/** Text with its variables put in, and whether there were any. */
export interface Substituted {
  readonly text: string
  readonly fromEnvironment: boolean
}

const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

/**
 * Puts environment variables into one scalar of a config: `${VAR}`, `${VAR:-default}` (the default where VAR is unset or
 * empty, as in sh), and `$${` for a literal `${`. It works on values that are already parsed, so what a variable holds is
 * never read as YAML. The error says what is wrong with the reference.
 */
export function substitute(source: string, env: Environment): Result<Substituted, string> {
  if (!source.includes('${')) return ok({ text: source, fromEnvironment: false })
  let problem: string | null = null
  let fromEnvironment = false
  const text = source.replace(REFERENCE, (reference, name: string | undefined, fallback: string | undefined) => {
    if (reference === '$${') return '${'
    if (name === undefined) {
      problem ??= 'a variable must be written as ${NAME} or ${NAME:-default}'
      return reference
    }
    const value = env[name]
    if (value !== undefined && (value !== '' || fallback === undefined)) {
      fromEnvironment = true
      return value
    }
    if (fallback === undefined)
      problem ??= `the environment variable ${name} is not set; set it, or write \${${name}:-default}`
    return fallback ?? ''
  })
  return problem === null ? ok({ text, fromEnvironment }) : err(problem)
}
