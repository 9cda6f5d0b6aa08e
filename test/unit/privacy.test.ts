import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { createLog } from '../../app/observe/log.ts'
import { parseSipEngine } from '../../lib/config/engines.ts'
import { jsonSchema, type SchemaNode } from '../../lib/config/known-keys.ts'
import { parseConfig } from '../../lib/config/load.ts'
import { sourceFiles } from '../helpers/source-files.ts'

/** What travels further than the records: telephone numbers are masked in it, and keys never stand in it. */

const NUMBER = '+12025550123'
const SECRET = 'correct-horse-battery'

/** All that is written to a log by `write`. */
async function logged(write: (log: ReturnType<typeof createLog>['log']) => void): Promise<string> {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const output = createLog({ level: 'debug', pretty: false, stream })
  write(output.log)
  await output.close()
  return text
}

/** Every key of the config that is declared as a secret, wherever it stands. */
function secretKeys(): ReadonlySet<string> {
  const found = new Set<string>()
  const walk = (node: SchemaNode): void => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      if (/\b(?:secret|password|bearer key|API key)\b/i.test(child.description ?? '') && child.type === 'string')
        found.add(key)
      walk(child)
    }
    for (const branch of node.anyOf ?? []) walk(branch)
    if (node.items !== undefined) walk(node.items)
    if (typeof node.additionalProperties === 'object') walk(node.additionalProperties)
  }
  walk(jsonSchema())
  return found
}

describe('the log', () => {
  it('masks a telephone number wherever it stands: field, text, URI, list, error', async () => {
    const text = await logged((log) => {
      log.info({ from: NUMBER, to: `sip:${NUMBER}@192.0.2.1`, detail: { tried: [NUMBER] } }, `call from ${NUMBER}`)
      log.error({ err: new Error(`no route to ${NUMBER}`) }, 'failed')
    })
    assert.ok(text.includes('call from'), 'the lines were written')
    assert.doesNotMatch(text, /2025550123|202555/)
  })

  it('hides the value of every key that the config calls a secret', async () => {
    const keys = [...secretKeys()]
    for (const key of ['key', 'apiKey', 'password', 'keyWrap'])
      assert.ok(keys.includes(key), `${key} is known as a secret`)
    const text = await logged((log) => {
      for (const key of keys.filter((name) => !['engine', 'postgres', 'redis'].includes(name)))
        log.info({ [key]: SECRET, at: { [key]: SECRET } })
    })
    assert.ok(!text.includes(SECRET), text)
  })

  it('hides the passwords inside URLs of engines and stores', async () => {
    const text = await logged((log) => {
      for (const scheme of ['drachtio', 'freeswitch', 'postgres', 'redis', 'redis+sentinel'])
        log.info(`connecting to ${scheme}://user:${SECRET}@127.0.0.1/x`)
    })
    assert.ok(!text.includes(SECRET), text)
  })

  it('would show no secret of a config that was logged whole', async () => {
    const result = parseConfig(
      `store: { postgres: "postgres://u:${SECRET}@db/x", redis: "redis+sentinel://:${SECRET}@h1/main", keyWrap: ${SECRET} }
http: { keys: [{ name: a, key: ${SECRET}, role: admin }] }
agents: { a: { backend: openai, apiKey: ${SECRET} } }
trunks: [{ id: t, sources: [192.0.2.1], credentials: { username: u, password: ${SECRET} } }]`,
      { env: {}, file: 'x.yaml' },
    )
    assert.ok(result.ok)
    const { value } = result
    const text = await logged((log) =>
      log.info({
        engine: parseSipEngine(`drachtio://:${SECRET}@127.0.0.1`),
        sip: value.sip,
        store: value.store,
        http: value.http,
        agents: value.agents,
        trunks: value.trunks,
      }),
    )
    assert.ok(text.includes('drachtio'), 'the config was written')
    assert.ok(!text.includes(SECRET), text)
  })
})

describe('the code', () => {
  const app = sourceFiles('app')
  const lib = sourceFiles('lib')

  it('has one place that makes a log, so that one place masks', () => {
    const makers = app.filter(({ imports }) => imports.some(({ target, typeOnly }) => target === 'pino' && !typeOnly))
    assert.deepEqual(
      makers.map(({ path }) => path),
      ['app/observe/log.ts'],
    )
  })

  it('writes to the terminal only in commands, never past the log in a running node', () => {
    const writers = [...app, ...lib].filter(({ code }) => /\bconsole\.|\bprocess\.std(?:out|err)\.write\b/.test(code))
    const wrong = writers
      .map(({ path }) => path)
      .filter((path) => !/^app\/(?:tandem\.ts|commands\/|test-run\/)/.test(path))
    assert.deepEqual(wrong, [])
  })

  it('logs no field that is named like a secret', () => {
    const call = /\blog(?:ger)?\.(?:trace|debug|info|warn|error|fatal)\([^\n]*\b(?:apiKey|password|keyWrap|secret)\b/g
    assert.deepEqual(
      [...app].filter(({ code }) => call.test(code)).map(({ path }) => path),
      [],
    )
  })
})
