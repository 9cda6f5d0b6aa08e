import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { MAX_FILE_BYTES, MAX_PROBLEMS } from '../../../lib/config/document.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { formatProblem } from '../../../lib/config/problem.ts'
import type { Config, Environment } from '../../../lib/config/resolve.ts'

function load(text: string, env: Environment = {}): Config {
  const result = parseConfig(text, { env, file: 'tandem.yaml' })
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
  return result.value
}

function problems(text: string, env: Environment = {}): readonly string[] {
  const result = parseConfig(text, { env, file: 'tandem.yaml' })
  assert.ok(!result.ok, 'the config has a problem')
  return result.error.map(formatProblem)
}

const example = readFileSync(new URL('../../../../examples/tandem.example.yaml', import.meta.url), 'utf8')

describe('a config file', () => {
  it('is the example as it stands', () => {
    const config = load(example)
    assert.equal(config.node.id, 'east-1')
    assert.deepEqual(config.http.keys, [{ name: 'ops', key: 'dev-key', role: 'admin' }])
    assert.deepEqual(config.media.rtpPorts, { from: 20_000, to: 20_999 })
    assert.deepEqual(
      config.trunks.map(({ id }) => id),
      ['alpha', 'beta'],
    )
    assert.equal(config.tenants[0]?.resumeWindowMs, 15 * 60_000)
    assert.equal(config.dns?.zone, 'sip.example.net')
  })

  it('may be empty: every key has a default', () => {
    for (const text of ['', '# nothing', '{}', '---\n']) assert.equal(load(text).http.listen.port, 8_080)
  })

  it('may be JSON, also with tabs', () => {
    const config = load('{\n\t"node": {\n\t\t"id": "west-1"\n\t},\n\t"tenants": []\n}\n')
    assert.equal(config.node.id, 'west-1')
  })

  it('is frozen all the way down', () => {
    const config = load(example)
    assert.ok(Object.isFrozen(config.trunks[0]?.probe))
    assert.ok(Object.isFrozen(config.agents.intake?.tools[0]?.parameters))
  })

  it('says line, column, key, what was expected, what was found, and what is near', () => {
    assert.deepEqual(problems('sip:\n  unknown: dorp\n  lisen: []\n'), [
      'tandem.yaml:2:3 sip.unknown: expected "drop" or "reject", found "dorp" (did you mean drop?)',
      'tandem.yaml:3:3 sip.lisen: unknown key (did you mean listen?)',
    ])
  })

  it('tells all keys of a place where none is near', () => {
    assert.match(problems('log: { zzzzzz: 1 }')[0] ?? '', /unknown key; in log there are level$/)
  })

  it('tells every problem at once', () => {
    const text =
      'node: { maxCalls: none, drainTimeout: 5 }\nmedia: { rtpPorts: 20001-20010 }\ntrunks: [{}]\ntenants: 5\n'
    assert.deepEqual(
      problems(text).map((line) => line.split(': ')[0]),
      [
        'tandem.yaml:1:9 node.maxCalls',
        'tandem.yaml:1:25 node.drainTimeout',
        'tandem.yaml:2:10 media.rtpPorts',
        'tandem.yaml:3:10 trunks[0].id',
        'tandem.yaml:4:1 tenants',
      ],
    )
  })

  const VALUES: readonly (readonly [why: string, text: string, want: RegExp])[] = [
    ['a key that is needed', 'dns: { zone: example.net }', /dns.listen: missing; expected a listen address/],
    [
      'a zone that is no domain',
      'dns: { listen: "udp:127.0.0.1:5353", zone: 127.0.0.1 }',
      /dns.zone: expected a domain/,
    ],
    [
      'a zone of one label',
      'dns: { listen: "udp:127.0.0.1:5353", zone: sip }',
      /dns.zone: expected a domain name such/,
    ],
    [
      'DNS over TLS',
      'dns: { listen: "tls:127.0.0.1:853", zone: example.net }',
      /dns.listen: expected a listen address/,
    ],
    [
      'DNS at a name',
      'dns: { listen: "udp:localhost:53", zone: example.net }',
      /dns.listen: expected .* an IP address/,
    ],
    ['a list where a map stands', 'trunks: { a: 1 }', /trunks: expected a list, found a map of keys/],
    ['text where a map stands', 'sip: yes', /sip: expected a map of keys, found "yes"/],
    ['null', 'http: { listen: }', /http.listen: expected HOST:PORT .*, found nothing \(null\)/],
    ['a number out of its range', 'sip: { workers: 0 }', /sip.workers: expected a whole number from 1 to 64, found 0/],
    [
      'the nearer member of a union',
      'trunks: [{ id: a, sources: [{ address: 192.0.2.1, hots: x }] }]',
      /sources\[0\].hots: unknown key \(did you mean host\?\)/,
    ],
    [
      'a calling number that is none',
      'trunks: [{ id: a, sources: [192.0.2.1], callerIds: ["2025550100"] }]',
      /trunks\[0\].callerIds\[0\]: expected a number in E.164 .* or how numbers begin/,
    ],
    [
      'a time zone that is none',
      'tenants: [{ id: a, callingHours: { zone: Mars, windows: [{ from: "09:00", to: "18:00" }] } }]',
      /callingHours.zone: expected a time zone such as/,
    ],
    [
      'a time of day that is none',
      'tenants: [{ id: a, callingHours: { zone: UTC, windows: [{ from: "24:01", to: "9:00" }] } }]',
      /windows\[0\].from: expected a time in quotes[\s\S]*windows\[0\].to: expected a time in quotes/,
    ],
    [
      'a window that does not last',
      'tenants: [{ id: a, callingHours: { zone: UTC, windows: [{ from: "09:00", to: "09:00" }] } }]',
      /windows\[0\]: expected from and to that differ/,
    ],
    ['a bad name of an agent', 'agents: { "a b": {} }', /agents.a b: expected an agent name .* as key/],
    [
      'a header that is of one leg',
      'trunks: [{ id: a, passHeaders: [Reason, Record-Route] }]',
      /trunks\[0\].passHeaders\[1\]: .*a header that may pass.* found "Record-Route"/,
    ],
    ['a key twice', 'node: {}\nnode: {}', /tandem.yaml:2:1: Map keys must be unique/],
    [
      'plaintext to a stranger',
      'agents: { a: { backend: custom, url: "ws://192.0.2.1/realtime" } }',
      /agents.a.url: expected a wss:/,
    ],
  ]
  for (const [why, text, want] of VALUES) {
    it(`is told what is wrong: ${why}`, () => {
      assert.match(problems(text).join('\n'), want)
    })
  }

  it('says where YAML went wrong, once, and how to quote a variable', () => {
    const lines = problems('http:\n  keys: [{ name: a, key: ${KEY}, role: admin }]\nnode: {}\n')
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /^tandem.yaml:2:\d+: .*needs quotes: "\$\{NAME\}"$/)
  })

  it('reads what stands there where only text fits, whatever YAML makes of it', () => {
    const config = load(
      `agents: { a: { backend: local, voice: 007 } }
trunks: [{ id: t, sources: [192.0.2.1], credentials: { username: 1e3, password: 0123 } }]
groups: { g: { trunks: [t] } }
tenants: [{ id: x, group: g, agent: a, numbers: [+15550100] }]`,
    )
    assert.equal(config.agents.a?.voice, '007')
    assert.deepEqual(config.trunks[0]?.credentials, { username: '1e3', password: '0123' })
    assert.equal(config.tenants[0]?.numbers[0]?.number, '+15550100')
  })

  it('puts variables where they are written, as the type that belongs there', () => {
    const env = { CALLS: '42', KEY: '12345', REC: 'true' }
    const config = load('node:\n  maxCalls: ${CALLS}\nstore:\n  keyWrap: ${KEY}\nmedia:\n  inbandDtmf: ${REC}\n', env)
    assert.equal(config.node.maxCalls, 42)
    assert.equal(config.store.keyWrap, '12345')
    assert.equal(config.media.inbandDtmf, true)
  })

  it('lets no variable bring structure in', () => {
    const lines = problems('node:\n  id: ${ID}\n', { ID: 'a\nhttp: { listen: 0.0.0.0:1 }' })
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /^tandem.yaml:2:3 node.id: expected a name/)
  })

  it('names the line of a variable that is not set, and does not also call the key missing', () => {
    assert.deepEqual(problems('http:\n  keys:\n    - { name: a, key: "${NOPE}", role: admin }\n'), [
      'tandem.yaml:3:18 http.keys[0].key: the environment variable NOPE is not set; set it, or write ${NOPE:-default}',
    ])
  })

  it('shows no secret and no value of the environment in a problem', () => {
    const env = { SECRET: 'hunter2-from-env' }
    const text = [
      'node: { id: "${SECRET} !" }',
      'sip: { engine: "drachtio://:hunter2@" }',
      'store: { postgres: "mysql://u:hunter2@db/x", redis: "hunter2" }',
      'http: { keys: [{ name: a, key: [hunter2], role: admin }, { name: b, key: "", role: hunter }] }',
      'agents: { a: { backend: custom, url: "ws://192.0.2.1/?key=hunter2", apiKey: { hunter2: 1 } } }',
    ].join('\n')
    const shown = problems(text, env).join('\n')
    assert.doesNotMatch(shown, /hunter2/)
    assert.doesNotMatch(problems('http:\n  keys: [}\n    key: "hunter2"\n').join('\n'), /hunter2/)
  })

  it('ends a bomb of aliases without unfolding it', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`,
    )
    const lines = problems(`a0: &a0 [x, x, x]\n${levels.join('\n')}\n`)
    assert.match(lines.join('\n'), /too much for a config file/)
  })

  it('may use an anchor again', () => {
    const config = load(
      'trunks:\n  - { id: a, sources: [192.0.2.1], probe: &p { misses: 7 } }\n  - { id: b, sources: [192.0.2.2], probe: *p }\n',
    )
    assert.equal(config.trunks[1]?.probe.misses, 7)
  })

  it('is refused unread where it is too large, too deep or not a map', () => {
    assert.match(problems(`# ${'x'.repeat(MAX_FILE_BYTES)}`)[0] ?? '', /too large/)
    assert.match(problems(`${'['.repeat(200)}${']'.repeat(200)}`)[0] ?? '', /too much for a config file/)
    assert.match(problems('just text')[0] ?? '', /expected a map of keys, found "just text"/)
  })

  it('tells no more problems than one can read', () => {
    const keys = Array.from({ length: 500 }, (_, i) => `bad${i}: 1`).join('\n')
    assert.equal(problems(keys).length, MAX_PROBLEMS)
  })

  it('never throws, whatever it holds', () => {
    const lines = example.split('\n')
    const mutation = fc.tuple(fc.nat(lines.length - 1), fc.string({ maxLength: 20 }))
    fc.assert(
      fc.property(mutation, fc.string({ maxLength: 200 }), ([at, insert], text) => {
        parseConfig(text, { env: {}, file: 'x' })
        parseConfig(lines.with(at, `${lines[at]?.slice(0, 8)}${insert}`).join('\n'), { env: {}, file: 'x' })
      }),
      { numRuns: 60 },
    )
  })
})
