import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RouterQuestion } from '../../../app/route/messages.ts'
import { Router, type RouterVerdict } from '../../../app/route/router.ts'
import { RouterThread } from '../../../app/route/router-thread.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { tempFolder } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'

const QUESTION: RouterQuestion = {
  call: {
    id: '01J00000000000000000000000',
    from: '+12025550111',
    to: '+12025550100',
    raw: { from: '<sip:+12025550111@192.0.2.1>', to: 'sip:+12025550100@192.0.2.2' },
    trunk: 'alpha',
    tenant: 'clinic',
    agent: 'intake',
    attestation: null,
    headers: {},
    receivedAt: '2026-03-02T12:00:00.000Z',
    source: { address: '192.0.2.1', port: 5060, protocol: 'udp' },
    node: 'east-1',
    region: 'us-east',
  },
  trunks: [{ id: 'alpha', state: 'active' }],
  nodes: [],
}
const GOOD = `export default (call) => ({ bridge: call.agent })`
const BRIDGED: RouterVerdict = { ok: true, value: { bridge: 'intake', variables: {} } }

/** By who calls, so that it is known what a call gets whichever thread it is asked of. */
const MOODY = `import { defineRouter, type RouterCall } from 'tandem'
const deeds: Readonly<Record<string, () => unknown>> = {
  throws: () => { throw new TypeError('no idea') },
  'throws a text': () => { throw 'no idea' },
  rejects: () => Promise.reject(new Error('not now')),
  hangs: () => new Promise(() => {}),
  loops: () => { for (;;); },
  'loops a little later': async () => { await null; for (;;); },
  exits: () => process.exit(0),
  'throws a little later': () => { setTimeout(() => { throw new Error('later') }, 1); return new Promise(() => {}) },
  'leaves a rejection behind': () => { void Promise.reject(new Error('nobody waits')); return null },
  'says too much': () => ({ reject: 603, reason: 'x'.repeat(1e6) }),
  'says what has no end': () => { const self: Record<string, unknown> = {}; self['self'] = self; return self },
  'says a number too big': () => 10n,
  'says a function': () => () => 1,
  'says nonsense': () => 'intake',
  'takes all memory': () => { const all: unknown[] = []; for (;;) all.push(new Array(1e6).fill(1.5)) },
}
export default defineRouter((call: RouterCall) => (deeds[call.from] ?? (() => ({ bridge: call.agent })))() as null)
`

