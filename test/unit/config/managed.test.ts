import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import type { ManagedEntry } from '../../../lib/config/managed.ts'
import { formatProblem } from '../../../lib/config/problem.ts'
import type { Config } from '../../../lib/config/resolve.ts'

const FILE = `
agents: { intake: { backend: local } }
trunks: [{ id: alpha, sources: [192.0.2.1] }]
groups: { us: { trunks: [alpha] } }
tenants: [{ id: clinic, group: us, agent: intake, numbers: ["+12025550100"] }]
`
const TRUNK = { kind: 'trunks', name: 'beta', body: { sources: ['192.0.2.2'] } } as const
const TENANT = { kind: 'tenants', name: 'school', body: { group: 'us', agent: 'intake' } } as const

const parse = (managed: readonly ManagedEntry[], text = FILE, env: Record<string, string> = {}) =>
  parseConfig(text, { env, file: 'tandem.yaml', managed })

function accepted(managed: readonly ManagedEntry[], text = FILE, env: Record<string, string> = {}): Config {
  const result = parse(managed, text, env)
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
  return result.value
}

function refused(managed: readonly ManagedEntry[], text = FILE, env: Record<string, string> = {}): readonly string[] {
  const result = parse(managed, text, env)
  return result.ok ? [] : result.error.map(formatProblem)
}

