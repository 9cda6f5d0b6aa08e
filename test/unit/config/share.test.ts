import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import type { Config } from '../../../lib/config/resolve.ts'
import { shareOf, workerConfig } from '../../../lib/config/share.ts'

const TEXT = `
node: { id: east, dataDir: ./data, maxCalls: 25 }
sip: { workers: WORKERS }
media: { rtpPorts: "20000-20019" }
http: { listen: "127.0.0.1:8080" }
agents: { intake: { backend: openai, apiKey: k, fallback: [{ backend: local, probe: none }] } }
trunks: [{ id: alpha, sources: [192.0.2.1], limits: { channels: 25, cps: 3 } }]
groups: { us: { trunks: [alpha] } }
tenants: [{ id: clinic, group: us, numbers: ["+12025550100"], agent: intake }]
dns: { listen: "udp:127.0.0.1:5353", zone: sip.example.net }
`
const COMMON = {
  sip: { kind: 'drachtio', servers: [{ host: '127.0.0.1', port: 9022 }], secret: 's', tls: false, ca: null },
  postgresUrl: 'postgres://x/y',
} as const

const configOf = (workers: number): Config => {
  const parsed = parseConfig(TEXT.replace('WORKERS', String(workers)), { env: {}, file: 'test.yaml' })
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.error))
  return parsed.value
}

describe('the share of a process that handles calls of a node', () => {
  it('is everything where there is one', () => {
    const config = configOf(1)
    assert.equal(shareOf(config, 0, 8), config)
  })

  it('is an equal part of calls, limits and media threads, rounded up; what has no limit has none', () => {
    const { node, media, trunks, tenants } = shareOf(configOf(3), 1, 8)
    assert.equal(node.maxCalls, 9)
    assert.equal(media.workers, 3)
    assert.deepEqual(trunks[0]?.limits, { channels: 9, cps: 1 })
    assert.deepEqual(tenants[0]?.limits, { channels: null, cps: null })
  })

  it('has RTP ports of its own, in pairs, none left out', () => {
    const ports = [0, 1, 2].map((index) => shareOf(configOf(3), index, 8).media.rtpPorts)
    assert.deepEqual(ports, [
      { from: 20_000, to: 20_005 },
      { from: 20_006, to: 20_011 },
      { from: 20_012, to: 20_019 },
    ])
  })

  it('is an application of the node’s SIP server, with a name, a folder and an HTTP port of its own, that probes no trunk and opens no session to probe', () => {
    const { node, sip, store, http, dns, trunks, agents } = workerConfig(configOf(2), 1, 8, COMMON)
    assert.deepEqual([node.id, node.dataDir], ['east.w2', './data/workers/1'])
    assert.deepEqual(sip.engine, COMMON.sip)
    assert.deepEqual(store.postgres, { kind: 'server', url: COMMON.postgresUrl })
    assert.deepEqual(http.listen, { host: '127.0.0.1', port: 8081 })
    assert.equal(dns, null)
    assert.equal(trunks[0]?.probe.enabled, false)
    assert.deepEqual(
      agents.intake?.backends.map(({ probe }) => probe),
      ['connect', 'none'],
    )
  })
})
