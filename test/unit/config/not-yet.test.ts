import assert from 'node:assert/strict'
import { jsonSchema, type SchemaNode } from '../../../lib/config/known-keys.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { NOT_YET, notYetOf } from '../../../lib/config/not-yet.ts'
import { formatProblem } from '../../../lib/config/problem.ts'
import { sourceFiles } from '../../helpers/source-files.ts'

const parse = (text: string) => parseConfig(text, { env: {}, file: 'x.yaml' })

/** What a node says of a config that it starts with. */
function notices(text: string): readonly string[] {
  const result = parse(text)
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
  return result.value.notices.map(formatProblem)
}

/** Every key of the schema as the table writes it. */
function keysOf(node: SchemaNode, path: string): readonly string[] {
  const inside = (child: SchemaNode, key: string): readonly string[] => [key, ...keysOf(child, key)]
  const values = node.additionalProperties
  return [
    ...Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
      inside(child, path === '' ? name : `${path}.${name}`),
    ),
    ...(node.items === undefined ? [] : inside(node.items, `${path}[]`)),
    ...(typeof values === 'object' ? inside(values, `${path}.NAME`) : []),
    ...(node.anyOf ?? []).flatMap((branch) => keysOf(branch, path)),
  ]
}

describe('what this version does not do yet', () => {
  it('is a table of keys that there are, each once', () => {
    const known = new Set(keysOf(jsonSchema(), ''))
    const named = NOT_YET.map(({ key }) => key)
    assert.deepEqual(
      named.filter((key) => !known.has(key)),
      [],
    )
    assert.equal(new Set(named).size, named.length)
  })

  it('marks a key, all that stands below it, and none that only begins alike', () => {
    assert.equal(notYetOf('identity.maxAge')?.key, 'identity.maxAge')
    assert.equal(notYetOf('dns.zone'), null)
    assert.equal(notYetOf('trunks[].sources'), null)
    assert.equal(notYetOf('tenants[].hostess'), null)
  })

  const REFUSED: readonly (readonly [why: string, text: string, want: RegExp])[] = [
    ['only codecs that nothing speaks', 'media: { codecs: [opus] }', /media\.codecs: .*one of those two must be named/],
  ]
  for (const [why, text, want] of REFUSED) {
    it(`refuses a config that could not be lived up to: ${why}`, () => {
      const result = parse(text)
      assert.ok(!result.ok)
      assert.match(result.error.map(formatProblem).join('\n'), want)
    })
  }

  const WARNED: readonly (readonly [text: string, want: RegExp])[] = [
    ['media:\n  inbandDtmf: true', /^x\.yaml:2:3 media\.inbandDtmf: DTMF/],
  ]
  for (const [text, want] of WARNED) {
    it(`warns, with the place, of what will not happen: ${text.split('\n').at(-1)}`, () => {
      assert.match(notices(text).join('\n'), want)
    })
  }

  it('names all lesser keys in one line', () => {
    const text =
      'trunks:\n  - { id: a, sources: [192.0.2.1], weight: 2 }\n  - { id: b, sources: [192.0.2.2], weight: 3 }\nidentity: { maxAge: 30s }'
    assert.deepEqual(notices(text), ['x.yaml:1:1: accepted, without effect in this version: identity.maxAge'])
  })

  it('says nothing of a config that asks for nothing of it', () => {
    const nothing = 'media: { srtp: "off", inbandDtmf: false }\nsip: { engine: embedded, workers: 1 }'
    assert.deepEqual(notices(nothing), [])
  })
})

describe('the address of a node', () => {
  const address = (text: string): string => {
    const result = parse(text)
    assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
    return result.value.node.address
  }

  it('is what the file says, else that of the first socket on one address, else loopback', () => {
    assert.equal(address('sip: { listen: ["udp:192.0.2.1:5060"] }\nnode: { address: 192.0.2.1 }'), '192.0.2.1')
    assert.equal(address('sip: { listen: ["udp:0.0.0.0:5060", "tcp:192.0.2.7:5060"] }'), '192.0.2.7')
    assert.equal(address('sip: { listen: ["udp:[::]:5060", "udp:[2001:db8::1]:5060"] }'), '2001:db8::1')
    assert.equal(address(''), '127.0.0.1')
  })

  it('stands in the ingress of trunks', () => {
    const result = parse('sip: { listen: ["udp:192.0.2.7:5070"] }\ntrunks: [{ id: a, sources: [192.0.2.1] }]')
    assert.ok(result.ok)
    assert.equal(result.value.trunks[0]?.ingress.text, 'sip:192.0.2.7:5070')
  })
})

describe('what this version does do', () => {
  it('is no row of that table any more: no code reads a key that is said to be without effect', () => {
    const owners = '(?:config|node|fleet|sip|media|store|identity|agent|backend|trunk|tenant|group)'
    const code = [...sourceFiles('lib'), ...sourceFiles('app')].filter(
      ({ path }) => !path.startsWith('lib/config/') && !path.startsWith('app/check/'),
    )
    const isRead = (key: string): boolean => {
      const name = key.split('.').at(-1)?.replace('[]', '') ?? ''
      const read = new RegExp(`\\b${owners}\\??\\.${name}(?:Ms)?\\b`)
      // Names such as `calls` stand for other things too; those of two words do not.
      return /[A-Z0-9]/.test(name) && code.some((file) => read.test(file.code))
    }
    const ignored = NOT_YET.filter(({ answer }) => answer !== 'refuse').map(({ key }) => key)
    assert.deepEqual(ignored.filter(isRead), [])
  })
})