describe('entries beside the config file', () => {
  it('are part of the config as if the file had them', () => {
    const config = accepted([
      { kind: 'credentials', name: 'trunk.alpha', body: { username: 'us', password: 'secret-1' } },
      { kind: 'numbers', name: '+12025550101', body: { tenant: 'school' } },
      { kind: 'numbers', name: '+12025550102', body: { tenant: 'clinic', trunk: 'alpha' } },
      TENANT,
      TRUNK,
      { kind: 'agents', name: 'desk', body: { backend: 'local' } },
    ])
    assert.deepEqual(
      config.trunks.map(({ id, credentials }) => [id, credentials?.username]),
      [
        ['alpha', 'us'],
        ['beta', undefined],
      ],
    )
    assert.deepEqual(
      config.tenants.map(({ id, numbers }) => [id, ...numbers.map(({ number }) => number)]),
      [
        ['clinic', '+12025550100', '+12025550102'],
        ['school', '+12025550101'],
      ],
    )
    assert.deepEqual(Object.keys(config.agents), ['intake', 'desk'])
  })

  it('give way to the file, which is told', () => {
    const file = FILE.replace('sources: [192.0.2.1]', 'sources: [192.0.2.1], credentials: { username: a, password: b }')
    const config = accepted(
      [
        { kind: 'trunks', name: 'alpha', body: { sources: ['192.0.2.66'] } },
        { kind: 'tenants', name: 'clinic', body: {} },
        { kind: 'agents', name: 'intake', body: { backend: 'local', voice: 'other' } },
        { kind: 'numbers', name: '+12025550100', body: { tenant: 'nobody' } },
        { kind: 'credentials', name: 'trunk.alpha', body: { username: 'x', password: 'y' } },
      ],
      file,
    )
    assert.equal(config.trunks.length, 1)
    assert.equal(config.trunks[0]?.credentials?.username, 'a')
    assert.deepEqual(
      config.notices
        .map(({ file: where, message }) => `${where}: ${message}`)
        .filter((line) => line.includes('managed')),
      ['agents/intake', 'trunks/alpha', 'tenants/clinic', 'numbers/+12025550100', 'credentials/trunk.alpha'].map(
        (name) => `managed/${name}: without effect, as the config file has it too`,
      ),
    )
  })

  it('leave a file without a section, or without a word, as good as any other', () => {
    assert.deepEqual(
      accepted([TRUNK], '').trunks.map(({ id }) => id),
      ['beta'],
    )
  })

  const refusals: readonly (readonly [string, ManagedEntry, string])[] = [
    ['a value', { ...TRUNK, body: { sources: ['x'] } }, 'managed/trunks/beta:1:1 sources[0]: expected an IP address'],
    [
      'a key',
      { ...TRUNK, body: { source: [] } },
      'managed/trunks/beta:1:1 source: unknown key (did you mean sources?)',
    ],
    [
      'an agent that is none',
      { ...TENANT, body: { group: 'us', agent: 'intak' } },
      'managed/tenants/school:1:1 agent: ',
    ],
    ['its own name', { ...TRUNK, body: { id: 'x' } }, 'managed/trunks/beta:1:1 id: the name of the entry says it'],
    [
      'numbers',
      { ...TENANT, body: { ...TENANT.body, numbers: [] } },
      'managed/tenants/school:1:1 numbers: has an entry',
    ],
    ['no map', { ...TRUNK, body: [] }, 'managed/trunks/beta:1:1: expected a map of keys'],
    ['a name', { ...TRUNK, name: '__proto__' }, 'managed/trunks/__proto__:1:1: expected a name'],
    [
      'a key of the language',
      { ...TRUNK, body: JSON.parse('{"probe":{"__proto__":{}}}') },
      'managed/trunks/beta:1:1 probe.__proto__: unknown key',
    ],
    [
      'nobody',
      { kind: 'numbers', name: '+12025550101', body: { tenant: 'clinics' } },
      'managed/numbers/+12025550101:1:1 tenant: there is no tenant "clinics" (did you mean clinic?)',
    ],
    [
      'no tenant',
      { kind: 'numbers', name: '+12025550101', body: {} },
      'managed/numbers/+12025550101:1:1 tenant: missing',
    ],
    [
      'no number',
      { kind: 'numbers', name: 'clinic', body: { tenant: 'clinic' } },
      'managed/numbers/clinic:1:1: expected',
    ],
    [
      'no owner',
      { kind: 'credentials', name: 'alpha', body: {} },
      'managed/credentials/alpha:1:1: expected trunk.ID or tenant.ID',
    ],
    [
      'an owner that is none',
      { kind: 'credentials', name: 'trunk.gamma', body: {} },
      'managed/credentials/trunk.gamma:1:1: there is no trunk "gamma"',
    ],
  ]
  for (const [why, entry, want] of refusals) {
    it(`are told what is wrong, and where: ${why}`, () => {
      assert.ok(refused([entry])[0]?.startsWith(want), refused([entry]).join('\n') || 'was accepted')
    })
  }

  it('are bounded in depth', () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`)
    assert.match(refused([{ ...TRUNK, body: { probe: deep } }])[0] ?? '', /too deep/)
  })

  it('take secrets from the environment, and nothing else, and never show them', () => {
    const env = { SECRET: 'hunter2', OTHER: 'other-secret' }
    const credentials = { kind: 'credentials', name: 'trunk.alpha' } as const
    const config = accepted([{ ...credentials, body: { username: '${OTHER}', password: '${SECRET}' } }], FILE, env)
    assert.deepEqual(config.trunks[0]?.credentials, { username: '${OTHER}', password: 'hunter2' })
    const told = [
      ...refused([{ ...credentials, body: { username: 1, password: '${SECRET}', more: '${OTHER}' } }], FILE, env),
      ...refused([{ ...credentials, body: { username: 'a', password: '${MISSING}' } }], FILE, env),
      ...refused([{ ...credentials, body: { username: 'a', password: ['hunter2'] } }], FILE, env),
    ].join('\n')
    assert.match(told, /environment variable MISSING is not set/)
    assert.doesNotMatch(told, /hunter2|other-secret/)
  })

  it('change neither the file nor themselves', () => {
    const entries = [TRUNK, TENANT, { kind: 'numbers', name: '+12025550101', body: { tenant: 'school' } } as const]
    const before = structuredClone(entries)
    accepted(entries)
    assert.deepEqual(entries, before)
    assert.equal(accepted([]).tenants.length, 1)
  })

  it('hold twenty thousand numbers of one tenant', () => {
    const numbers = Array.from({ length: 20_000 }, (_, i): ManagedEntry => {
      return { kind: 'numbers', name: `+1202${String(i).padStart(7, '0')}`, body: { tenant: 'clinic' } }
    })
    assert.equal(accepted(numbers).tenants[0]?.numbers.length, 20_001)
  })
})
