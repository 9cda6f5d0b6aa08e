import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { cpuSecondsOf, processTree } from '../helpers/process-tree.ts'
import { type QuickAgent, startQuickAgent } from '../helpers/quick-agent.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { ROOT } from '../helpers/root.ts'
import { sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

/** By who calls, so that it does not matter which of its processes is asked. */
const MOODY = `import { defineRouter, type RouterCall } from 'tandem'
export default defineRouter(async (call: RouterCall) => {
  if (call.from.endsWith('1')) return { reject: 603 }
  if (call.from.endsWith('2')) return { redirect: ['sip:desk@192.0.2.5'] }
  if (call.from.endsWith('3')) throw new Error('no idea')
  if (call.from.endsWith('4')) for (;;) {}
  return { bridge: call.agent }
})
`
const AGENTS = ['intake', 'intake-eu', 'intake-next', 'night', 'screening']
const REGION = 'eu-west'

interface ApiSession {
  readonly agent: string
  readonly variables: Readonly<Record<string, string>>
}

describe('A router outside of the repository', function () {
  this.timeout(60_000)
  let node: TandemProcess
  let agent: QuickAgent
  let crm: Server
  let folder: string
  let loads = 0

  before(async () => {
    crm = createServer((request, response) => {
      const known = request.url?.endsWith(encodeURIComponent('+12025550131')) === true
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end('{"name":"Ada"}')
    }).listen(0, '127.0.0.1')
    await once(crm, 'listening')
    const address = crm.address()
    assert.ok(typeof address === 'object' && address !== null)
    folder = await mkdtemp(join(tmpdir(), 'tandem-router-'))
    await writeFile(join(folder, 'router.ts'), MOODY)
    agent = await startQuickAgent()
    node = await TandemProcess.start({
      configText: (host, dataDir) =>
        JSON.stringify({
          node: { id: 'test-1', region: REGION, address: host, dataDir },
          sip: { listen: [`udp:${host}:5060`] },
          http: { listen: `${host}:8080`, keys: [{ name: 'test', key: 'test-key', role: 'admin' }] },
          agents: Object.fromEntries(AGENTS.map((name) => [name, agent.config])),
          trunks: [{ id: 'local', sources: ['127.0.0.1'] }],
          groups: { us: { trunks: ['local'] } },
          tenants: [{ id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake' }],
          router: join(folder, 'router.ts'),
        }),
      env: { CRM_URL: `http://127.0.0.1:${address.port}/customers` },
    })
  })

  after(async () => {
    node.abandon()
    await agent.close()
    crm.closeAllConnections()
    crm.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function counted(event: string): Promise<number> {
    const pattern = new RegExp(
      `^tandem_events_total\\{(?=[^}]*event="${event.replace('.', '\\.')}")[^}]*\\} (\\d+)$`,
      'm',
    )
    return Number(pattern.exec(await node.metrics())?.[1] ?? 0)
  }

  /** Puts another router in the place of the one in force, as an editor would, and waits until it is taken. */
  async function use(example: string): Promise<void> {
    const text = await readFile(join(ROOT, 'examples', `router-${example}.ts`), 'utf8')
    await writeFile(join(folder, 'next.ts'), text)
    await rename(join(folder, 'next.ts'), join(folder, 'router.ts'))
    loads += 1
    await until(async () => (await counted('router.loaded')) === loads, `${example} to be in force`)
  }

  /** The session of a call that SIPp has placed. */
  async function placed(caller: string, attestation = 'A'): Promise<ApiSession> {
    const from = `+1202555${caller}`
    const result = await sipp({
      scenario: 'uac-routed',
      target: `${node.address}:5060`,
      number: NUMBER,
      keys: { caller: from, attestation },
      pauseMs: 50,
    })
    assert.equal(result.code, 0, result.errors)
    let call: ApiCall | undefined
    await until(async () => {
      call = (await allCalls(node)).find((each) => each.from === from)
      return call !== undefined
    }, `the call of ${from}`)
    return node.api(`/api/v1/sessions/${call?.session.id}`)
  }

  it('rejects and redirects calls; one that throws or loops costs no call, and each failure is told of once', async () => {
    const statuses: number[] = []
    for (const from of ['+12025550101', '+12025550102', '+12025550103', '+12025550104', '+12025550105']) {
      const caller = await RawCaller.open(node.address, '127.0.0.1', from)
      try {
        const { status } = await caller.call(NUMBER)
        statuses.push(status)
        if (status === 200) await caller.hangUp()
      } finally {
        await caller.close()
      }
      // Late, then it is found in a loop, and its process ended: the next call has another one.
      if (from.endsWith('4')) await node.said(/"again":true/)
    }
    assert.deepEqual(statuses, [603, 302, 200, 200, 200])
    // Those of two calls, and the end of the process that was in a loop.
    assert.equal(await counted('router.failed'), 3)
    const outcomes = (await node.metrics()).matchAll(/^tandem_router_calls_total\{outcome="([^"]*)",[^}]*\} (\d+)$/gm)
    assert.deepEqual(Object.fromEntries([...outcomes].map(([, outcome, count]) => [outcome, Number(count)])), {
      ...{ reject: 1, redirect: 1, bridge: 1 },
      ...{ threw: 1, late: 1 },
    })
    loads = await counted('router.loaded')
  })

  it('goes by time and region, as in examples/', async () => {
    await use('time-and-region')
    const by = (date: Date): string => (date.getUTCHours() < 8 || date.getUTCHours() >= 18 ? 'night' : 'intake-eu')
    const before = by(new Date())
    const { agent: taken } = await placed('0111')
    assert.ok(taken === before || taken === by(new Date()), taken)
  })

  it('goes by attestation, as in examples/', async () => {
    await use('attestation')
    const screened = await placed('0121', 'C')
    assert.deepEqual([screened.agent, screened.variables['attestation']], ['screening', 'C'])
    assert.equal((await placed('0122', 'A')).agent, 'intake')
  })

  it('asks a CRM, as in examples/', async () => {
    await use('crm')
    assert.equal((await placed('0131')).variables['name'], 'Ada')
    assert.equal((await placed('0132')).variables['name'], undefined)
  })

  it('goes by percentage, as in examples/', async () => {
    await use('percentage')
    const share = (caller: string): number =>
      createHash('sha256').update(`+1202555${caller}`).digest().readUInt16BE(0) % 100
    const numbers = Array.from({ length: 100 }, (_, i) => String(2_000 + i))
    const [chosen, other] = [numbers.find((each) => share(each) < 10), numbers.find((each) => share(each) >= 10)]
    assert.ok(chosen !== undefined && other !== undefined)
    assert.equal((await placed(chosen)).agent, 'intake-next')
    assert.equal((await placed(other)).agent, 'intake')
  })

  it('has failed no more than that', async () => {
    assert.equal(await counted('router.failed'), 3)
  })

  it('leaves no process behind where its node is killed, even one in a loop', async () => {
    await writeFile(join(folder, 'router.ts'), MOODY)
    await until(async () => (await counted('router.loaded')) === loads + 1, 'the router to be in force')
    const isRouter = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('route/host')
    const [host = assert.fail('no process of the router')] = processTree([node.pid]).filter(isRouter)
    const before = cpuSecondsOf([host])
    const caller = await RawCaller.open(node.address, '127.0.0.1', '+12025550104')
    caller.invite(NUMBER)
    await until(async () => cpuSecondsOf([host]) > before + 0.1, 'the loop')
    node.abandon()
    await until(async () => !existsSync(`/proc/${host}`), 'the end of its router')
    await caller.close()
  })
})
