import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, lstat, mkdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type EmbeddedOptions, EmbeddedPostgres } from '../../../app/store/embedded-postgres.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { isAlive } from '../../../app/store/processes.ts'
import { codeOf, type StoreError } from '../../../app/store/store-error.ts'
import { tempFolder } from '../../helpers/postgres.ts'

const asRoot = process.getuid?.() === 0

describe('the embedded PostgreSQL', function () {
  this.timeout(60_000)
  let folder: string
  const started: EmbeddedPostgres[] = []

  beforeEach(async () => {
    folder = await tempFolder()
  })

  afterEach(async () => {
    for (const server of started.splice(0)) await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function start(dataDir = folder, options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
    const server = await EmbeddedPostgres.start({ dataDir, ...options })
    started.push(server)
    return server
  }

  const ask = async (server: EmbeddedPostgres, text: string): Promise<unknown> =>
    askOnce(server.url, async (client) => Object.values((await client.query(text)).rows[0] ?? {})[0])

  it('makes its data at the first start, says what it does, and keeps them over the next', async () => {
    const words: string[] = []
    const onProgress = (text: string): void => void words.push(text)
    const first = await start(folder, { onProgress })
    await ask(first, 'create table kept as select 42 as n')
    await first.stop()
    const second = await start(folder, { onProgress })
    assert.equal(await ask(second, 'select n from kept'), 42)
    assert.deepEqual(words, ['preparing PostgreSQL for its first start', 'starting PostgreSQL', 'starting PostgreSQL'])
  })

  it('is real and durable, and lets nobody in but over its socket, which is closed to others', async () => {
    const server = await start()
    assert.match(String(await ask(server, 'select version()')), /^PostgreSQL 18/)
    assert.equal(await ask(server, "select current_setting('fsync')"), 'on')
    assert.equal(await ask(server, "select current_setting('listen_addresses')"), '')
    const socketFolder = new URL(server.url).searchParams.get('host') ?? ''
    assert.equal((await lstat(socketFolder)).mode & 0o777, 0o700)
    assert.equal((await lstat(join(folder, 'postgres'))).mode & 0o777, 0o700)
  })

  it('is gone when it was stopped', async () => {
    const server = await start()
    const pid = server.pid ?? assert.fail()
    await server.stop()
    assert.equal(isAlive(pid), false)
    await server.stop()
  })

  it('takes over one that outlived its node, and ends it with its own end', async () => {
    const first = await start()
    const words: string[] = []
    const second = await start(folder, { onProgress: (text) => words.push(text) })
    assert.deepEqual(words, ['taking over the PostgreSQL that is still running'])
    assert.equal(second.pid, first.pid)
    assert.equal(await ask(second, 'select 1'), 1)
    const pid = second.pid ?? assert.fail()
    await second.stop()
    assert.equal(isAlive(pid), false)
  })

  it('starts over a pid file that a dead one left, or whose number is another program by now', async () => {
    await (await start()).stop()
    for (const pid of [4_194_304, process.pid, process.ppid]) {
      await writeFile(join(folder, 'postgres', 'postmaster.pid'), `${pid}\n${folder}\n1\n5432\n${folder}\n\n\nready\n`)
      const server = await start()
      assert.equal(await ask(server, 'select 1'), 1)
      await server.stop()
    }
  })

  it('comes back by itself when it is killed, at the same URL', async () => {
    let crashed: (error: StoreError) => void = () => undefined
    const crash = new Promise<StoreError>((resolve) => {
      crashed = resolve
    })
    const server = await start(folder, { onCrash: (error) => crashed(error) })
    const pid = server.pid ?? assert.fail()
    await ask(server, 'create table kept as select 1')
    process.kill(pid, 'SIGKILL')
    assert.match((await crash).message, /ended by itself and is started again/)
    for (let back = false; !back; ) {
      back = await ask(server, 'select count(*) from kept').then(
        () => true,
        () => false,
      )
    }
    assert.notEqual(server.pid, pid)
  })

  it('says what to do about data of another version', async () => {
    await mkdir(join(folder, 'postgres'))
    await writeFile(join(folder, 'postgres', 'PG_VERSION'), '17\n')
    await assert.rejects(start(), (error: Error) => {
      assert.equal(codeOf(error), 'embedded-other-version')
      assert.match(error.message, /was made by PostgreSQL 17, this build runs 18/)
      return true
    })
  })

  it('says where the log is when the server does not start', async () => {
    await (await start()).stop()
    await rm(join(folder, 'postgres', 'global', 'pg_control'))
    await assert.rejects(start(), (error: Error) => {
      assert.equal(codeOf(error), 'embedded-failed')
      assert.match(error.message, /did not start; see .*postgres\.log: .*pg_control/)
      return true
    })
  })

  it('leaves no half of a cluster behind when its making fails', async () => {
    const programs = { initdb: '/bin/false', postgres: '/bin/false', major: 18, tree: null }
    await assert.rejects(start(folder, { binaries: programs }), /initdb could not make/)
    await start()
  })

  it('does not run in a data folder whose path is too long for a socket without moving the socket', async () => {
    const deep = join(folder, 'x'.repeat(60), 'y'.repeat(60))
    const server = await start(deep)
    assert.equal(await ask(server, 'select 1'), 1)
    const socketFolder = new URL(server.url).searchParams.get('host') ?? ''
    assert.ok(socketFolder.length < 60)
    await server.stop()
    await rm(socketFolder, { recursive: true })
  })

  it('refuses a socket folder that is not its own', async () => {
    const elsewhere = join(folder, 'elsewhere')
    await mkdir(elsewhere)
    await symlink(elsewhere, join(folder, 'postgres-socket'))
    await assert.rejects(start(), /postgres-socket is not ours/)
  })

  describe('run by root', () => {
    before(function () {
      if (!asRoot) this.skip()
    })

    it('runs as nobody', async () => {
      const server = await start()
      const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
      assert.match(status, /^Uid:\t65534\t65534/m)
      assert.match(status, /^Groups:\s*$/m)
    })

    it('keeps its data where nobody can reach them if the data folder is closed, and links there', async () => {
      const closed = join(folder, 'home')
      await mkdir(closed, { mode: 0o700 })
      const first = await start(closed)
      await ask(first, 'create table kept as select 42 as n')
      await first.stop()
      const data = await readlink(join(closed, 'postgres'))
      assert.match(data, /^\/var\/lib\/tandem\/home-/)
      assert.equal((await lstat(closed)).mode & 0o777, 0o700)
      const second = await start(closed)
      assert.equal(await ask(second, 'select n from kept'), 42)
      await second.stop()
      await rm(dirname(data), { recursive: true })
      await assert.rejects(start(closed), /points to .*, which is gone; remove the link to begin anew/)
    })

    it('says what to do when its data were closed to it later', async () => {
      await (await start()).stop()
      await chmod(folder, 0o700)
      await assert.rejects(start(), /the user nobody cannot reach .*: run Tandem as another user/)
    })
  })

  it('ends with a process that ends without closing it', async () => {
    const child = fork(new URL('../../helpers/postgres-leaver.js', import.meta.url), [folder])
    const [pid] = await once(child, 'message')
    await once(child, 'exit')
    while (isAlive(Number(pid))) await new Promise((resolve) => setImmediate(resolve))
  })
})
