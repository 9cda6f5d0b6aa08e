import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkout } from './checkout.ts'

describe('the launcher', () => {
  let checkout: Checkout
  beforeEach(() => {
    checkout = new Checkout()
  })
  afterEach(() => checkout.close())

  it('installs, builds and runs the command in a fresh clone, and says what it does on standard error only', async () => {
    const { code, stdout, stderr } = await checkout.run(['calls', '--json', 'a b'])
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), { args: ['calls', '--json', 'a b'], cwd: realpathSync(checkout.folder) })
    assert.match(stderr, /installing the packages/)
    assert.match(stderr, /building/)
    assert.match(checkout.lines('npm-calls')[0] ?? '', /^ci .*--include=dev/)
  })

  it('asks neither npm nor the compiler when nothing has changed', async () => {
    await checkout.run([])
    const { stderr } = await checkout.run([])
    assert.equal(stderr, '')
    assert.deepEqual([checkout.lines('npm-calls').length, checkout.lines('compiler-calls').length], [1, 1])
  })

  it('builds again, and only that, when a source has changed', async () => {
    await checkout.run([])
    checkout.edit('app/tandem.ts', 'console.log("new")')
    const { stdout } = await checkout.run([])
    assert.equal(stdout, 'new\n')
    assert.deepEqual([checkout.lines('npm-calls').length, checkout.lines('compiler-calls').length], [1, 2])
  })

  it('installs again when the lock file has changed', async () => {
    await checkout.run([])
    checkout.edit('package-lock.json', '{ "changed": true }')
    await checkout.run([])
    assert.equal(checkout.lines('npm-calls').length, 2)
  })

  it('forgets what was compiled from a source that is gone', async () => {
    checkout.write('app/old.ts', '')
    await checkout.run([])
    assert.ok(checkout.has('dist/app/old.js'))
    checkout.remove('app/old.ts')
    checkout.edit('lib/a.ts', '')
    await checkout.run([])
    assert.ok(!checkout.has('dist/app/old.js'))
    assert.ok(checkout.has('dist/app/tandem.js'))
  })

  it('hands the exit code of the command on', async () => {
    assert.equal((await checkout.run(['fail'])).code, 5)
  })

  it('becomes the node process: its pid, and a signal to it', async () => {
    await checkout.run([])
    const child = checkout.start(['wait'])
    const [data] = await once(child.stdout ?? assert.fail(), 'data')
    assert.equal(Number(String(data)), child.pid)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [7, null])
  })

  it('works through symlinks and from another folder, which stays the working directory', async () => {
    mkdirSync(checkout.path('links'))
    symlinkSync('../tandem', checkout.path('links/one'))
    symlinkSync(checkout.path('links/one'), checkout.path('links/two'))
    const { stdout, stderr } = await checkout.run(['x'], { cwd: tmpdir(), script: checkout.path('links/two') })
    assert.deepEqual(JSON.parse(stdout || stderr), { args: ['x'], cwd: realpathSync(tmpdir()) })
  })

  it('says that Node is too old, which one it found, and where to get another', async () => {
    checkout.write('bin/old-node', '#!/bin/sh\necho v18.20.1\n')
    chmodSync(checkout.path('bin/old-node'), 0o755)
    const { code, stderr } = await checkout.run([], { env: { TANDEM_NODE: checkout.path('bin/old-node') } })
    assert.equal(code, 1)
    assert.match(stderr, /Node 20\.19 or newer is needed; found only: v18\.20\.1/)
    assert.match(stderr, /https:\/\/nodejs\.org/)
    assert.ok(!checkout.has('npm-calls'))
  })

  it('says that there is no Node at all', async () => {
    const { code, stderr } = await checkout.run([], { env: { TANDEM_NODE: checkout.path('bin/none') } })
    assert.equal(code, 1)
    assert.match(stderr, /no Node was found/)
  })

  it('says that the registry is out of reach, which one, and what to do, and does not run', async () => {
    checkout.write('npm-fails', 'npm error code ENOTFOUND\nnpm error network request failed\n')
    const { code, stdout, stderr } = await checkout.run([])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /npm error code ENOTFOUND/)
    assert.match(stderr, /the npm registry https:\/\/registry\.example\.net\/ is out of reach/)
    assert.match(stderr, /https-proxy/)
    assert.match(stderr, /dist\/bootstrap\.log/)
    checkout.remove('npm-fails')
    assert.equal((await checkout.run([])).code, 0)
  })

  it('takes npm install where the lock file lacks the packages of this platform', async () => {
    checkout.write('npm-fails-once', 'npm error code EUSAGE\n')
    const { code, stderr } = await checkout.run([])
    assert.equal(code, 0, stderr)
    assert.deepEqual(
      checkout.lines('npm-calls').map((line) => line.split(' ').slice(0, 2).join(' ')),
      ['ci --include=dev', 'install --no-save'],
    )
  })

  it('shows what the compiler said when the build fails, and builds again the next time', async () => {
    checkout.write('compiler-fails', '')
    const { code, stderr } = await checkout.run([])
    assert.equal(code, 1)
    assert.match(stderr, /error TS1005[\s\S]*the build failed/)
    checkout.remove('compiler-fails')
    assert.equal((await checkout.run([])).code, 0)
  })

  it('installs once where two first runs begin at the same time', async () => {
    checkout.write('npm-is-slow', '')
    const runs = await Promise.all([checkout.run(['a']), checkout.run(['b']), checkout.run(['c'])])
    assert.deepEqual(
      runs.map(({ code }) => code),
      [0, 0, 0],
      runs.map(({ stderr }) => stderr).join('\n'),
    )
    assert.deepEqual([checkout.lines('npm-calls').length, checkout.lines('compiler-calls').length], [1, 1])
    assert.ok(runs.some(({ stderr }) => stderr.includes('waiting for it')))
  })

  it('takes away the lock of a run that was killed', async () => {
    const dead = checkout.start([], { env: { TANDEM_NODE: checkout.path('bin/none') } })
    await once(dead, 'exit')
    checkout.write('dist/.lock/pid', `${dead.pid}\n`)
    assert.equal((await checkout.run([])).code, 0)
    assert.ok(!checkout.has(join('dist', '.lock')))
  })
})
