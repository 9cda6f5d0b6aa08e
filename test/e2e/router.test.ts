import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RawCaller } from '../helpers/raw-caller.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'

const ROUTER = `import { defineRouter, type RouterCall } from 'tandem'
let calls = 0
export default defineRouter(async (call: RouterCall) => {
  calls += 1
  if (calls === 1) return { reject: 603 }
  if (calls === 2) return { redirect: ['sip:desk@192.0.2.5'] }
  if (calls === 3) throw new Error('no idea')
  if (calls === 4) for (;;) {}
  return { bridge: call.agent }
})
`

describe('A router outside of the repository', () => {
  let node: TandemProcess
  let folder: string

  before(async function () {
    this.timeout(60_000)
    folder = await mkdtemp(join(tmpdir(), 'tandem-router-'))
    await writeFile(join(folder, 'router.ts'), ROUTER)
    node = await TandemProcess.start({ config: { router: join(folder, 'router.ts') } })
  })

  after(async function () {
    this.timeout(30_000)
    assert.equal(await node.stop(), 0)
    await rm(folder, { recursive: true, force: true })
  })

  it('rejects and redirects calls; one that throws or loops costs no call', async function () {
    this.timeout(30_000)
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) {
      const caller = await RawCaller.open(node.address)
      try {
        const { status } = await caller.call(NUMBER)
        statuses.push(status)
        if (status === 200) await caller.hangUp()
      } finally {
        await caller.close()
      }
    }
    assert.deepEqual(statuses, [603, 302, 200, 200, 200])
    const events = await node.metrics()
    const failed = /^tandem_events_total\{(?=[^}]*event="router\.failed")[^}]*\} (\d+)$/m.exec(events)?.[1]
    assert.ok(Number(failed) >= 2, `${failed} failures were counted`)
  })
})
