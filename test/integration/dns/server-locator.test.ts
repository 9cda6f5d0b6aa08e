import assert from 'node:assert/strict'
import { dnsClient } from '../../../app/dns/dns-client.ts'
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
      client: dnsClient({ servers: [dns.address], timeoutMs: 100 }),
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
    nowMs = 59_999
    await found()
    assert.equal(dns.asked.length, 3)
    nowMs = 60_001
    await found()
    assert.equal(dns.asked.length, 6)
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

  const LIARS: readonly (readonly [why: string, ttlS: number, keptMs: number])[] = [
    ['0, which would ask for every call, is a second', 0, 1_000],
    ['2^31, which is none by RFC 2181, is a second', 2 ** 31, 1_000],
    ['2^32 - 1 is a second', 2 ** 32 - 1, 1_000],
    ['68 years is an hour', 2 ** 31 - 1, 3_600_000],
  ]
  for (const [why, ttlS, keptMs] of LIARS) {
    it(`are kept for a sensible time whatever the TTL says: ${why}`, async () => {
      dns.ttlS = ttlS
      await found()
      nowMs = keptMs - 1
      await found()
      assert.equal(dns.asked.length, 3)
      nowMs = keptMs
      await found()
      assert.equal(dns.asked.length, 6)
    })
  }

  it('are believed not to be there for as long as the SOA says, but for no more than a minute', async () => {
    const zone = dns.zone
    for (const [negativeTtlS, keptMs] of [
      [20, 20_000],
      [86_400, 60_000],
    ] as const) {
      Object.assign(dns, { zone: {}, negativeTtlS, ttlS: 86_400 })
      const since = nowMs
      assert.deepEqual(await found(), [])
      dns.zone = zone
      nowMs = since + keptMs - 1
      assert.deepEqual(await found(), [])
      nowMs = since + keptMs
      assert.equal((await found()).length, 2)
      nowMs += 3_600_000
    }
  })

  it('are found behind an alias, by an answer that has the records or by one that has them not', async () => {
    dns.zone['carrier.test'] = { alias: 'other.test' }
    dns.zone['A other.test'] = [a('192.0.2.7')]
    const port = { ...TO, port: 5090 }
    assert.deepEqual(await found(port), ['udp:192.0.2.7:5090'])
    dns.zone['carrier2.test'] = { alias: 'far.test', bare: true }
    dns.zone['A far.test'] = [a('192.0.2.8')]
    assert.deepEqual(await found({ ...port, host: 'carrier2.test' }), ['udp:192.0.2.8:5090'])
  })

  it('are none where aliases go round in a circle, and nobody follows them for long', async () => {
    dns.zone['a.test'] = { alias: 'b.test' }
    dns.zone['b.test'] = { alias: 'a.test' }
    assert.deepEqual(await found({ ...TO, host: 'a.test', port: 5060 }), [])
    assert.equal(dns.asked.length, 1)
  })

  it('are taken over TCP where they do not fit in a datagram, and no more than sixteen of them', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `pop${i}.carrier.test`)
    dns.zone = {
      [SRV]: names.map((name, i) => srv(i, name)),
      ...Object.fromEntries(names.map((name, i) => [`A ${name}`, [a(`192.0.2.${i}`)]])),
    }
    const servers = await found()
    assert.equal(servers.length, 16)
    assert.equal(servers[0], 'udp:192.0.2.0:5080')
  })

  it('are not taken from a server that refers us to others, nor from an answer to another question', async () => {
    const before = await found()
    nowMs = 3_600_000
    dns.zone = { ...ZONE, [SRV]: 'lame', 'A pop1.carrier.test': 'forged' }
    assert.deepEqual(await found(), before)
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
