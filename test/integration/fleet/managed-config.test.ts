import assert from 'node:assert/strict'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buildApi } from '../../../app/api/server.ts'
import type { Api } from '../../../app/api/zod-provider.ts'
import { type ManagedConfig, startManagedConfig } from '../../../app/managed-config.ts'
import { createLog } from '../../../app/observe/log.ts'
import { Parts } from '../../../app/parts.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { type Store, startStore } from '../../../app/store/store.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { nodeId } from '../../../lib/core/ids.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { apiParts, bearer, KEYS } from '../../helpers/api.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'

const FILE = `
agents:
  intake: { backend: local }
trunks:
  - { id: alpha, sources: [192.0.2.1] }
groups:
  us: { trunks: [alpha] }
tenants:
  - { id: clinic, group: us, agent: intake, numbers: ["+12025550100"] }
`
const KEY_WRAP = 'store: { keyWrap: "the fleet has this one in common" }\n'
const NUMBER = '/api/v1/numbers/+12025550123'
/** The promise is 1 s (docs/management.md). */
const PROMISE_MS = 1_000

interface TestNode {
  readonly store: Store
  readonly managed: ManagedConfig
  readonly api: Api
  readonly events: EventDraft[]
  readonly dataDir: string
  /** The config file from now on. */
  setFile(text: string): void
  /** Leaves the data folder. */
  halt(): Promise<void>
  stop(): Promise<void>
}

let postgres: TestPostgres

async function startNode(id: string, text = KEY_WRAP + FILE, folder?: string): Promise<TestNode> {
  const dataDir = folder ?? (await tempFolder())
  const store = await startStore({ postgres: postgres.url, dataDir, node: nodeId(id) })
  let file = text
  const source = (managed: Parameters<Parameters<typeof startManagedConfig>[0]['source']>[0]) =>
    parseConfig(file, { env: { LINE_PASSWORD: 'of the environment' }, file: 'tandem.yaml', managed })
  const parsed = source([])
  assert.ok(parsed.ok)
  const config = { ...parsed.value, node: { ...parsed.value.node, dataDir } }
  const log = createLog({ level: 'silent' })
  const parts = new Parts(() => undefined)
  const events: EventDraft[] = []
  const managed = await startManagedConfig(
    { config, source, store, emit: (event) => void events.push(event), log },
    parts,
  )
  const memory = apiParts({ managed })
  const api = await buildApi(memory.options)
  const halt = async (): Promise<void> => {
    await api.close()
    memory.metrics.close()
    await parts.close()
    await store.close()
    await log.close()
  }
  const stop = async (): Promise<void> => {
    await halt()
    await rm(dataDir, { recursive: true, force: true })
  }
  const setFile = (next: string): void => {
    file = next
  }
  return { store, managed, api, events, dataDir, setFile, halt, stop }
}

interface Asked {
  readonly body?: object
  readonly etag?: string
  readonly key?: string
}

const ask = ({ api }: TestNode, method: 'GET' | 'PUT' | 'DELETE', url: string, { body, etag, key }: Asked = {}) =>
  api.inject({
    method,
    url,
    headers: { ...bearer(key ?? KEYS.admin), ...(etag !== undefined && { 'if-match': etag }) },
    ...(body !== undefined && { payload: body }),
  })

const numbersOf = ({ managed }: TestNode): readonly string[] => {
  const config = managed.now()
  return config.ok ? config.value.tenants.flatMap(({ numbers }) => numbers.map(({ number }) => number)) : []
}

const rowsOf = (): Promise<string> =>
  askOnce(postgres.url, async (client) => JSON.stringify((await client.query('select * from managed')).rows))