describe('A router in its thread', function () {
  this.timeout(20_000)
  let folder: string
  let file: string
  let events: EventDraft[]
  let router: Router

  beforeEach(async () => {
    folder = await tempFolder()
    file = join(folder, 'router.ts')
    events = []
  })

  afterEach(async () => {
    await router.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function start(text: string | null): Promise<void> {
    if (text !== null) await writeFile(file, text)
    router = await Router.start(file, (draft) => void events.push(draft))
  }

  const ask = async (from = '+12025550111'): Promise<RouterVerdict | null> =>
    (await router.ask({ ...QUESTION, call: { ...QUESTION.call, from } })) ?? null

  const told = (event: string): readonly EventDraft[] => events.filter((each) => each.event === event)

  const failures: readonly (readonly [deed: string, code: string, said: RegExp, endsThread: boolean])[] = [
    ['throws', 'threw', /^TypeError: no idea \(.*router\.ts:3:\d+\)$/, false],
    ['throws a text', 'threw', /^no idea$/, false],
    ['rejects', 'threw', /not now/, false],
    ['hangs', 'late', /500 ms/, false],
    ['loops', 'late', /500 ms/, true],
    ['loops a little later', 'late', /500 ms/, true],
    ['exits', 'unavailable', /ended with 0/, true],
    ['throws a little later', 'unavailable', /later/, true],
    ['says too much', 'threw', /too large/, false],
    ['says what has no end', 'threw', /circular/, false],
    ['says a number too big', 'threw', /BigInt/, false],
    ['says a function', 'ill-formed', /no object/, false],
    ['says nonsense', 'ill-formed', /no object: a string/, false],
    ['takes all memory', 'unavailable', /memory/, true],
  ]
  for (const [deed, code, said, endsThread] of failures) {
    it(`that ${deed} is ${code}, within its budget, and goes on with the next call`, async () => {
      await start(MOODY)
      const startedMs = performance.now()
      const verdict = await ask(deed)
      assert.ok(performance.now() - startedMs < 700)
      assert.ok(verdict !== null && !verdict.ok, JSON.stringify(verdict))
      assert.match(verdict.error.message, said)
      assert.equal(verdict.error.code, code)
      if (endsThread) await until(async () => told('router.loaded').length === 2, 'another thread')
      assert.deepEqual(await ask(), BRIDGED)
      assert.equal(told('router.failed').length, endsThread ? 1 : 0)
    })
  }

  it('that leaves a rejection behind harms no other call', async () => {
    await start(MOODY)
    assert.deepEqual(await ask('leaves a rejection behind'), { ok: true, value: null })
    assert.deepEqual(await ask(), BRIDGED)
    assert.equal(told('router.failed').length, 0)
  })

  it('answers many calls at a time, each its own', async () => {
    await start(`export default async (call) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50))
      return { bridge: call.from }
    }`)
    const callers = Array.from({ length: 300 }, (_, i) => `caller-${i}`)
    const verdicts = await Promise.all(callers.map((from) => ask(from)))
    assert.deepEqual(
      verdicts,
      callers.map((bridge) => ({ ok: true, value: { bridge, variables: {} } })),
    )
  })

  it('whose thread ends at every call is left alone for longer each time, while calls get their default at once', async () => {
    await start(`export default () => process.exit(1)`)
    for (let i = 1; i <= 3; i++) {
      const verdict = await ask()
      assert.equal(verdict?.ok === false && verdict.error.code, 'unavailable')
      await until(async () => told('router.failed').length >= Math.min(i, 2), 'the end of its thread')
    }
    const waits = told('router.failed').map((event) => event['restartInMs'])
    assert.deepEqual(waits.slice(0, 2), [0, 250])
  })

  it('is given up its look-ups when its time is over', async () => {
    let aborted = 0
    const server: Server = createServer((request) => {
      request.on('close', () => {
        aborted += 1
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    try {
      await start(`export default async (call, { fetch }) => {
        await fetch('http://127.0.0.1:${address.port}/')
        return { bridge: 'never' }
      }`)
      const verdict = await ask()
      assert.equal(verdict?.ok, false)
      await until(async () => aborted === 1, 'the end of the request')
    } finally {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('is replaced when its file changes; what cannot be loaded is told, with the place, and changes nothing', async () => {
    await start(GOOD)
    assert.deepEqual(await ask(), BRIDGED)
    const bad: readonly (readonly [text: string, said: RegExp])[] = [
      ['export default (call => 1', /router\.ts:1:\d+/],
      ['export const router = 1', /no function as its default export/],
      ['enum A { B }\nexport default () => null', /router\.ts:1:1/],
      ["import './not-there.ts'\nexport default () => null", /not-there\.ts/],
    ]
    for (const [i, [text, said]] of bad.entries()) {
      await writeFile(file, text)
      await until(async () => told('router.rejected').length === i + 1, `word of ${text}`)
      const [last] = told('router.rejected').slice(-1)
      assert.match(String(last?.['reason']), said)
      assert.equal(last?.['inForce'], true)
      assert.deepEqual(await ask(), BRIDGED)
    }
    await writeFile(file, "export default () => ({ bridge: 'another' })")
    await until(async () => told('router.loaded').length === 2, 'the new one')
    assert.deepEqual(await ask(), { ok: true, value: { bridge: 'another', variables: {} } })
  })

  it('that is never loaded is given up in time', async () => {
    await start(GOOD)
    const loaded = await RouterThread.load({ url: pathToFileURL(file).href, source: 'for (;;);' }, 300)
    assert.deepEqual(loaded, { ok: false, error: 'it was not loaded within 300 ms' })
  })

  it('that is not there is told of, and calls get their default', async () => {
    await start(null)
    assert.equal(await ask(), null)
    const [rejected] = told('router.rejected')
    assert.equal(rejected?.['inForce'], false)
    await writeFile(file, GOOD)
    await until(async () => told('router.loaded').length === 1, 'the file')
    assert.deepEqual(await ask(), BRIDGED)
    await router.reload(null)
    assert.equal(await ask(), null)
  })
})
