import assert from 'node:assert/strict'
import { type SipServer, startSipServer } from '../../app/sip/server.ts'
import { endedCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { sipp } from '../helpers/sipp.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'
import { Peer } from '../integration/sip-server/peer.ts'

const SECRET = 'cymru'
const STRANGER = '127.0.0.77'

/**
 * A node whose SIP server is not its own, as with drachtio-server: it has drachtio's protocol and nothing beside it. Here that is our
 * own server, open to all sources; what drachtio-server itself does is held against it by test/conformance/sip-server.ts.
 */
describe('a node on a SIP server that others run', function () {
  this.timeout(60_000)
  const host = loopbackAddress()
  let server: SipServer
  let node: TandemProcess

  const start = (adminPort = 0): Promise<SipServer> =>
    startSipServer({ listen: [`udp:${host}:5060`], secret: SECRET, adminHost: host, adminPort, allowAll: true })

  before(async () => {
    server = await start()
    const sip = { engine: `drachtio://:${SECRET}@${host}:${server.adminPort}` }
    node = await TandemProcess.start({ config: { sip } })
  })

  after(async () => {
    assert.equal(await node.stop(), 0)
    await server.close()
  })

  const call = (pauseMs: number) =>
    sipp({ scenario: 'uac-answers', target: `${host}:5060`, number: NUMBER, pauseMs, rtpEcho: true })

  const notReady = async (): Promise<string> => {
    const body: { readonly notReady: readonly { readonly part: string }[] } = JSON.parse(await node.text('/readyz'))
    return body.notReady.map(({ part }) => part).join()
  }

  it('answers a caller, who has his audio back, and draws the ladder', async () => {
    const result = await call(2_000)
    assert.equal(result.code, 0, result.errors)
    const [record] = await endedCalls(node, 1)
    assert.deepEqual([record?.end?.by, record?.end?.cause], ['caller', 'normal'])
    assert.ok((record?.media?.in.packets ?? 0) > 75, `${record?.media?.in.packets} packets came back`)
    const ladder = await (
      await fetch(`${node.url}/api/v1/calls/${record?.id}/ladder`, { headers: { authorization: 'Bearer test-key' } })
    ).text()
    for (const each of ['INVITE', '180 Ringing', '200 OK', 'ACK', 'BYE']) assert.ok(ladder.includes(each), ladder)
  })

  it('refuses strangers, who have been let through to it, and tells them nothing', async () => {
    const stranger = await Peer.open(`${host}:5060`, STRANGER)
    try {
      for (const method of ['INVITE', 'OPTIONS']) {
        const request = stranger.request(method).replace('sip:bob@', `sip:${NUMBER}@`)
        stranger.send(request)
        const answer = await stranger.nextResponse(403, method)
        if (method === 'INVITE') stranger.send(stranger.ack(request, answer, 'same'))
      }
    } finally {
      stranger.close()
    }
    await node.said(/security\.refused/)
  })

  it('closes its calls when the server is lost, is not ready, and takes calls when it is back', async () => {
    const before = (await endedCalls(node)).length
    const lost = call(6_000)
    await until(async () => /"state":"active"/.test(await calls()), 'the call to be up')
    const { adminPort } = server
    await server.crash()
    await node.said(/sip\.degraded/)
    assert.equal(await notReady(), 'sip')
    const [record] = await endedCalls(node, before + 1)
    assert.deepEqual([record?.end?.by, record?.end?.cause], ['system', 'trunk-fault'])
    server = await start(adminPort)
    await node.said(/sip\.recovered/)
    assert.equal(await notReady(), '')
    assert.equal((await call(500)).code, 0)
    // The caller's BYE finds no call.
    assert.notEqual((await lost).code, 0)
  })

  const calls = async (): Promise<string> => JSON.stringify(await node.api('/api/v1/calls?active=true'))
})
