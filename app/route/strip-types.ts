import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

const stripped = z.object({ code: z.string() })
const syntaxError = z.object({
  message: z.string(),
  startLine: z.number().optional(),
  startColumn: z.number().optional(),
})

const require = createRequire(import.meta.url)

/**
 * TypeScript without its types, which blanks take the place of: lines and columns stay. Throws a SyntaxError that names the place
 * where the text is no TypeScript, or has what is not erasable (enums, parameter properties, namespaces).
 */
export function stripTypes(source: string, url: string): string {
  try {
    // Loaded where a router is: 3.7 MB that no other thread needs.
    const swc: { transformSync(source: string, options: object): unknown } = require('@swc/wasm-typescript')
    return stripped.parse(swc.transformSync(source, { mode: 'strip-only', module: true })).code
  } catch (error) {
    const read = syntaxError.safeParse(error)
    if (!read.success) throw error
    const { message, startLine, startColumn } = read.data
    const place = startLine === undefined ? '' : `:${startLine}:${(startColumn ?? 0) + 1}`
    throw new SyntaxError(`${fileURLToPath(url)}${place}: ${message}`)
  }
}
