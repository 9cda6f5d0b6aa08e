import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { jsonSchema, type SchemaNode } from '../../../lib/config/known-keys.ts'
import { keyReference } from '../../../lib/config/reference.ts'

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')

describe('what is made from the schema', () => {
  it('is current: the JSON Schema for editors (npm run schema)', () => {
    assert.deepEqual(JSON.parse(read('schema/tandem.schema.json')), jsonSchema())
  })

  it('is current: the keys in docs/configuration.md (npm run schema)', () => {
    assert.ok(read('docs/configuration.md').includes(`\n${keyReference()}\n`))
  })

  it('says of every key what it is for', () => {
    const silent: string[] = []
    const walk = (node: SchemaNode, path: string): void => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        if (child.description === undefined) silent.push(`${path}${key}`)
        walk(child, `${path}${key}.`)
      }
      for (const branch of node.anyOf ?? []) walk(branch, path)
      if (node.items !== undefined) walk(node.items, path)
      if (typeof node.additionalProperties === 'object') walk(node.additionalProperties, path)
    }
    walk(jsonSchema(), '')
    assert.deepEqual(silent, [])
  })
})
