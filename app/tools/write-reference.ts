import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { carrierReference } from '../../lib/config/carriers.ts'
import { jsonSchema } from '../../lib/config/known-keys.ts'
import { keyReference } from '../../lib/config/reference.ts'

/**
 * Writes what is made from the sources: the JSON Schema for editors, the tables of docs/configuration.md, and what
 * docs/carriers.md says of carriers.
 */

const root = new URL('../../../', import.meta.url)
mkdirSync(new URL('schema/', root), { recursive: true })
writeFileSync(new URL('schema/tandem.schema.json', root), `${JSON.stringify(jsonSchema(), null, 2)}\n`)
writeBetween('docs/configuration.md', 'keys', keyReference())
writeBetween('docs/carriers.md', 'carriers', carrierReference())

/** Replaces what stands between `<!-- NAME: … -->` and `<!-- end of NAME -->` in a page. */
function writeBetween(path: string, name: string, content: string): void {
  const page = new URL(path, root)
  const marked = new RegExp(`(<!-- ${name}: .* -->\n)[\\s\\S]*(\n<!-- end of ${name} -->)`)
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(marked, (_, begin: string, end: string) => `${begin}\n${content}\n${end}`),
  )
}
