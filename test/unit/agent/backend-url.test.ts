import assert from 'node:assert/strict'
import { judgeBackendUrl } from '../../../lib/agent/backend-url.ts'

describe('the URL of a backend', () => {
  const cases: readonly (readonly [string, 'tls' | 'plain' | 'refused'])[] = [
    ['https://api.openai.com/v1', 'tls'],
    ['wss://res.openai.azure.com/openai/v1', 'tls'],
    ['ws://127.0.0.1:8000/v1', 'plain'],
    ['http://localhost:8000/v1', 'plain'],
    ['ws://[::1]:8000/v1', 'plain'],
    ['ws://127.3.2.1/v1', 'plain'],
    ['ws://192.0.2.1/v1', 'refused'],
    ['http://127.0.0.1.example.com/v1', 'refused'],
    ['http://0.0.0.0/v1', 'refused'],
    ['ftp://127.0.0.1/', 'refused'],
    ['https://api.openai.com/v1?key=1', 'refused'],
    ['nonsense', 'refused'],
  ]
  for (const [url, want] of cases) {
    it(`${url} is ${want}`, () => {
      const verdict = judgeBackendUrl(url)
      assert.equal(verdict.ok ? (verdict.value.plaintext ? 'plain' : 'tls') : 'refused', want)
    })
  }
})
