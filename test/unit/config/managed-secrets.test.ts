import assert from 'node:assert/strict'
import { asSealed, changeSealed, changeSecrets, hasSecrets, redacted } from '../../../lib/config/managed-secrets.ts'

const BODY = {
  backend: 'openai',
  apiKey: 'sk-secret',
  fallback: [{ backend: 'azure', apiKey: '${AZURE_KEY}' }, { apiKey: 'sk-other' }],
  tools: [
    { name: 'lookup', secret: 'sign', parameters: { type: 'object', properties: { password: { type: 'string' } } } },
  ],
}

describe('secrets of managed entries', () => {
  it('are those that are given by value, wherever they stand', () => {
    const seen: string[] = []
    changeSecrets(BODY, (secret, path) => seen.push(`${path} ${secret}`))
    assert.deepEqual(seen, ['["apiKey"] sk-secret', '["fallback",1,"apiKey"] sk-other', '["tools",0,"secret"] sign'])
    assert.ok(hasSecrets(BODY))
    assert.ok(!hasSecrets({ password: '${PASSWORD}', username: 'u', secret: null }))
    for (const password of ['x${A}', '${A:-secret}', '', '${A}${B}']) assert.ok(hasSecrets({ password }), password)
  })

  it('come back as they were, each at its own place, and what cannot be opened stays sealed', () => {
    const sealed = changeSecrets(BODY, (secret, path) => asSealed(`${path}:${secret}`))
    assert.doesNotMatch(JSON.stringify({ ...BODY, ...Object(sealed) }), /"sk-/)
    const opened = changeSealed(sealed, (text, path) =>
      text.startsWith(`${path}:`) ? text.slice(path.length + 1) : null,
    )
    assert.deepEqual(opened, BODY)
    assert.deepEqual(
      changeSealed(sealed, () => null),
      sealed,
    )
  })

  it('are shown as being there, sealed or not, and references as they are', () => {
    const sealed = changeSecrets(BODY, (secret) => asSealed(secret))
    for (const body of [BODY, sealed]) {
      const shown = JSON.stringify(redacted(body))
      assert.doesNotMatch(shown, /sk-|sign"/)
      assert.match(shown, /"apiKey":\{"set":true\}/)
      assert.match(shown, /\$\{AZURE_KEY\}/)
      assert.match(shown, /"password":\{"type":"string"\}/)
    }
  })
})