describe('what is managed beside the config file', function () {
  this.timeout(60_000)
  let here: TestNode
  let there: TestNode
  before(async () => {
    postgres = await startPostgres()
  })
  after(() => postgres.stop())
  beforeEach(async () => {
    here = await startNode('east-1')
    there = await startNode('east-2')
  })
  afterEach(async () => {
    await here.stop()
    await there.stop()
    await askOnce(postgres.url, (client) => client.query('truncate managed'))
  })

  it('is in force on every node within a second: made, changed and removed', async () => {
    const heard = (isSo: () => boolean): Promise<void> => {
      const beganAtMs = performance.now()
      return until(async () => isSo(), 'the other node to have it').then(() => {
        const tookMs = performance.now() - beganAtMs
        assert.ok(tookMs < PROMISE_MS, `${tookMs} ms`)
      })
    }
    const made = await ask(here, 'PUT', NUMBER, { body: { tenant: 'clinic' } })
    assert.equal(made.statusCode, 201, made.body)
    assert.deepEqual(numbersOf(here), ['+12025550100', '+12025550123'])
    await heard(() => numbersOf(there).includes('+12025550123'))

    const etag = String(made.headers.etag)
    const changed = await ask(there, 'PUT', NUMBER, { body: { tenant: 'clinic', trunk: 'alpha' }, etag })
    assert.equal(changed.statusCode, 200, changed.body)
    assert.notEqual(changed.headers.etag, etag)
    await heard(() => here.managed.one({ kind: 'numbers', name: '+12025550123' })?.version === changed.json().version)

    const removed = await ask(here, 'DELETE', NUMBER, { etag: String(changed.headers.etag) })
    assert.equal(removed.statusCode, 204, removed.body)
    await heard(() => !numbersOf(there).includes('+12025550123'))
    const { entries, brokenAt } = await here.store.audit.page(3, null)
    assert.deepEqual(
      entries.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`),
      ['removed', 'changed', 'created'].map((deed) => `anna managed.${deed} numbers/+12025550123`),
    )
    assert.equal(brokenAt, null)
    assert.deepEqual(
      [...here.events, ...there.events].map(({ event, change }) => `${event} ${String(change)}`),
      ['config.managed created', 'config.managed removed', 'config.managed changed'],
    )
  })

  it('is changed by those alone who know what they change', async () => {
    const made = await ask(here, 'PUT', NUMBER, { body: { tenant: 'clinic' } })
    const etag = String(made.headers.etag)
    const body = { tenant: 'clinic', trunk: 'alpha' }
    const refused: readonly (readonly [Asked, 'PUT' | 'DELETE', string, number, string])[] = [
      [{ body }, 'PUT', NUMBER, 428, 'version-needed'],
      [{}, 'DELETE', NUMBER, 428, 'version-needed'],
      [{ body, etag: '"999999"' }, 'PUT', NUMBER, 412, 'entry-changed'],
      [{ etag: '"999999"' }, 'DELETE', NUMBER, 412, 'entry-changed'],
      [{ body, etag: '"1"' }, 'PUT', '/api/v1/numbers/+12025550199', 412, 'entry-changed'],
      [{ body, etag: '*' }, 'PUT', NUMBER, 400, 'bad-parameter'],
      [{ etag }, 'DELETE', '/api/v1/numbers/+12025550199', 404, 'entry-not-found'],
      [{ body, etag, key: KEYS.operator }, 'PUT', NUMBER, 403, 'forbidden'],
      [{ etag, key: KEYS.viewer }, 'DELETE', NUMBER, 403, 'forbidden'],
    ]
    for (const [asked, method, url, status, code] of refused) {
      const answer = await ask(here, method, url, asked)
      assert.deepEqual([answer.statusCode, answer.json().error.code], [status, code], answer.body)
    }
    const both = await Promise.all([here, there].map((node) => ask(node, 'PUT', NUMBER, { body, etag })))
    assert.deepEqual(
      both.map(({ statusCode }) => statusCode).sort((one, other) => one - other),
      [200, 412],
    )
  })

  it('cannot be what the file has, and a list says which is which', async () => {
    for (const path of ['agents/intake', 'trunks/alpha', 'tenants/clinic', 'numbers/+12025550100']) {
      const answer = await ask(here, 'PUT', `/api/v1/${path}`, { body: {} })
      assert.equal(answer.statusCode, 409, answer.body)
      assert.match(answer.json().error.message, /source: file/)
      assert.equal((await ask(here, 'DELETE', `/api/v1/${path}`, { etag: '"1"' })).statusCode, 409)
      const shown = await ask(here, 'GET', `/api/v1/${path}`)
      assert.deepEqual([shown.statusCode, shown.json().source, shown.json().body], [200, 'file', null])
    }
    await ask(here, 'PUT', NUMBER, { body: { tenant: 'clinic' } })
    const list = await ask(here, 'GET', '/api/v1/numbers', { key: KEYS.viewer })
    assert.deepEqual(
      list.json().entries.map(({ name, source }: Record<string, string>) => `${name} ${source}`),
      ['+12025550100 file', '+12025550123 managed'],
    )
    const all = await ask(here, 'GET', '/api/v1/managed')
    assert.deepEqual([all.json().entries.length, all.json().problems], [5, []])
  })

  it('is refused whole where the config would not hold, with what is wrong', async () => {
    const unknown = await ask(here, 'PUT', NUMBER, { body: { tenant: 'clinik' } })
    assert.equal(unknown.statusCode, 422)
    assert.match(unknown.body, /managed\/numbers\/\+12025550123:1:1 tenant: there is no tenant/)
    assert.equal(unknown.json().error.problems.length, 1)
    const bad = await ask(here, 'PUT', '/api/v1/agents/night', { body: { backend: 'lokal', voise: 'marin' } })
    assert.equal(bad.json().error.problems.length, 2, bad.body)
    for (const name of ['__proto__', 'a%20b', 'x'.repeat(100)]) {
      const answer = await ask(here, 'PUT', `/api/v1/agents/${name}`, { body: { backend: 'local' } })
      assert.ok([400, 422].includes(answer.statusCode), `${name}: ${answer.body}`)
    }
    const deep = await here.api.inject({
      method: 'PUT',
      url: '/api/v1/agents/deep',
      headers: { ...bearer(KEYS.admin), 'content-type': 'application/json' },
      payload: `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    })
    assert.equal(deep.statusCode, 422, deep.body)

    await ask(here, 'PUT', '/api/v1/tenants/annex', { body: { group: 'us', agent: 'intake' } })
    await ask(here, 'PUT', NUMBER, { body: { tenant: 'annex' } })
    const etag = String((await ask(here, 'GET', '/api/v1/tenants/annex')).headers.etag)
    const inUse = await ask(here, 'DELETE', '/api/v1/tenants/annex', { etag })
    assert.equal(inUse.statusCode, 422, inUse.body)
    assert.equal(JSON.parse(await rowsOf()).length, 2)
  })

  it('has its secrets wrapped at rest, never shows them, and gives them to the config of each node', async () => {
    const credentials = { username: 'u', password: 'correct horse' }
    const made = await ask(here, 'PUT', '/api/v1/credentials/trunk.alpha', { body: credentials })
    assert.equal(made.statusCode, 201, made.body)
    assert.deepEqual(made.json().body, { username: 'u', password: { set: true } })
    for (const text of [made.body, await rowsOf(), (await ask(there, 'GET', '/api/v1/managed')).body]) {
      assert.doesNotMatch(text, /correct horse/)
    }
    const passwordOn = ({ managed }: TestNode): string | undefined => {
      const config = managed.now()
      return config.ok ? config.value.trunks[0]?.credentials?.password : undefined
    }
    await until(async () => passwordOn(there) === 'correct horse', 'the password on the other node')
    assert.doesNotMatch(await readFile(join(here.dataDir, 'managed.json'), 'utf8'), /correct horse/)
    assert.equal((await stat(join(here.dataDir, 'managed.json'))).mode & 0o777, 0o600)
    assert.doesNotMatch(JSON.stringify(await here.store.audit.page(1, null)), /correct horse/)

    // A node that lacks the key keeps to its file, and says so.
    const poor = await startNode('east-3', FILE)
    assert.equal(poor.managed.now().ok, false)
    assert.match((await ask(poor, 'GET', '/api/v1/managed')).json().problems[0], /managed\/credentials\/trunk\.alpha/)
    const etag = String(made.headers.etag)
    assert.equal((await ask(poor, 'DELETE', '/api/v1/credentials/trunk.alpha', { etag })).statusCode, 204)
    const byValue = await ask(poor, 'PUT', '/api/v1/credentials/trunk.alpha', { body: credentials })
    assert.deepEqual([byValue.statusCode, byValue.json().error.code], [422, 'no-key-wrap'])
    const body = { ...credentials, password: '${LINE_PASSWORD}' }
    const reference = await ask(poor, 'PUT', '/api/v1/credentials/trunk.alpha', { body })
    assert.equal(reference.statusCode, 201, reference.body)
    assert.equal(passwordOn(poor), 'of the environment')
    await poor.stop()
  })

  it('leaves the last good config in force where the file no longer goes with it, until somebody mends that', async () => {
    await ask(here, 'PUT', NUMBER, { body: { tenant: 'clinic' } })
    here.setFile(FILE.replace('clinic', 'hospital'))
    assert.equal(here.managed.now().ok, false)
    assert.match((await ask(here, 'GET', '/api/v1/managed')).json().problems[0], /there is no tenant "clinic"/)
    const etag = String((await ask(here, 'GET', NUMBER)).headers.etag)
    assert.equal((await ask(here, 'DELETE', NUMBER, { etag })).statusCode, 204)
    assert.ok(here.managed.now().ok)

    await ask(here, 'PUT', NUMBER, { body: { tenant: 'hospital' } })
    here.setFile(FILE.replace('clinic', 'hospital').replace('5550100', '5550123'))
    const shown = await ask(here, 'GET', NUMBER)
    assert.deepEqual([shown.json().source, shown.json().shadowed], ['managed', true])
    const shadowed = await ask(here, 'DELETE', NUMBER, { etag: String(shown.headers.etag) })
    assert.equal(shadowed.statusCode, 204, shadowed.body)
  })

  it('is 503 to whoever changes it while PostgreSQL is away, stays in force, and starts from the file of the node', async () => {
    await ask(here, 'PUT', NUMBER, { body: { tenant: 'clinic' } })
    await until(async () => numbersOf(there).includes('+12025550123'), 'the number on the other node')
    await until(async () => (await readFile(join(there.dataDir, 'managed.json'), 'utf8')) !== '[]', 'the file')
    await postgres.interrupt()
    try {
      const answer = await ask(here, 'PUT', '/api/v1/agents/night', { body: { backend: 'local' } })
      assert.deepEqual([answer.statusCode, answer.json().error.code], [503, 'store-unavailable'])
      assert.ok(numbersOf(here).includes('+12025550123'))
      await there.halt()
      there = await startNode('east-2', KEY_WRAP + FILE, there.dataDir)
      assert.ok(numbersOf(there).includes('+12025550123'))
    } finally {
      await postgres.resume()
    }
  })
})
