import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { dnsClient } from '../../../app/dns/dns-client.ts'
import { ServerLocator } from '../../../app/dns/server-locator.ts'
import { SipLink } from '../../../app/signaling/sip-link.ts'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import { HealthFile } from '../../../app/trunk/health-file.ts'
import { TrunkHealth } from '../../../app/trunk/trunk-health.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import type { TrunkConfig } from '../../../lib/config/resolve.ts'
import { type TrunkId, trunkId } from '../../../lib/core/ids.ts'
import type { DnsRecord } from '../../../lib/sip/rfc3263.ts'
import { DnsServer } from '../../helpers/dns-server.ts'
import { OptionsCarrier } from '../../helpers/options-carrier.ts'
import { tempFolder } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'

const ALPHA: TrunkId = trunkId('alpha')
const SRV = 'SRV _sip._udp.carrier.test'
const QUICK = { interval: '100ms', timeout: '80ms', fastInterval: '20ms', holdDown: '100ms', rises: 2 }

const srv = (priority: number, { port }: OptionsCarrier): DnsRecord => ({
  ...{ type: 'SRV', priority, weight: 1, port },
  target: 'pop.carrier.test',
})

function trunkNamed(host: string): TrunkConfig {
  const target = { uri: `sip:${host};transport=udp` }
  const file = { trunks: [{ id: ALPHA, sources: ['192.0.2.1'], targets: [target], probe: QUICK }] }
  const parsed = parseConfig(JSON.stringify(file), { env: {}, file: 'test' })
  const trunk = parsed.ok ? parsed.value.trunks[0] : undefined
  assert.ok(trunk !== undefined, JSON.stringify(parsed))
  return trunk
}

describe('the targets of a trunk that DNS names', () => {
  let sip: SipServer
  let link: SipLink
  let dns: DnsServer
  let first: OptionsCarrier
  let second: OptionsCarrier
  let folder: string
  let trunks: TrunkHealth

  beforeEach(async () => {
    sip = await startSipServer({ listen: ['udp:127.0.0.1:0'], secret: 'secret' })
    const connected = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: sip.adminPort, secret: 'secret' }] })
    assert.ok(connected.ok)
    link = connected.value
    first = await OptionsCarrier.start()
    second = await OptionsCarrier.start()
    dns = await DnsServer.start({
      [SRV]: [srv(1, first), srv(2, second)],
      'A pop.carrier.test': [{ type: 'A', address: '127.0.0.1' }],
    })
    folder = await tempFolder()
  })

  afterEach(async () => {
    await trunks.close()
    link.close()
    await sip.close()
    await dns.close()
    first.close()
    second.close()
    await rm(folder, { recursive: true, force: true })
  })

  const watch = (trunk: TrunkConfig): TrunkHealth =>
    new TrunkHealth({
      trunks: [trunk],
      locator: new ServerLocator({
        client: dnsClient({ servers: [dns.address], timeoutMs: 100 }),
        reach: { transports: ['udp'], ipv6: false },
        nowMs: () => performance.now(),
        random: () => 0.5,
      }),
      ping: (uri, timeoutMs, nextHop) => link.ping(uri, timeoutMs, nextHop),
      emit: () => {},
      file: new HealthFile(folder, (error) => assert.fail(String(error))),
    })
  const targets = (): readonly string[] =>
    trunks.health(ALPHA)?.state.probe.targets.map(({ target }) => target) ?? assert.fail('no such trunk')
  const reason = (): string | undefined => trunks.health(ALPHA)?.state.effective.reason

  it('are each asked at their own address, by the URI of the config', async () => {
    trunks = watch(trunkNamed('carrier.test'))
    await Promise.all([first.answered(), second.answered()])
    assert.deepEqual(targets(), [first.target, second.target])
    assert.deepEqual(new Set([...first.asked, ...second.asked]), new Set(['sip:carrier.test;transport=udp']))
  })

  it('are judged each by itself: the trunk is as good as its best one', async () => {
    first.silent = true
    trunks = watch(trunkNamed('carrier.test'))
    await until(async () => targets().length === 2 && !trunks.answers(ALPHA, first.target), 'the first to be missed')
    assert.equal(trunks.answers(ALPHA, second.target), true)
    assert.equal(trunks.states.get(ALPHA), 'active')
    second.silent = true
    await until(async () => trunks.states.get(ALPHA) === 'standby', 'the trunk to go to standby')
    first.silent = false
    await until(async () => trunks.states.get(ALPHA) === 'active', 'the trunk to come back')
  })

  it('are looked up anew when the TTL has ended', async function () {
    this.timeout(20_000)
    dns.ttlS = 1
    dns.zone[SRV] = [srv(1, first)]
    trunks = watch(trunkNamed('carrier.test'))
    await until(async () => targets().length === 1, 'the first address')
    dns.zone[SRV] = [srv(1, second)]
    await until(async () => targets()[0] === second.target, 'the new address')
  })

  it('stay while DNS is silent, and are probed on', async () => {
    dns.ttlS = 1
    trunks = watch(trunkNamed('carrier.test'))
    await until(async () => targets().length === 2, 'the addresses')
    dns.zone = { [SRV]: 'silent', 'A pop.carrier.test': 'broken' }
    const asked = dns.asked.length
    await until(async () => dns.asked.length > asked, 'DNS to be asked anew')
    await first.answered()
    assert.deepEqual(targets(), [first.target, second.target])
    assert.equal(trunks.states.get(ALPHA), 'active')
  })

  for (const [why, zone, words] of [
    ['silent', { [SRV]: 'silent', 'A carrier.test': 'silent' }, 'DNS does not answer for carrier.test'],
    ['broken', { [SRV]: 'broken', 'A carrier.test': 'broken' }, 'DNS does not answer for carrier.test'],
    ['sure that there are none', {}, 'DNS has no server of carrier.test that this node can reach'],
  ] as const) {
    it(`are missed like a silent carrier where DNS is ${why}, and the reason says so`, async function () {
      this.timeout(20_000)
      const known = dns.zone
      dns.zone = { ...zone }
      trunks = watch(trunkNamed('carrier.test'))
      await until(async () => trunks.states.get(ALPHA) === 'standby', 'the trunk to go to standby')
      assert.equal(reason(), `sip:carrier.test;transport=udp: 3 probes missed in a row: ${words}`)
      dns.zone = known
      await until(async () => trunks.states.get(ALPHA) === 'active', 'the trunk to come back with DNS')
    })
  }

  it('keep what was found out about them over a restart', async () => {
    first.silent = true
    second.silent = true
    trunks = watch(trunkNamed('carrier.test'))
    await until(async () => trunks.states.get(ALPHA) === 'standby', 'the trunk to go to standby')
    await trunks.close()
    trunks = watch(trunkNamed('carrier.test'))
    assert.equal(trunks.states.get(ALPHA), 'standby')
    assert.deepEqual(targets(), [first.target, second.target])
    second.silent = false
    await until(async () => trunks.states.get(ALPHA) === 'active', 'the trunk to come back')
    assert.equal(trunks.answers(ALPHA, first.target), false)
  })
})
