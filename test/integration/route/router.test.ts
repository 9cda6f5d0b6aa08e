import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Router, type RouterVerdict } from '../../../app/route/router.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { until } from '../../helpers/until.ts'
import { questionOf } from './router-call.ts'

/** What a call to each "number" makes the router do. */
const HOSTILE = `
import { parentPort } from 'node:worker_threads'
const never = new Promise(() => {})
const wrong: Record<string, (call: { readonly headers: object }, tools: { readonly fetch: typeof fetch }) => unknown> = {
  pid: () => ({ bridge: String(process.pid) }),
  throws: () => { throw new Error('no idea') },
  rejects: async () => { throw new TypeError('no idea either') },
  throwsNothing: () => { throw null },
  throwsTrap: () => { throw { get message() { throw 1 }, toString() { throw 2 } } },
  hangs: () => never,
  loops: () => { for (;;) {} },
  loopsInPromises: async () => { for (;;) await 0 },
  exits: () => process.exit(0),
  crashesLater: () => { setTimeout(() => { throw new Error('later') }); return never },
  stray: () => { void Promise.reject(new Error('left behind')); return { bridge: 'fine' } },
  huge: () => ({ bridge: 'x'.repeat(5_000_000) }),
  deep: () => { let deep: unknown = 1; for (let i = 0; i < 1e4; i++) deep = [deep]; return { bridge: deep } },
  circular: () => { const it: Record<string, unknown> = {}; it.it = it; return it },
  big: () => 1n,
  func: () => () => {},
  text: () => 'intake',
  grows: () => { const all = new Map(); for (let i = 0; ; i++) all.set(i, i) },
  growsSlowly: async () => { const all: object[] = []; for (;;) { all.push(new Array(1e5).fill({})); await new Promise((on) => setImmediate(on)) } },
  buffers: async () => { const all: Buffer[] = []; for (;;) { all.push(Buffer.alloc(8e6, 1)); await new Promise((on) => setTimeout(on, 1)) } },
  talks: () => { for (let i = 0; i < 2e3; i++) console.log('line', i); return { bridge: 'fine' } },
  forges: () => {
    for (const message of [null, 1, 'x', { kind: 'answer' }, { kind: 'answer', ask: 1, json: '{' }, { kind: 'answer', ask: 1e99, json: '1' }])
      parentPort?.postMessage(message)
    return never
  },
  slow: () => { const untilMs = performance.now() + 40; while (performance.now() < untilMs); return { bridge: 'fine' } },
  fetches: async (call, { fetch }) => { await fetch(process.env.TEST_SLOW_URL ?? '').catch(() => fetch(process.env.TEST_SLOW_URL + 'aborted')); return null },
}
export default (call: { readonly to: string; readonly headers: object }, tools: { readonly fetch: typeof fetch }) =>
  call.to.startsWith('echo') ? new Promise((on) => setTimeout(on, Math.random() * 50, { bridge: call.to })) : wrong[call.to]?.(call, tools)
`

