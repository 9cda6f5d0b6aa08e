import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { jsonSchema } from '../../lib/config/known-keys.ts'
import { keyReference } from '../../lib/config/reference.ts'

/** Writes what is made from the config's schema: the JSON Schema for editors, and the tables of docs/configuration.md. */

const root = new URL('../../../', import.meta.url)
mkdirSync(new URL('schema/', root), { recursive: true })
writeFileSync(new URL('schema/tandem.schema.json', root), `${JSON.stringify(jsonSchema(), null, 2)}\n`)

const page = new URL('docs/configuration.md', root)
const text = readFileSync(page, 'utf8')
writeFileSync(
  page,
  text.replace(
    /(<!-- keys: .* -->\n)[\s\S]*(\n<!-- end of keys -->)/,
    `$1\n${keyReference().replaceAll('$', '$$$$')}\n$2`,
  ),
)
