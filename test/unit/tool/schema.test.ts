import assert from 'node:assert/strict'
import { misfit, resultSchemaProblem, schemaProblem } from '../../../lib/tool/schema.ts'

const DATED = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://example.net/dated',
  type: 'object',
  properties: { date: { type: 'string', format: 'date' }, part: { enum: ['am', 'pm'] } },
  required: ['date'],
  additionalProperties: false,
}

describe('the JSON Schema of a tool', () => {
  const values: readonly (readonly [string, object, string | null])[] = [
    ['fits', { date: '2026-11-23', part: 'am' }, null],
    ['has a format that only the model is told of', { date: 'tomorrow' }, null],
    ['lacks a name', {}, "it must have required property 'date'"],
    ['has another type', { date: 7 }, '/date must be string'],
    [
      'is none of what is allowed',
      { date: '', part: 'x' },
      '/part must be equal to one of the allowed values (["am","pm"])',
    ],
    ['has a name that is not known', { date: '', time: 1 }, 'it must NOT have additional properties ("time")'],
  ]
  for (const [why, value, want] of values) {
    it(`says of a value that ${why}: ${want ?? 'nothing'}`, () => assert.equal(misfit(DATED, value), want))
  }

  it('may have the $id of another one', () => {
    assert.equal(misfit({ ...DATED, required: [] }, {}), null)
    assert.equal(schemaProblem(DATED), null)
    assert.equal(schemaProblem(DATED), null)
  })

  const schemas: readonly (readonly [string, Readonly<Record<string, unknown>>, RegExp])[] = [
    ['arguments without names', { type: 'array' }, /^a JSON Schema of type: object/],
    ['a type that is none', { type: 'object', properties: { a: { type: 'text' } } }, /\/properties\/a\/type must be/],
    [
      'a reference to elsewhere',
      { type: 'object', properties: { a: { $ref: 'https://192.0.2.1/' } } },
      /can't resolve reference/,
    ],
    ['a pattern that is none', { properties: { a: { pattern: '(' } } }, /Invalid regular expression/],
    ['checks that take their time', { $async: true, type: 'object' }, /\$async/],
  ]
  for (const [why, schema, want] of schemas) {
    it(`is refused with ${why}`, () => assert.match(schemaProblem(schema) ?? '', want))
  }

  it('may be of any type for an answer', () => assert.equal(resultSchemaProblem({ type: 'array' }), null))
})
