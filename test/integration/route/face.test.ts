import assert from 'node:assert/strict'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from '../../helpers/postgres.ts'
import { ROOT } from '../../helpers/root.ts'
import { run } from '../../helpers/run.ts'

/** What a project of its own writes against `tandem`: what must compile does, and what must not has to be expected. */
const FILES: Readonly<Record<string, string>> = {
  'package.json': '{ "type": "module" }',
  'router.ts': `import { defineRouter, type RouterCall } from 'tandem'
export default defineRouter((call, { trunks }) => {
  const state: 'active' | 'standby' | 'failed' | undefined = trunks[0]?.state
  if (call.from.startsWith('+1900')) return { reject: 603 }
  return state === 'failed' ? { redirect: ['sip:desk@192.0.2.5'] } : { bridge: call.agent, variables: { state: 'up' } }
})
// @ts-expect-error a status is a number
defineRouter(() => ({ reject: '603' }))
// @ts-expect-error an agent has a name
defineRouter(() => ({ bridge: 7 }))
// @ts-expect-error what is said of a call is not to be changed
defineRouter((call: RouterCall) => { call.from = ''; return null })
`,
  'router.test.ts': `import assert from 'node:assert/strict'
import { simulate } from 'tandem/testing'
import router from './router.ts'
assert.deepEqual(await simulate(router, { from: '+19005550100' }), { kind: 'decided', decision: { reject: 603 } })
const degraded = await simulate(router, {}, { trunks: [{ id: 'a', state: 'failed' }] })
assert.deepEqual(degraded, { kind: 'decided', decision: { redirect: ['sip:desk@192.0.2.5'] } })
const usual = await simulate(router)
assert.deepEqual(usual, { kind: 'decided', decision: { bridge: 'intake', variables: { state: 'up' } } })
const failures = [
  await simulate(() => { throw new Error('no idea') }),
  await simulate(async (_call, { fetch }) => { await fetch('http://192.0.2.1/'); return null }),
  await simulate(() => new Promise(() => {})),
  await simulate(() => ({ bridge: '' })),
]
assert.deepEqual(failures.map((each) => each.kind === 'failed' ? each.code : each.kind), ['threw', 'threw', 'late', 'ill-formed'])
// @ts-expect-error there is no such state
await simulate(router, {}, { trunks: [{ id: 'a', state: 'tired' }] })
`,
  'sip.ts': `import assert from 'node:assert/strict'
import { startSipServer, type SipServerOptions } from 'tandem/sip'
const options: SipServerOptions = { listen: ['udp:127.0.0.1:0'], secret: 'x' }
const server = await startSipServer(options)
assert.match(server.hostports[0] ?? '', /^udp\\/127\\.0\\.0\\.1:\\d+$/)
await server.close()
// @ts-expect-error nobody gets in without a secret
void ((): SipServerOptions => ({ listen: [] }))
`,
}

describe('The published face', function () {
  this.timeout(60_000)
  let folder: string

  before(async () => {
    folder = await tempFolder()
    await mkdir(join(folder, 'node_modules'))
    await symlink(ROOT, join(folder, 'node_modules', 'tandem'))
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text)
    await mkdir(join(folder, 'page'))
    const page = await readFile(join(ROOT, 'docs', 'programming.md'), 'utf8')
    const [router = '', test = ''] = [
      ...page.slice(page.indexOf('## Ten minutes')).matchAll(/^```ts\n(.*?)^```/gms),
    ].map(([, code = '']) => code)
    await writeFile(join(folder, 'page', 'router.ts'), router)
    await writeFile(join(folder, 'page', 'router.test.ts'), test)
    const compilerOptions = {
      ...{ target: 'es2023', module: 'nodenext', strict: true, outDir: 'out', rewriteRelativeImportExtensions: true },
      ...{ types: ['node'], typeRoots: [join(ROOT, 'node_modules', '@types')] },
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts', 'page/*.ts'] }))
  })

  after(() => rm(folder, { recursive: true, force: true }))

  it('has types that hold in a strict project of its own, which checks them as well', async () => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const { code, stdout } = await run(process.execPath, [tsc, '-p', folder], { timeoutMs: 50_000 })
    assert.equal(code, 0, stdout)
  })

  for (const file of ['router.test', 'sip']) {
    it(`works as its types say: ${file}`, async () => {
      const { code, stderr } = await run(process.execPath, [join(folder, 'out', `${file}.js`)], { timeoutMs: 20_000 })
      assert.equal(code, 0, stderr)
    })
  }

  it('is tested as docs/programming.md tells a newcomer to', async () => {
    const args = ['--test', '--test-reporter', 'tap', join(folder, 'out', 'page', 'router.test.js')]
    const { code, stdout } = await run(process.execPath, args, { timeoutMs: 20_000 })
    assert.equal(code, 0, stdout)
    assert.match(stdout, /^# pass 3$/m)
  })

  const asked: readonly (readonly [args: readonly string[], said: RegExp, code: number])[] = [
    [['--from', '+19005550100'], /^\{"reject":603\}\n$/, 0],
    [[], /^\{"bridge":"intake","variables":\{"state":"up"\}\}\n$/, 0],
    [['--at', 'noon'], /expected a time/, 2],
    [['--header', 'subject'], /expected NAME=VALUE/, 2],
  ]
  for (const [args, said, exit] of asked) {
    it(`is asked by ./tandem router ${args.join(' ')}`, async () => {
      const command = ['router', join(folder, 'router.ts'), ...args]
      const { code, stdout, stderr } = await run(join(ROOT, 'tandem'), command, { timeoutMs: 20_000 })
      assert.match(code === 0 ? stdout : stderr, said)
      assert.equal(code, exit)
    })
  }

  it('tells of a router that cannot be used, or fails', async () => {
    const loops = join(folder, 'loops.ts')
    await writeFile(loops, 'export default () => { for (;;); }')
    const late = await run(join(ROOT, 'tandem'), ['router', loops], { timeoutMs: 20_000 })
    assert.match(late.stdout, /^late: no answer within 500 ms\n/)
    assert.equal(late.code, 1)
    const gone = await run(join(ROOT, 'tandem'), ['router', join(folder, 'gone.ts')], { timeoutMs: 20_000 })
    assert.match(gone.stdout, /^not usable: .*gone\.ts/)
    assert.equal(gone.code, 1)
  })
})
