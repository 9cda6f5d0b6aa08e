import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { writeApiKey } from '../../../app/api/api-key.ts'
import { type RunningApi, startApi } from '../../../app/api/server.ts'
import { type ApiParts, apiParts, KEYS } from '../../helpers/api.ts'
import { endedCall } from '../../helpers/memory-store.ts'
import { ROOT } from '../../helpers/root.ts'
import { type RunResult, run } from '../../helpers/run.ts'
import { OFFER, trace } from '../../unit/observe/messages.ts'

const PROGRAM = join(ROOT, 'dist/app/tandem.js')
const CALL = endedCall(3)

describe('commands that ask a node', function () {
  this.timeout(30_000)
  let api: RunningApi
  let parts: ApiParts

  const tandem = (args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> =>
    run(process.execPath, [PROGRAM, ...args], { env: { TANDEM_URL: api.url, TANDEM_API_KEY: KEYS.admin, ...env } })

  beforeEach(async () => {
    parts = apiParts()
    parts.store.records.set(CALL.id, CALL)
    parts.store.traces.set(CALL.id, [
      trace({ atMs: 0, direction: 'in', start: 'INVITE sip:+12025550100@x SIP/2.0', cseq: '1 INVITE', sdp: OFFER }),
      trace({ atMs: 700, direction: 'out', start: 'SIP/2.0 200 OK', cseq: '1 INVITE' }),
    ])
    api = await startApi(parts.options)
  })
  afterEach(async () => {
    await api.close()
    parts.metrics.close()
  })

  it('list calls as a table without colours in a pipe', async () => {
    const { code, stdout, stderr } = await tandem(['calls'])
    assert.deepEqual([code, stderr], [0, ''])
    const [head = '', row = ''] = stdout.split('\n')
    assert.match(head, /^STARTED +CALL +FROM +TO +TENANT +TRUNK +STATE +END +TALKED +MOS$/)
    assert.match(
      row,
      new RegExp(`${CALL.id} +\\+12025550123 +\\+12025550100 +clinic +alpha +ended +normal by caller +1:05 +4.3$`),
    )
    assert.ok(!stdout.includes('\u001b'))
  })

  it('list calls as JSON, as the API gives them', async () => {
    const { stdout } = await tandem(['calls', '--json', '--since', '1h', '--limit', '2'])
    const page = z
      .object({ calls: z.array(z.looseObject({ id: z.string() })), next: z.null() })
      .parse(JSON.parse(stdout))
    assert.deepEqual(
      page.calls.map((call) => call.id),
      [CALL.id],
    )
    const [query] = parts.store.queries
    assert.equal(query?.limit, 2)
    assert.ok(Math.abs(Date.now() - 3_600_000 - (query?.since?.getTime() ?? 0)) < 20_000)
  })

  it('take as many pages as the limit needs', async () => {
    for (let i = 10; i < 1_250; i += 1) parts.store.records.set(endedCall(i).id, endedCall(i))
    const { stdout } = await tandem(['calls', '--json', '--limit', '1100'])
    const { calls } = z.object({ calls: z.array(z.object({ id: z.string() })) }).parse(JSON.parse(stdout))
    assert.equal(new Set(calls.map((call) => call.id)).size, 1_100)
    assert.deepEqual(
      parts.store.queries.map((query) => query.limit),
      [500, 500, 100],
    )
  })

  it('say so where a list is empty', async () => {
    parts.store.records.clear()
    assert.equal((await tandem(['calls'])).stdout, 'No calls yet. Place one: ./tandem call\n')
    assert.equal((await tandem(['calls', '--active'])).stdout, 'No call is active.\n')
  })

  it('show one call whole', async () => {
    const { code, stdout } = await tandem(['call-log', CALL.id, '--ascii'])
    assert.equal(code, 0)
    for (const words of [
      /\+12025550123 → \+12025550100, inbound/,
      /state +ended, normal by caller \(SIP 200\)/,
      /answered +after 0\.700 s/,
      /first audio after 120 ms/,
      /500 packets, 1 lost, jitter 1\.3 ms, MOS 4\.30/,
      /-- INVITE \+12025550100 -+>/,
      /beta +sip:192\.0\.2\.12:5080 +0\.020 s +503 +Service Unavailable +580 ms/,
      /0\.900 s +agent +Hello, this is the clinic\./,
    ]) {
      assert.match(stdout, words)
    }
    const json = z
      .object({ id: z.string(), ladder: z.object({ rows: z.array(z.unknown()) }), events: z.array(z.unknown()) })
      .parse(JSON.parse((await tandem(['call-log', CALL.id, '--json'])).stdout))
    assert.equal(json.id, CALL.id)
  })

  it('list nodes', async () => {
    assert.match((await tandem(['nodes'])).stdout, /east-1 +us-east +192\.0\.2\.1 +ready +1\/9/)
  })

  const failures: readonly [why: string, args: string[], env: Record<string, string>, code: number, words: RegExp][] = [
    [
      'no node answers',
      ['calls'],
      { TANDEM_URL: 'http://127.0.0.1:4' },
      1,
      /no node answers at http:\/\/127\.0\.0\.1:4: .*ECONNREFUSED.*tandem start/,
    ],
    [
      'the URL is none',
      ['nodes'],
      { TANDEM_URL: 'node' },
      1,
      /TANDEM_URL must be an http:\/\/ or https:\/\/ URL, not "node"/,
    ],
    ['the key is wrong', ['calls'], { TANDEM_API_KEY: 'wrong' }, 1, /does not know the key from TANDEM_API_KEY/],
    ['a tail has a wrong key', ['tail'], { TANDEM_API_KEY: 'wrong' }, 1, /does not know the key from TANDEM_API_KEY/],
    ['there is no such call', ['call-log', 'nonsense'], {}, 1, /there is no call with this id/],
    ['a time is none', ['calls', '--since', 'once'], {}, 2, /--since/],
    ['a limit is none', ['calls', '--limit', '0'], {}, 2, /--limit/],
    ['a level does not exist', ['tail', '--level', 'loud'], {}, 2, /debug, info, warn, error/],
  ]
  for (const [why, args, env, wantedCode, words] of failures) {
    it(`fail in clear words when ${why}`, async () => {
      const { code, stdout, stderr } = await tandem(args, env)
      assert.match(stderr, words)
      assert.doesNotMatch(stderr, /\n +at /)
      assert.deepEqual([code, stdout], [wantedCode, ''])
    })
  }

  it('find the key that a node has written, and say which file it was when it does not fit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-'))
    try {
      const key = await writeApiKey(join(folder, 'data'))
      assert.equal(await writeApiKey(join(folder, 'data')), key)
      assert.equal((await stat(join(folder, 'data/api-key'))).mode & 0o777, 0o600)
      const env = { TANDEM_URL: api.url, TANDEM_API_KEY: '' }
      const { stderr } = await run(process.execPath, [PROGRAM, 'calls'], { cwd: folder, env })
      assert.match(stderr, /does not know the key from .*data\/api-key/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  describe('tail', () => {
    const children: ChildProcess[] = []
    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL')
    })
    const spawnTail = (...args: string[]) => {
      const env = { ...process.env, TANDEM_URL: api.url, TANDEM_API_KEY: KEYS.viewer }
      const child = spawn(process.execPath, [PROGRAM, 'tail', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      child.stderr.resume()
      children.push(child)
      return { child, line: async () => (await lines.next()).value }
    }
    const readersAre = async (count: number) => {
      while (parts.events.readers !== count) await delay(5)
    }

    it('shows events for people as they happen, and ends with exit code 0 on SIGINT', async () => {
      const { child, line } = spawnTail()
      await readersAre(1)
      parts.events.emit({ event: 'call.answered', call: CALL.id, setupMs: 7, who: 'a\u001b[2Jb' })
      assert.match(await line(), new RegExp(`^[\\d:.]+Z info  call.answered +call=${CALL.id} setupMs=7 who=.*@east-1$`))
      child.kill('SIGINT')
      assert.deepEqual(await once(child, 'close'), [0, null])
    })

    it('goes on over a restart of the API, losing and doubling nothing', async () => {
      const { child, line } = spawnTail('--json')
      await readersAre(1)
      const number = z.looseObject({ n: z.int() })
      const next = async () => number.parse(JSON.parse(await line())).n
      parts.events.emit({ event: 'dtmf', n: 1 })
      parts.events.emit({ event: 'dtmf', n: 2 })
      assert.deepEqual([await next(), await next()], [1, 2])
      const { port } = new URL(api.url)
      await api.close()
      parts.events.emit({ event: 'dtmf', n: 3 })
      api = await startApi({ ...parts.options, listen: { host: '127.0.0.1', port: Number(port) } })
      await readersAre(1)
      parts.events.emit({ event: 'dtmf', n: 4 })
      assert.deepEqual([await next(), await next()], [3, 4])
      child.kill('SIGTERM')
      await once(child, 'close')
    })

    it('ends well when its reader goes away', async () => {
      const pulse = setInterval(() => parts.events.emit({ event: 'dtmf', n: 1 }), 5)
      try {
        const shell = `("${process.execPath}" "${PROGRAM}" tail --json; echo "code $?" >&2) | head -1`
        const env = { TANDEM_URL: api.url, TANDEM_API_KEY: KEYS.viewer }
        const { stdout, stderr } = await run('sh', ['-c', shell], { env })
        assert.match(stdout, /^\{.*\}\n$/)
        assert.equal(stderr, 'code 0\n')
      } finally {
        clearInterval(pulse)
      }
    })
  })
})
