import assert from 'node:assert/strict'
import { startCarrier } from '../../../app/demo/carrier.ts'
import type { Carrier } from '../../../app/demo/carrier-port.ts'
import { dnsClient } from '../../../app/dns/dns-client.ts'
import { ServerLocator } from '../../../app/dns/server-locator.ts'
import type { DnsRecord } from '../../../lib/sip/rfc3263.ts'
import { DnsServer, type DnsZone } from '../../helpers/dns-server.ts'
import { loopbackAddress } from '../../helpers/loopback.ts'
import { until } from '../../helpers/until.ts'
import { type CallCentre, callCentre } from './call-centre.ts'

const SRV = 'SRV _sip._udp.carrier.test'
const TO = '+12025550123'
const PORT = 5_080
/** The time that silence takes, with a margin for a machine that is busy: the agent's leg is opened before the first INVITE. */
const PROMISED_MS = 2_500
const CONFIG = `
agents: { keypad: { backend: local, instructions: none } }
trunks: [{ id: alpha, sources: [192.0.2.1], targets: [{ uri: "sip:carrier.test;transport=udp" }], noReply: 1s }]
groups: { us: { trunks: [alpha] } }
tenants: [{ id: clinic, group: us, numbers: ["+12025550100"], agent: keypad }]
`

/** SRV records with a host for each address, the first one first. */
function zoneOf(...addresses: readonly string[]): DnsZone {
  const srv = addresses.map(
    (_, i): DnsRecord => ({
      ...{ type: 'SRV', priority: i, weight: 1, port: PORT },
      target: `pop${i}.carrier.test`,
    }),
  )
  const hosts = addresses.map((address, i) => [`A pop${i}.carrier.test`, [{ type: 'A', address }]] as const)
  return { [SRV]: srv, ...Object.fromEntries(hosts) }
}

describe('a call to a carrier that DNS names', function () {
  this.timeout(20_000)
  const [dead, first, second] = [loopbackAddress(), loopbackAddress(), loopbackAddress()]
  let one: Carrier
  let two: Carrier
  let dns: DnsServer
  let centre: CallCentre
  /** Addresses that probes say nothing comes from. */
  let missed: readonly string[]

  before(async () => {
    one = await startCarrier({ id: 'one', host: first, port: PORT, ringMs: 50, talkMs: 100 })
    two = await startCarrier({ id: 'two', host: second, port: PORT, ringMs: 50, talkMs: 100 })
  })
  after(() => Promise.all([one.close(), two.close()]))

  beforeEach(async () => {
    await one.setFault({ kind: 'none' })
    missed = []
    dns = await DnsServer.start({})
    centre = await callCentre({
      config: CONFIG,
      locator: new ServerLocator({
        client: dnsClient({ servers: [dns.address], timeoutMs: 500 }),
        reach: { transports: ['udp'], ipv6: false },
        nowMs: () => performance.now(),
        random: () => 0.5,
      }),
      answers: (_trunk, target) => !missed.includes(target),
    })
  })
  afterEach(async () => {
    await centre.close()
    await dns.close()
  })

  /** Places a call; what became of it, how often it was tried, and how long that took. */
  async function place(): Promise<{
    readonly end: string
    readonly attempts: readonly unknown[]
    readonly tookMs: number
  }> {
    const before = centre.events.length
    const startedAtMs = performance.now()
    assert.ok(centre.calls.place({ to: TO, tenant: 'clinic' }).ok)
    const news = () => centre.events.slice(before)
    const end = () => news().find(({ event }) => event === 'call.answered' || event === 'call.ended')
    await until(async () => end() !== undefined, 'the call to be answered, or to end')
    const tookMs = performance.now() - startedAtMs
    const attempts = news().filter(({ event }) => event === 'call.attempt')
    await until(async () => centre.calls.count === 0, 'the call to end')
    return { end: end()?.event ?? '', attempts: attempts.map(({ sip }) => sip), tookMs }
  }

  it('goes to the next address where nobody listens at the first', async () => {
    dns.zone = zoneOf(dead, second)
    const { end, tookMs } = await place()
    assert.equal(end, 'call.answered')
    assert.ok(tookMs < PROMISED_MS, `${tookMs} ms`)
  })

  it('goes to the next address where the first one is silent and there is no other trunk', async () => {
    await one.setFault({ kind: 'silent' })
    dns.zone = zoneOf(first, second)
    const { end, tookMs } = await place()
    assert.equal(end, 'call.answered')
    assert.ok(tookMs < PROMISED_MS, `${tookMs} ms`)
    const again = await place()
    assert.ok(again.tookMs < 1_000, `the address that was silent is tried last: ${again.tookMs} ms`)
  })

  it('goes at once to an address that answers its probes', async () => {
    await one.setFault({ kind: 'silent' })
    dns.zone = zoneOf(first, second)
    missed = [`udp:${first}:${PORT}`]
    const { end, attempts, tookMs } = await place()
    assert.deepEqual([end, attempts.length], ['call.answered', 1])
    assert.ok(tookMs < 1_000, `${tookMs} ms`)
  })

  it('goes to the address that is known where the name servers of the others say nothing', async () => {
    dns.zone = { ...zoneOf(dead, dead, second), 'A pop0.carrier.test': 'silent', 'A pop1.carrier.test': 'lame' }
    const { end, tookMs } = await place()
    assert.equal(end, 'call.answered')
    assert.ok(tookMs < PROMISED_MS, `${tookMs} ms`)
  })

  const NOWHERE: readonly (readonly [why: string, zone: DnsZone])[] = [
    ['says nothing', { [SRV]: 'silent', 'A carrier.test': 'silent' }],
    ['fails', { [SRV]: 'broken', 'A carrier.test': 'broken' }],
    ['refers to others', { [SRV]: 'lame', 'A carrier.test': 'lame' }],
    ['knows nobody', {}],
    ['leads round in a circle', { 'carrier.test': { alias: 'b.test' }, 'b.test': { alias: 'carrier.test' } }],
  ]
  for (const [why, zone] of NOWHERE) {
    it(`ends in time, and says why, where DNS ${why}`, async () => {
      dns.zone = zone
      const { end, tookMs } = await place()
      assert.equal(end, 'call.ended')
      assert.ok(tookMs < PROMISED_MS, `${tookMs} ms`)
      const attempt = centre.events.find(({ event }) => event === 'call.attempt')
      assert.deepEqual([attempt?.blame, attempt?.sip], ['trunk', null])
      assert.match(String(attempt?.reason), /DNS/)
    })
  }
})