describe('A router that cannot be trusted', function () {
  this.timeout(20_000)
  let folder: string
  let file: string
  let router: Router
  let events: EventDraft[]
  let lines: string[]

  const failures = (code: string): EventDraft[] =>
    events.filter((event) => event.event === 'router.failed' && event.code === code)
  const ask = (to: string): Promise<RouterVerdict> => router.ask(() => questionOf(to)) ?? assert.fail('no router')
  const start = async (source: string, name = 'router.ts'): Promise<void> => {
    file = join(folder, name)
    await writeFile(file, source)
    events = []
    lines = []
    router = await Router.start(file, { emit: (draft) => events.push(draft), onLine: (line) => lines.push(line) })
  }
  const pid = async (): Promise<number> => {
    const verdict = await ask('pid')
    if (!verdict.ok || verdict.value === null || !('bridge' in verdict.value)) assert.fail(JSON.stringify(verdict))
    return Number(verdict.value.bridge)
  }
  const isGone = (process_: number): boolean => {
    try {
      return !process.kill(process_, 0)
    } catch {
      return true
    }
  }
  const codeOf = (verdict: RouterVerdict): string => (verdict.ok ? 'decided' : verdict.error.code)
  const messageOf = (verdict: RouterVerdict): string => (verdict.ok ? '' : verdict.error.message)
  /** The next process has the router. */
  const isBack = (): Promise<void> =>
    until(
      async () => events.some(({ event, again }) => event === 'router.loaded' && again === true),
      'the router again',
    )

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tandem-router-'))
  })

  after(() => rm(folder, { recursive: true, force: true }))

  beforeEach(() => start(HOSTILE))

  afterEach(() => router.close())

  const AT_ONCE: readonly (readonly [to: string, code: string, message: RegExp])[] = [
    ['throws', 'threw', /^Error: no idea \(.*router\.ts:6:\d+\)$/],
    ['rejects', 'threw', /^TypeError: no idea either /],
    ['throwsNothing', 'threw', /no Error: object/],
    ['throwsTrap', 'threw', /no Error: object/],
    ['huge', 'threw', /too large: \d+ characters of JSON, at most 65536/],
    ['deep', 'ill-formed', /^bridge: /],
    ['circular', 'threw', /circular/],
    ['big', 'threw', /BigInt/],
    ['func', 'ill-formed', /a string/],
    ['text', 'ill-formed', /a string/],
  ]
  it('is told by what it did, and goes on: it threw, or answered nonsense', async () => {
    const before = await pid()
    for (const [to, code, message] of AT_ONCE) {
      const verdict = await ask(to)
      assert.equal(codeOf(verdict), code, to)
      assert.match(messageOf(verdict), message)
    }
    assert.equal(await pid(), before)
  })

  it('has 500 ms, and others are decided while one hangs', async () => {
    const startedAtMs = performance.now()
    const hanging = ask('hangs')
    const before = await pid()
    assert.equal(codeOf(await hanging), 'late')
    const tookMs = performance.now() - startedAtMs
    assert.ok(tookMs >= 499 && tookMs < 1_500, `${tookMs} ms`)
    assert.equal(await pid(), before)
  })

  for (const to of ['loops', 'loopsInPromises'])
    it(`is ended where it ${to}, and another process of it decides the next calls`, async () => {
      const before = await pid()
      const looping = ask(to)
      const behind = ask('pid')
      assert.equal(codeOf(await looping), 'late')
      assert.notEqual(codeOf(await behind), 'decided')
      await isBack()
      assert.deepEqual(
        failures('ended').map(({ reason, restartInMs }) => [reason, restartInMs]),
        [['it was in a loop', 0]],
      )
      assert.ok(isGone(before))
      assert.notEqual(await pid(), before)
    })

  const DEADLY: readonly (readonly [to: string, reason: RegExp])[] = [
    ['exits', /ended its thread with 0/],
    ['crashesLater', /^Error: later/],
    ['grows', /SIGABRT|memory|in a loop/],
    ['growsSlowly', /reaching memory limit|in a loop/],
    ['buffers', /^it has taken too much memory: \d+ bytes/],
  ]
  for (const [to, reason] of DEADLY)
    it(`costs no more than its process where it ${to}`, async () => {
      const verdict = await ask(to)
      assert.notEqual(codeOf(verdict), 'decided')
      await isBack()
      assert.match(String(failures('ended')[0]?.reason), reason)
      assert.ok((await pid()) > 0)
    })

  it('is not started again and again without a pause', async () => {
    for (let deaths = 1; deaths <= 3; deaths++) {
      await ask('exits')
      await until(async () => failures('ended').length === deaths, 'its end')
      if (deaths < 3)
        await until(async () => events.filter(({ again }) => again === true).length === deaths, 'the router again')
    }
    assert.deepEqual(
      failures('ended').map(({ restartInMs }) => restartInMs),
      [0, 250, 500],
    )
    const meanwhile = await ask('pid')
    assert.match(messageOf(meanwhile), /again and again/)
  })

  it('may leave a promise behind that is rejected', async () => {
    assert.equal(codeOf(await ask('stray')), 'decided')
    await until(async () => failures('stray').length === 1, 'a word of it')
    assert.match(String(failures('stray')[0]?.reason), /^Error: left behind/)
  })

  it('may write what it likes to its channel', async () => {
    const before = await pid()
    assert.equal(codeOf(await ask('forges')), 'late')
    assert.equal(await pid(), before)
  })

  it('may print what it likes, of which some is told', async () => {
    assert.equal(codeOf(await ask('talks')), 'decided')
    await until(async () => lines.length > 0, 'its lines')
    const before = await pid()
    assert.equal(lines[0], 'line 0')
    assert.ok(lines.length <= 60, `${lines.length} lines`)
    assert.equal(await pid(), before)
  })

  it('is asked of many calls at a time, and each has its own answer', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `echo ${i}`)
    const verdicts = await Promise.all(names.map(ask))
    assert.deepEqual(
      verdicts,
      names.map((bridge) => ({ ok: true, value: { bridge, variables: {} } })),
    )
  })

  it('catches up where it was behind: it is not asked of calls that nobody waits for any more', async () => {
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => ask('slow')))
    const decided = verdicts.filter(({ ok }) => ok).length
    assert.ok(decided > 0 && decided < 20, `${decided} of 100 in 500 ms, at 40 ms each`)
    assert.equal(codeOf(await ask('pid')), 'decided')
    assert.deepEqual(failures('ended'), [])
  })

  it('is told as a warning ten times a minute for each code, and no louder than for debugging beyond that', () => {
    const levels = Array.from({ length: 25 }, () => router.levelOf('threw'))
    assert.equal(levels.filter((level) => level === 'warn').length, 10)
    assert.equal(levels.at(-1), 'debug')
    assert.equal(router.levelOf('late'), 'warn')
  })

  it('leaves no process behind, even one in a loop', async () => {
    const before = await pid()
    const looping = ask('loops')
    await router.close()
    assert.equal(codeOf(await looping), 'unavailable')
    assert.ok(isGone(before))
    assert.equal(
      router.ask(() => questionOf('pid')),
      null,
    )
  })

  describe('with a server to ask', () => {
    let server: Server
    const seen: string[] = []

    before((done) => {
      // It never answers.
      server = createServer(({ url = '' }) => void seen.push(url))
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        const port = typeof address === 'object' ? address?.port : undefined
        process.env.TEST_SLOW_URL = `http://127.0.0.1:${port}/`
        done()
      })
    })

    after((done) => {
      delete process.env.TEST_SLOW_URL
      server.closeAllConnections()
      server.close(done)
    })

    it('has its fetch aborted when the time for the call is over', async () => {
      const closed = new Promise((resolve) => server.once('request', (request) => request.once('close', resolve)))
      assert.equal(codeOf(await ask('fetches')), 'late')
      await closed
      assert.deepEqual(seen, ['/'])
    })
  })
})
