import assert from 'node:assert/strict'
import { defaultConfig } from '../../../lib/config/default-config.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { formatProblem } from '../../../lib/config/problem.ts'
import type { Config, Environment } from '../../../lib/config/resolve.ts'

function load(text: string, env: Environment = {}): Config {
  const result = parseConfig(text, { env, file: 'x.yaml' })
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
  return result.value
}

describe('the defaults of a trunk', () => {
  const trunk = (more: string, rest = '') => load(`trunks: [{ id: t, sources: [192.0.2.1]${more} }]\n${rest}`).trunks[0]

  it('are the numbers that docs/configuration.md promises', () => {
    const { probe, calls, media, noReplyMs, noProgressMs, huntBudgetMs, ringTimeoutMs, maxRedirects } =
      trunk('') ?? assert.fail()
    assert.deepEqual(probe, {
      enabled: true,
      intervalMs: 5_000,
      jitter: 0.2,
      timeoutMs: 2_000,
      fastIntervalMs: 1_000,
      misses: 3,
      rises: 3,
      holdDownMs: 30_000,
      holdDownMaxMs: 600_000,
      flapMemoryMs: 600_000,
      alive: 'default',
      retryAfterMinMs: 1_000,
      retryAfterMaxMs: 60_000,
    })
    assert.deepEqual(calls, {
      windowMs: 60_000,
      minAttempts: 8,
      faultRatio: 0.5,
      consecutive: 5,
      transportFaults: 3,
      minNumbers: 3,
      canary: 3,
    })
    assert.deepEqual(media, { lossPercent: 5, calls: 10, bad: 3, clearAfterMs: 600_000 })
    assert.deepEqual(
      [noReplyMs, noProgressMs, huntBudgetMs, ringTimeoutMs, maxRedirects],
      [2_000, 12_000, 20_000, 60_000, 5],
    )
  })

  const DEGRADED: readonly (readonly [why: string, more: string, onDegraded: string, follows3xx: boolean])[] = [
    ['a plain SIP peer follows 302', '', 'redirect', true],
    ['a carrier of which that is not proven is refused with 503', ', profile: twilio', 'refuse', false],
    ['unless the file says that it follows', ', profile: twilio, follows3xx: true', 'redirect', true],
    ['or that it is to be redirected', ', profile: telnyx, onDegraded: redirect', 'redirect', true],
    ['a peer that does not follow', ', follows3xx: false', 'refuse', false],
    ['the policy of the file wins', ', onDegraded: accept', 'accept', true],
  ]
  for (const [why, more, onDegraded, follows3xx] of DEGRADED) {
    it(`say what its calls get while it is degraded: ${why}`, () => {
      const { onDegraded: policy, follows3xx: follows } = trunk(more) ?? assert.fail()
      assert.deepEqual([policy, follows], [onDegraded, follows3xx])
    })
  }

  it('take ingress from the node and SRTP from media', () => {
    const { ingress, srtp } =
      trunk('', 'node: { address: 192.0.2.9 }\nmedia: { srtp: "off" }\nsip: { listen: ["udp:0.0.0.0:5070"] }') ??
      assert.fail()
    assert.deepEqual([ingress.text, srtp], ['sip:192.0.2.9:5070', 'off'])
  })
})

describe('the backends of an agent', () => {
  it('stand in the order in which they are tried, each with all that a client needs', () => {
    const { agents } = load(
      `agents:
  a:
    backend: openai
    fallback:
      - { backend: azure, url: "https://res.openai.azure.com", model: voice, apiKey: az }
      - { backend: custom, url: "ws://127.0.0.1:9000/v1/realtime?x=1" }
      - { backend: local }
`,
      { OPENAI_API_KEY: 'sk' },
    )
    const tenMinutes = 600_000
    assert.deepEqual(agents.a?.backends, [
      {
        kind: 'openai',
        baseUrl: 'https://api.openai.com/v1',
        model: 'gpt-realtime-2.1',
        apiKey: 'sk',
        renewBeforeMs: tenMinutes,
        probe: 'session',
      },
      {
        kind: 'azure',
        baseUrl: 'https://res.openai.azure.com/openai/v1',
        model: 'voice',
        apiKey: 'az',
        renewBeforeMs: 300_000,
        probe: 'session',
      },
      {
        kind: 'custom',
        baseUrl: 'ws://127.0.0.1:9000/v1',
        model: 'gpt-realtime-2.1',
        apiKey: '',
        renewBeforeMs: tenMinutes,
        probe: 'session',
      },
      { kind: 'local', renewBeforeMs: tenMinutes, probe: 'connect' },
    ])
  })

  it('go where OPENAI_BASE_URL says, in plaintext to loopback only', () => {
    const text = 'agents: { a: { backend: openai, apiKey: k } }'
    const [backend] = load(text, { OPENAI_BASE_URL: 'http://127.0.0.1:9000/v1/' }).agents.a?.backends ?? []
    assert.ok(backend?.kind === 'openai')
    assert.equal(backend.baseUrl, 'http://127.0.0.1:9000/v1')
    for (const url of ['http://192.0.2.1/v1', 'ws://example.net', 'ftp://127.0.0.1', 'nonsense']) {
      const result = parseConfig(text, { env: { OPENAI_BASE_URL: url }, file: 'x.yaml' })
      assert.ok(!result.ok, url)
      assert.match(result.error[0]?.message ?? '', /^OPENAI_BASE_URL must be/)
    }
  })
})

describe('the built-in config', () => {
  const builtIn = (env: Environment): Config => {
    const result = defaultConfig(env)
    assert.ok(result.ok)
    return result.value
  }

  it('is everything embedded, on loopback, with a local agent and a trunk that lets the softphone in', () => {
    const { sip, http, store, media, agents, trunks, node } = builtIn({})
    assert.deepEqual(sip.listen, [
      { protocol: 'udp', host: '127.0.0.1', port: 5060 },
      { protocol: 'tcp', host: '127.0.0.1', port: 5060 },
    ])
    assert.deepEqual(http.listen, { host: '127.0.0.1', port: 8080 })
    assert.deepEqual(
      [sip.engine.kind, media.engine.kind, store.postgres.kind, store.redis.kind],
      Array(4).fill('embedded'),
    )
    assert.deepEqual(
      Object.values(agents).map(({ backends }) => backends[0].kind),
      ['local'],
    )
    assert.deepEqual(
      trunks.map(({ id }) => id),
      ['alpha', 'beta', 'local'],
    )
    assert.equal(trunks[2]?.sources[0]?.address, '127.0.0.1')
    assert.equal(node.dataDir, './data')
  })

  it('uses OpenAI where there is a key for it', () => {
    const [backend] = Object.values(builtIn({ OPENAI_API_KEY: 'sk-1' }).agents)[0]?.backends ?? []
    assert.deepEqual(backend, {
      kind: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      model: 'gpt-realtime-2.1',
      apiKey: 'sk-1',
      renewBeforeMs: 600_000,
      probe: 'session',
    })
  })
})
