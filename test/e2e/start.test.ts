import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { allCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { postmasterOf } from '../helpers/process-tree.ts'
import { ROOT } from '../helpers/root.ts'
import { tandem } from '../helpers/run.ts'
import { NUMBER, TandemProcess, testConfig } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const OTHER_NUMBER = '+12025550101'

describe('tandem start', () => {
  it('runs the example config as it stands, all of it with effect', async () => {
    const example = readFileSync(join(ROOT, 'examples/tandem.example.yaml'), 'utf8')
    const node = await TandemProcess.start({
      // Addresses and folder of its own, so that a node on the usual ones is not in the way.
      configText: (address, dataDir) =>
        example.replaceAll('127.0.0.1:', `${address}:`).replace('./data/east-1', dataDir),
    })
    try {
      assert.doesNotMatch(node.output, /^! /m)
      assert.equal((await fetch(`${node.url}/readyz`)).status, 200)
    } finally {
      assert.equal(await node.stop(), 0)
    }
  })

  it('says which process holds a SIP port, and ends', async () => {
    const address = loopbackAddress()
    const holder = createSocket('udp4').bind(5060, address)
    await once(holder, 'listening')
    const node = await TandemProcess.launch({ address })
    assert.equal(await node.ended(), 1)
    assert.match(node.output, new RegExp(`udp:${address}:5060: the port is in use by process ${process.pid} `))
    await leavesNothing(node)
    holder.close()
  })

  it('says which process holds the HTTP port, and ends', async () => {
    const address = loopbackAddress()
    const holder = createServer().listen(8080, address)
    await once(holder, 'listening')
    const node = await TandemProcess.launch({ address })
    assert.equal(await node.ended(), 1)
    assert.match(node.output, new RegExp(`http\\.listen ${address}:8080 is taken by .*\\(pid ${process.pid}\\)`))
    await leavesNothing(node)
    holder.close()
  })

  const FOLDERS: readonly (readonly [why: string, folder: string, want: RegExp])[] = [
    ['below a file', join(ROOT, 'package.json', 'data'), /cannot use the data folder .*package\.json\/data: ENOTDIR/],
    ['on a file system that takes none', '/proc/tandem-data', /cannot use the data folder \/proc\/tandem-data: /],
  ]
  for (const [why, dataDir, want] of FOLDERS) {
    it(`says that it cannot use a data folder ${why}, and ends`, async () => {
      const address = loopbackAddress()
      const node = await TandemProcess.launch({
        address,
        configText: () => JSON.stringify(testConfig('test-1', address, dataDir)),
      })
      assert.equal(await node.ended(), 1)
      assert.match(node.output, want)
      await node.stop()
    })
  }

  it('says which process holds its data folder, and leaves that one alone', async () => {
    const first = await TandemProcess.start()
    const second = await TandemProcess.launch({ dataDir: first.dataDir })
    assert.equal(await second.ended(), 1)
    assert.match(second.output, new RegExp(`is in use by another node: process ${first.pid}$`, 'm'))
    await second.stop()
    assert.equal((await fetch(`${first.url}/readyz`)).status, 200)
    assert.equal(await first.stop(), 0)
  })

  it('says what is wrong with a config, by line and key, and with the command itself', async () => {
    const folder = await tempFolder()
    const file = join(folder, 'bad.yaml')
    await writeFile(file, 'sip:\n  engine: "drachtio://:s@127.0.0.1"\n  lisen: []\n')
    const bad = await tandem(['start', '--config', file])
    assert.equal(bad.code, 1)
    assert.match(bad.stderr, /bad\.yaml:3:3 sip\.lisen: unknown key \(did you mean listen\?\)/)
    assert.match(bad.stderr, /not started: one problem in the config$/m)
    await writeFile(file, 'media:\n  codecs: [G722]\n')
    const refused = await tandem(['start', '--config', file])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /bad\.yaml:2:3 media\.codecs: .*one of those two must be named/)
    const missing = await tandem(['start', '--config', join(folder, 'none.yaml')])
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /none\.yaml.*cannot be read/)
    const unknown = await tandem(['start', '--confg', file])
    assert.equal(unknown.code, 2)
    assert.match(unknown.stderr, /unknown option '--confg'[\s\S]*Did you mean --config/)
    await rm(folder, { recursive: true })
  })

  const STEPS = ['preparing PostgreSQL', 'starting PostgreSQL', 'starting the local agent', 'starting the SIP server']
  for (const step of STEPS) {
    it(`ends cleanly on a SIGTERM while it starts: ${step}`, async () => {
      const node = await TandemProcess.launch()
      await node.said(new RegExp(step))
      node.signal('SIGTERM')
      assert.equal(await node.ended(), 0)
      assert.doesNotMatch(node.output, /ready for calls/)
      assert.match(node.output, /stopped before it was ready/)
      await leavesNothing(node)
    })
  }

  it('lets a call go on after the first SIGTERM and hangs it up on the second', async () => {
    const node = await TandemProcess.start()
    const caller = tandem(['call', node.uri, '--seconds', '60'])
    await until(async () => (await allCalls(node)).some(({ state }) => state === 'active'), 'the call to be up')
    node.signal('SIGTERM')
    await node.said(/draining/)
    assert.equal((await allCalls(node)).filter(({ state }) => state === 'active').length, 1)
    node.signal('SIGTERM')
    assert.equal(await node.ended(), 0)
    assert.match((await caller).stderr, /the far end hung up/)
    await leavesNothing(node)
  })

  it('keeps its config where a changed file is wrong, says why, and takes a good one', async () => {
    const node = await TandemProcess.start()
    const config = testConfig('test-1', node.address, node.dataDir)
    const callOther = (seconds: string) =>
      tandem(['call', `sip:${OTHER_NUMBER}@${node.address}:5060`, '--seconds', seconds, '--json'])

    await writeFile(node.configFile, JSON.stringify({ ...config, tenants: 5 }))
    node.signal('SIGHUP')
    await node.said(/config\.rejected/)
    assert.match(node.output, /tandem\.json:1:\d+ tenants: expected a list/)
    assert.match((await callOther('1')).stdout, /"status":404/)

    const tenant = { id: 'clinic', group: 'us', numbers: [NUMBER, OTHER_NUMBER], agent: 'intake' }
    await writeFile(
      node.configFile,
      JSON.stringify({ ...config, tenants: [tenant], media: { rtpPorts: '30000-30999' } }),
    )
    node.signal('SIGHUP')
    await node.said(/config\.reloaded/)
    assert.match(node.output, /"needsRestart":\["media"\]/)
    const answered = await callOther('1')
    assert.match(answered.stdout, /"answered":true/)
    assert.equal(answered.code, 0)
    assert.equal(await node.stop(), 0)
  })
})

/** No PostgreSQL runs any more on the folder of a node that has ended; the folder goes. */
async function leavesNothing(node: TandemProcess): Promise<void> {
  assert.equal(postmasterOf(node.dataDir), -1)
  await node.stop()
}
