import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { startStores, type TestStores } from '../helpers/stores.ts'
import { TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'
import { Uplink } from '../helpers/uplink.ts'

const [ALPHA, ALPHA_CARRIER, BETA] = [loopbackAddress(), loopbackAddress(), loopbackAddress()]
const QUICK_PROBE = { interval: '500ms', timeout: '300ms', fastInterval: '100ms', holdDown: '1s' }
/** An override is in force on every node after this time (docs/behaviour.md, Deadlines). */
const OVERRIDE_MS = 100

const CONFIG = {
  // Three local agents on a machine that runs other tests too: this is not about how fast they are.
  agents: { intake: { backend: 'local', instructions: 'You take intake calls.', connectTimeout: '10s' } },
  trunks: [
    { id: 'alpha', targets: [{ uri: `sip:${ALPHA}:5080` }], probe: QUICK_PROBE, noReply: '500ms' },
    // SIPp does not expect OPTIONS.
    { id: 'beta', targets: [{ uri: `sip:${BETA}:5080` }], probe: { enabled: false } },
  ],
  groups: { us: { trunks: ['alpha', 'beta'] } },
  tenants: [{ id: 'clinic', group: 'us', numbers: ['+12025550100'], agent: 'intake' }],
}

interface Trunk {
  readonly id: string
  readonly state: string
  readonly fleet: string
  readonly votes: Readonly<Record<string, string>>
}

describe('three nodes and the carriers of all', () => {
  let stores: TestStores
  let carriers: readonly Carrier[]
  let uplink: Uplink
  let nodes: readonly TandemProcess[]

  before(async function () {
    this.timeout(90_000)
    stores = await startStores()
    carriers = await Promise.all(
      [ALPHA_CARRIER, BETA].map((address) => Carrier.start({ scenario: 'uas-answers', address, pauseMs: 200 })),
    )
    uplink = await Uplink.start(ALPHA, ALPHA_CARRIER)
    const store = stores.config
    nodes = await Promise.all(['a', 'b', 'c'].map((id) => TandemProcess.start({ id, config: { ...CONFIG, store } })))
  })

  after(async function () {
    this.timeout(60_000)
    const codes = await Promise.all(nodes.map((node) => node.stop()))
    uplink.close()
    await Promise.all(carriers.map((carrier) => carrier.stop()))
    await stores.stop()
    assert.deepEqual(codes, [0, 0, 0])
  })

  const alphaOn = async (node: TandemProcess): Promise<Trunk> => {
    const trunks = await node.api<readonly Trunk[]>('/api/v1/trunks')
    const alpha = trunks.find(({ id }) => id === 'alpha')
    assert.ok(alpha !== undefined)
    return alpha
  }
  /** As `active of active: a active, b active`: the state on the node, the fleet's, and who says what. */
  const words = async (node: TandemProcess): Promise<string> => {
    const { state, fleet, votes } = await alphaOn(node)
    const said = Object.entries(votes).sort(([one], [other]) => (one < other ? -1 : 1))
    return `${state} of ${fleet}: ${said.map((vote) => vote.join(' ')).join(', ')}`
  }
  const says = async (node: TandemProcess, wanted: string): Promise<void> => {
    let heard = ''
    await until(async () => {
      heard = await words(node)
      return heard === wanted
    }, `a node to say "${wanted}"`).catch((error: unknown) => assert.equal(heard, wanted, String(error)))
  }

  /** As `alpha null, beta 200`: the attempts of a call that a node places, once it has ended. */
  const place = async (node: TandemProcess): Promise<string> => {
    let call = await node.post<ApiCall>('/api/v1/calls', { to: '+12025550123', tenant: 'clinic' })
    await until(async () => {
      call = (await allCalls(node)).find(({ id }) => id === call.id) ?? call
      return call.state === 'ended'
    }, 'the call to end')
    return call.attempts.map(({ trunk, sip }) => `${trunk} ${sip}`).join(', ') || `no attempt: ${call.end?.cause}`
  }

  it('agree that a carrier is well while one node cannot reach it, and that one goes around it', async function () {
    this.timeout(60_000)
    const [a, b, c] = nodes
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    for (const node of nodes) await says(node, 'active of active: a active, b active, c active')
    assert.deepEqual(await Promise.all(nodes.map(place)), ['alpha 200', 'alpha 200', 'alpha 200'])

    uplink.cut.add(c.address)
    assert.equal(await place(c), 'alpha null, beta 200', 'a call before the node has noticed is answered too')
    await says(c, 'standby of active: a active, b active, c standby')
    for (const node of [a, b]) await says(node, 'active of active: a active, b active, c standby')
    assert.deepEqual(await Promise.all([place(c), place(a), place(b)]), ['beta 200', 'alpha 200', 'alpha 200'])

    uplink.cut.add(b.address)
    for (const node of [b, c]) await says(node, 'standby of standby: a active, b standby, c standby')
    await says(a, 'standby of standby: a active, b standby, c standby')
    assert.equal(await place(a), 'beta 200', 'what more than half of them say holds for all')

    uplink.cut.clear()
    for (const node of nodes) await says(node, 'active of active: a active, b active, c active')
    assert.equal(await place(c), 'alpha 200')
  })

  it('go on with their calls while Redis is down, obey an operator 100 ms later, and agree again when it is back', async function () {
    const { redis } = stores
    if (redis === null) return this.skip()
    this.timeout(60_000)
    const [a, b, c] = nodes
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    await redis.kill()
    await says(a, 'active of active: a active')
    await says(b, 'active of active: b active')
    assert.deepEqual(await Promise.all([place(a), place(b)]), ['alpha 200', 'alpha 200'])

    const order = { state: 'failed', reason: 'maintenance' }
    await a.put('/api/v1/trunks/alpha/override', order)
    await delay(OVERRIDE_MS)
    assert.equal(await place(b), 'beta 200')
    await a.api('/api/v1/trunks/alpha/override', { method: 'DELETE' })
    await delay(OVERRIDE_MS)
    assert.equal(await place(b), 'alpha 200')

    await redis.resume()
    for (const node of nodes) await says(node, 'active of active: a active, b active, c active')
    uplink.cut.add(c.address)
    await says(a, 'active of active: a active, b active, c standby')
  })
})
