import assert from 'node:assert/strict'
import { nodeDnsClient } from '../../../app/dns/dns-client.ts'
import { ServerLocator } from '../../../app/dns/server-locator.ts'
import type { DnsRecord } from '../../../lib/sip/rfc3263.ts'
import { DnsServer, type DnsZone } from '../../helpers/dns-server.ts'

const TO = { scheme: 'sip', host: 'carrier.test', port: null, transport: 'udp' } as const
const SRV = 'SRV _sip._udp.carrier.test'

const srv = (priority: number, target: string): DnsRecord => ({ type: 'SRV', priority, weight: 1, port: 5080, target })
const a = (address: string): DnsRecord => ({ type: 'A', address })

const ZONE: DnsZone = {
  [SRV]: [srv(2, 'pop2.carrier.test'), srv(1, 'pop1.carrier.test')],
  'A pop1.carrier.test': [a('192.0.2.1')],
  'A pop2.carrier.test': [a('192.0.2.2')],
}

describe('servers found by DNS', () => {
  let dns: DnsServer
  let locator: ServerLocator
  let nowMs: number

  beforeEach(async () => {
    dns = await DnsServer.start({ ...ZONE })
    nowMs = 0
    locator = new ServerLocator({
      client: nodeDnsClient({ servers: [dns.address], timeoutMs: 100 }),
      reach: { transports: ['udp', 'tcp'], ipv6: false },
      nowMs: () => nowMs,
      random: () => 0.5,
    })
  })
  afterEach(() => dns.close())

  const found = async (to: Parameters<ServerLocator['locate']>[0][number] = TO): Promise<readonly string[]> =>
    (await locator.locate([to])).map(({ server: { transport, host, port } }) => `${transport}:${host}:${port}`)

  it('are those of the SRV records, in their order', async () => {
    assert.deepEqual(await found(), ['udp:192.0.2.1:5080', 'udp:192.0.2.2:5080'])
  })

  it('are those that NAPTR leads to', async () => {
    const replacement = '_sip._tcp.carrier.test'
    dns.zone['NAPTR carrier.test'] = [
      { type: 'NAPTR', order: 1, preference: 1, flags: 's', service: 'SIP+D2T', replacement },
    ]
    dns.zone[`SRV ${replacement}`] = [srv(1, 'pop1.carrier.test')]
    assert.deepEqual(await found({ ...TO, transport: null }), ['tcp:192.0.2.1:5080'])
  })

  it('are asked for once while their TTL lasts, and anew after it', async () => {
    await Promise.all([found(), found(), found()])
    await found()
    assert.deepEqual(dns.asked.toSorted(), ['A pop1.carrier.test', 'A pop2.carrier.test', SRV])
    nowMs = 31_000
    await found()
    assert.equal(dns.asked.length, 4, 'the SRV records are believed for 30 s, the addresses for their 60 s')
  })

  it('are believed not to be there for a while', async () => {
    dns.zone = {}
    assert.deepEqual(await found(), [])
    dns.zone = { ...ZONE }
    assert.deepEqual(await found(), [])
    nowMs = 5_001
    assert.equal((await found()).length, 2)
  })

  it('stay what they were while DNS is silent or broken', async () => {
    const before = await found()
    nowMs = 3_600_000
    dns.zone = { [SRV]: 'silent', 'A pop1.carrier.test': 'broken', 'A pop2.carrier.test': 'broken' }
    assert.deepEqual(await found(), before)
  })

  it('are none where DNS has never answered, and that is found out in time', async () => {
    dns.zone = { [SRV]: 'silent', 'A carrier.test': 'silent' }
    const startedAtMs = performance.now()
    assert.deepEqual(await found(), [])
    assert.ok(performance.now() - startedAtMs < 2_000)
  })

  it('are told within the time that a call has for them, while DNS has fallen silent', async () => {
    const before = await found()
    nowMs = 3_600_000
    dns.zone = { [SRV]: 'silent', 'A pop1.carrier.test': 'silent', 'A pop2.carrier.test': 'silent' }
    const startedAtMs = performance.now()
    assert.deepEqual(await found(), before)
    assert.ok(performance.now() - startedAtMs < 1_500)
  })

  it('are found although the name servers of some say nothing: nobody waits for one after the other', async () => {
    const lame = ['pop1', 'pop2', 'pop3', 'pop4'].map((name) => `${name}.carrier.test`)
    dns.zone = {
      [SRV]: [...lame.map((name, i) => srv(i, name)), srv(9, 'pop9.carrier.test')],
      ...Object.fromEntries(lame.map((name) => [`A ${name}`, 'silent' as const])),
      'A pop9.carrier.test': [a('192.0.2.9')],
    }
    const startedAtMs = performance.now()
    assert.deepEqual(await found(), ['udp:192.0.2.9:5080'])
    assert.ok(performance.now() - startedAtMs < 1_000)
  })

  it('are tried last for a while after they failed, and first again once they answered', async () => {
    const [first] = (await locator.locate([TO])).map(({ server }) => server)
    assert.ok(first !== undefined)
    locator.failed(first)
    assert.deepEqual(await found(), ['udp:192.0.2.2:5080', 'udp:192.0.2.1:5080'])
    locator.answered(first)
    assert.equal((await found())[0], 'udp:192.0.2.1:5080')
    locator.failed(first)
    nowMs = 30_001
    assert.equal((await found())[0], 'udp:192.0.2.1:5080')
  })
})
