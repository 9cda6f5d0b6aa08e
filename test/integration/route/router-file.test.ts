import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Router } from '../../../app/route/router.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { until } from '../../helpers/until.ts'
import { questionOf } from './router-call.ts'

describe('The file of a router', function () {
  this.timeout(20_000)
  let folder: string
  let file: string
  let events: EventDraft[]
  const routers: Router[] = []

  const start = async (): Promise<Router> => {
    events = []
    const router = await Router.start(file, { emit: (draft) => events.push(draft), onLine: () => undefined })
    routers.push(router)
    return router
  }
  const answer = (agent: string): string => `export default () => ({ bridge: '${agent}' })`
  const named = (name: string): Promise<void> =>
    until(async () => events.some(({ event }) => event === name), `the event ${name}`)
  const agentOf = async (router: Router): Promise<unknown> => {
    const verdict = await router.ask(() => questionOf('+12025550100'))
    return verdict?.ok === true ? verdict.value : verdict
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tandem-router-'))
    file = join(folder, 'router.ts')
  })

  afterEach(async () => {
    await Promise.all(routers.splice(0).map((router) => router.close()))
    await rm(folder, { recursive: true, force: true })
  })

  it('is read again when it has changed; what cannot be used leaves the one before in force, and says where', async () => {
    await writeFile(file, answer('first'))
    const router = await start()
    assert.deepEqual(await agentOf(router), { bridge: 'first', variables: {} })
    await writeFile(file, 'export default () => {\n  return }{\n}')
    await named('router.rejected')
    const [rejected] = events.filter(({ event }) => event === 'router.rejected')
    assert.match(String(rejected?.reason), /router\.ts:2:\d+: /)
    assert.equal(rejected?.inForce, 'the one before')
    assert.deepEqual(await agentOf(router), { bridge: 'first', variables: {} })
    events.length = 0
    await writeFile(file, answer('second'))
    await named('router.loaded')
    assert.deepEqual(await agentOf(router), { bridge: 'second', variables: {} })
  })

  const UNUSABLE: readonly (readonly [why: string, source: string | null, reason: RegExp])[] = [
    ['is not there', null, /cannot be read: ENOENT/],
    ['exports no function', 'export default 1', /no function as its default export/],
    ['throws', 'throw new Error("no CRM")', /^Error: no CRM \(.*router\.ts:1:\d+\)$/],
    ['imports what is not there', 'import "./nowhere.ts"', /nowhere\.ts/],
    ['has what is not erasable', 'export enum A { B }\nexport default () => null', /router\.ts:1:\d+: .*enum/],
    ['ends its process', 'process.exit(3)', /ended its thread with 3/],
    ['loops', 'for (;;) {}', /not loaded within 5000 ms/],
    ['takes all memory', 'const all = new Map(); for (let i = 0; ; i++) all.set(i, i)', /SIGABRT|memory/],
    ['is too large', `//${' '.repeat(1_048_576)}`, /too large: 1048578 bytes, at most 1048576/],
  ]
  for (const [why, source, reason] of UNUSABLE)
    it(`leaves the node without a router where it ${why}`, async () => {
      if (source !== null) await writeFile(file, source)
      const router = await start()
      assert.equal(await agentOf(router), null)
      assert.deepEqual(
        events.map(({ event, inForce }) => [event, inForce]),
        [['router.rejected', 'none']],
      )
      assert.match(String(events[0]?.reason), reason)
    })

  it('is read as soon as it is there, and a node may do without again', async () => {
    const router = await start()
    assert.equal(
      router.ask(() => questionOf('+12025550100')),
      null,
    )
    await writeFile(file, answer('first'))
    await named('router.loaded')
    assert.deepEqual(await agentOf(router), { bridge: 'first', variables: {} })
    await router.reload(null)
    assert.equal(
      router.ask(() => questionOf('+12025550100')),
      null,
    )
  })

  it('may import TypeScript beside it, and `tandem`', async () => {
    await writeFile(join(folder, 'hours.ts'), 'export const night: string = "night"')
    await writeFile(
      file,
      `import { defineRouter } from 'tandem'\nimport { night } from './hours.ts'\nexport default defineRouter(() => ({ bridge: night }))`,
    )
    assert.deepEqual(await agentOf(await start()), { bridge: 'night', variables: {} })
  })

  it('is read again where the node is told to, with what it imports, and calls that wait are asked of it', async () => {
    const hours = join(folder, 'hours.ts')
    await writeFile(hours, 'export const answer = new Promise(() => {})')
    await writeFile(file, `import { answer } from './hours.ts'\nexport default () => answer`)
    const router = await start()
    await writeFile(hours, 'export const answer = { bridge: "day" }')
    events.length = 0
    // A process takes longer to start than a call waits: so there is always one that has just begun to.
    const waiting: Promise<unknown>[] = []
    const callers = setInterval(() => {
      if (events.length === 0) waiting.push(agentOf(router))
    }, 50)
    await router.reload(file)
    clearInterval(callers)
    assert.deepEqual(await waiting.at(-1), { bridge: 'day', variables: {} })
    await Promise.all(waiting)
  })

  it('does not keep a node from stopping while it loops', async () => {
    await writeFile(file, answer('first'))
    const router = await start()
    await writeFile(file, 'for (;;) {}')
    const startedAtMs = performance.now()
    const reloading = router.reload(file)
    await router.close()
    await reloading
    assert.ok(performance.now() - startedAtMs < 4_000)
  })
})
