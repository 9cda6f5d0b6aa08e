import assert from 'node:assert/strict'
import { substitute } from '../../../lib/config/variables.ts'

describe('a variable in the config', () => {
  const env = { KEY: 'sk-1', EMPTY: '', NESTED: '${KEY}' }
  const text = (source: string): string => {
    const result = substitute(source, env)
    assert.ok(result.ok, source)
    return result.value.text
  }
  const problem = (source: string): string => {
    const result = substitute(source, env)
    assert.ok(!result.ok, source)
    return result.error
  }

  it('is replaced, alone or inside text, once or often', () => {
    assert.equal(text('${KEY}'), 'sk-1')
    assert.equal(text('a-${KEY}-b-${KEY}'), 'a-sk-1-b-sk-1')
  })
  it('takes its default where it is unset or empty', () => {
    assert.equal(text('${NOPE:-dev-key}'), 'dev-key')
    assert.equal(text('${EMPTY:-dev-key}'), 'dev-key')
    assert.equal(text('${NOPE:-}'), '')
    assert.equal(text('${EMPTY}'), '')
  })
  it('is named where it is missing and has no default', () => {
    assert.match(problem('${NOPE}'), /NOPE is not set/)
  })
  it('is told from a literal by a second dollar sign', () => {
    assert.equal(text('$${KEY}'), '${KEY}')
    assert.equal(text('costs $5'), 'costs $5')
  })
  it('is not looked for again in what another variable holds', () => {
    assert.equal(text('${NESTED}'), '${KEY}')
  })
  it('must be well formed', () => {
    for (const wrong of ['${', '${}', '${1A}', '${A B}', '${KEY', '${KEY-x}'])
      assert.match(problem(wrong), /must be written/)
  })
})
