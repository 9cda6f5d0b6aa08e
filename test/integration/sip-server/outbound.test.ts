import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp, type Server as HttpServer } from 'node:http'
import type { Server } from 'node:net'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import type { RequestHandler } from '../../../lib/sip/request-handler.ts'
import { Authority, type Certificate } from '../../helpers/certificates.ts'
import { Peer } from './peer.ts'
import { addressOf, emptied, eventually, FAST_TIMERS, sdp } from './rig.ts'
import { newSrf, type SrfApp, type SrfDialog } from './srf.ts'

describe('a SIP server with request handlers', function () {
  this.timeout(15_000)
  let server: SipServer
  let peer: Peer
  let web: HttpServer
  /** What the web service was asked, and what it says. */
  let asked: { method: string; url: URL; body: string }[] = []
  let answer: string | undefined
  const listeners: Server[] = []

  beforeEach(async () => {
    asked = []
    answer = ''
    web = createHttp((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const url = new URL(request.url ?? '', 'http://web')
        asked.push({ method: request.method ?? '', url, body: Buffer.concat(chunks).toString() })
        if (answer !== undefined) response.end(answer)
      })
    })
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
  })

  afterEach(async () => {
    peer.close()
    await server.close()
    web.closeAllConnections()
    web.close()
    for (const listener of listeners.splice(0)) listener.close()
  })

  const start = async (requestHandlers: readonly RequestHandler[], outboundCa?: string): Promise<void> => {
    const listen = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']
    server = await startSipServer({
      listen,
      secret: 'cymru',
      allowAll: true,
      timers: FAST_TIMERS,
      requestHandlers,
      outboundCa,
    })
    peer = await Peer.open(addressOf(server, 'udp'))
  }

  const webHandler = (httpMethod: 'GET' | 'POST' = 'GET', path = ''): RequestHandler => {
    return { sipMethod: 'INVITE', httpMethod, url: `http://127.0.0.1:${portOf(web)}${path}` }
  }

  /** An application that listens; over TLS where it is given a certificate. */
  const listening = async (secret = 'cymru', tls?: Certificate): Promise<{ srf: SrfApp; port: number }> => {
    const srf = newSrf()
    srf.on('error', () => {})
    srf.on('connect', () => {})
    const listener = srf.listen({ host: '127.0.0.1', port: 0, secret, ...(tls && { tls }) })
    listeners.push(listener)
    await once(listener, 'listening')
    return { srf, port: portOf(listener) }
  }

  /** The status that an INVITE gets; a failure is acknowledged. */
  const statusOf = async (invite = peer.request('INVITE', {}, sdp(5000))): Promise<number> => {
    peer.send(invite)
    const final = await peer.next('a final response', (message) =>
      message.kind === 'response' && message.status >= 200 ? message : undefined,
    )
    peer.send(peer.ack(invite, final, final.status < 300 ? 'new' : 'same'))
    return final.status
  }

  it('asks the web service in drachtio-server’s words, connects to the application it names, and gives it the call', async () => {
    await start([webHandler('GET', '/calls')])
    const { srf, port } = await listening()
    answer = JSON.stringify({ action: 'route', data: { uri: `127.0.0.1:${port}` } })
    const dialogs: SrfDialog[] = []
    srf.invite((req, res) => {
      void srf.createUAS(req, res, { localSdp: sdp(4000) }).then((dialog) => {
        dialogs.push(dialog)
        dialog.on('destroy', () => srf.endSession(req))
      })
    })
    const invite = peer
      .request('INVITE', { To: '<sip:carol@example.net>' }, sdp(5000))
      .replace(/^INVITE sip:bob@([^ ]+)/, 'INVITE sip:b%20ob@$1;transport=udp;x')
    peer.send(invite)
    const ok = await peer.nextResponse(200, 'INVITE')
    peer.send(peer.ack(invite, ok))
    const [{ method, url } = assert.fail('nobody was asked')] = asked
    assert.equal(method, 'GET')
    assert.equal(url.pathname, '/calls/')
    const address = addressOf(server, 'udp')
    assert.deepEqual(
      [...url.searchParams],
      [
        ['method', 'INVITE'],
        ['domain', '127.0.0.1'],
        ['protocol', 'udp'],
        ['source_address', '127.0.0.1'],
        ['fromUser', 'alice'],
        ['toUser', 'carol'],
        ['uriUser', 'b%20ob'],
        ['contentType', 'application/sdp'],
        ['uri', `sip:b%20ob@${address};transport=udp;x`],
        ['transport', 'udp'],
        ['x', ''],
      ],
    )
    assert.equal((await server.counters()).clients, 1)
    peer.send(peer.inDialog(invite, ok, 'BYE', 99))
    await peer.nextResponse(200, 'BYE')
    assert.equal(dialogs.length, 1)
    await eventually('the end of the session', async () => ((await server.counters()).clients === 0 ? true : undefined))
    await emptied(server)
  })

  it('sends the request along where it asks by POST', async () => {
    await start([webHandler('POST')])
    answer = JSON.stringify({ action: 'reject', data: { status: 486, reason: 'Not Now' } })
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    const busy = await peer.nextResponse(486)
    assert.equal(busy.reason, 'Not Now')
    peer.send(peer.ack(invite, busy, 'same'))
    assert.match(asked[0]?.body ?? '', /^INVITE sip:bob@/)
    assert.match(asked[0]?.body ?? '', /\r\nv=0\r\n/)
    await emptied(server)
  })

  it('redirects where the web service says so', async () => {
    await start([webHandler()])
    answer = JSON.stringify({ action: 'redirect', data: { contact: ['<sip:a@192.0.2.1>;q=1', '<sip:b@192.0.2.2>'] } })
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    const moved = await peer.nextResponse(302)
    assert.deepEqual(moved.headers('Contact'), ['<sip:a@192.0.2.1>;q=1, <sip:b@192.0.2.2>'])
    peer.send(peer.ack(invite, moved, 'same'))
  })

  it('proxies where it says so, without any application', async () => {
    await start([webHandler()])
    const bob = await Peer.open(addressOf(server, 'udp'))
    const data = { destination: `sip:${bob.address}`, recordRoute: true }
    answer = JSON.stringify({ action: 'proxy', data })
    peer.send(peer.request('INVITE', {}, sdp(5000)))
    const invite = await bob.nextRequest('INVITE')
    assert.match(invite.header('Record-Route') ?? '', /;lr/)
    bob.send(bob.response(invite, 200, 'OK', 'bob', '', sdp(4000)))
    await peer.nextResponse(200, 'INVITE')
    bob.close()
  })

  it('gives the call to an application that is connected with the tag it names', async () => {
    await start([webHandler()])
    const apps = await Promise.all(
      ['blue', 'green'].map(async (tag) => {
        const srf = newSrf()
        const connected = new Promise<void>((resolve) => srf.once('connect', () => resolve()))
        srf.on('error', () => {})
        srf.invite((_req, res) => res.send(tag === 'green' ? 603 : 486))
        srf.connect({ host: '127.0.0.1', port: server.adminPort, secret: 'cymru', tags: [tag, 'any'] })
        await connected
        return srf
      }),
    )
    answer = JSON.stringify({ action: 'route', data: { tag: 'green' } })
    for (let i = 0; i < 3; i++) {
      // The routes of an application follow its authentication.
      await eventually('green', async () => ((await statusOf()) === 603 ? true : undefined))
    }
    answer = JSON.stringify({ action: 'route', data: { tag: 'red' } })
    assert.equal(await statusOf(), 480)
    for (const srf of apps) srf.disconnect()
  })

  it('connects to an application without asking anybody, over TLS too where that proves its name', async () => {
    const authority = new Authority()
    const good = await listening('cymru', authority.issue('IP:127.0.0.1'))
    const bad = await listening('cymru', authority.issue('DNS:elsewhere.test'))
    for (const { srf } of [good, bad]) srf.use('invite', (_req, res) => res.send(486))
    const handler = (method: string, port: number): RequestHandler => {
      return { sipMethod: method, httpMethod: 'GET', url: `tls://127.0.0.1:${port}` }
    }
    good.srf.message((_req, res) => res.send(202))
    await start([handler('*', good.port), handler('INVITE', bad.port)], authority.cert)
    peer.send(peer.request('MESSAGE'))
    await peer.nextResponse(202, 'MESSAGE')
    assert.equal(await statusOf(), 480)
    authority.close()
  })

  const bad: readonly (readonly [string, () => Promise<string | undefined>, number])[] = [
    ['an answer that is no JSON', async () => 'hello', 500],
    ['an action that it does not know', async () => '{"action":"dance","data":{}}', 500],
    ['a refusal that would be an answer', async () => '{"action":"reject","data":{"status":200}}', 500],
    [
      'a Contact that would be another header',
      async () => '{"action":"redirect","data":{"contact":"x\\r\\nY: z"}}',
      500,
    ],
    ['an answer beyond all measure', async () => 'x'.repeat(20_000), 500],
    ['an application that is not there', async () => '{"action":"route","data":{"uri":"127.0.0.1:1"}}', 480],
    [
      'an application with another secret',
      async () => JSON.stringify({ action: 'route', data: { uri: `127.0.0.1:${(await listening('other')).port}` } }),
      480,
    ],
    ['no answer in time', async () => undefined, 500],
  ]
  for (const [what, say, status] of bad) {
    it(`answers ${status} where there is ${what}`, async () => {
      await start([webHandler()])
      answer = await say()
      assert.equal(await statusOf(), status)
      await emptied(server)
    })
  }

  it('lets a caller give up while the web service thinks', async () => {
    await start([webHandler()])
    answer = undefined
    const invite = peer.request('INVITE', {}, sdp(5000))
    peer.send(invite)
    await eventually('a question', () => asked[0])
    peer.send(peer.cancel(invite))
    const terminated = await peer.nextResponse(487)
    peer.send(peer.ack(invite, terminated, 'same'))
    await emptied(server)
  })

  it('does not start with a handler that cannot work', async () => {
    await start([])
    await assert.rejects(
      startSipServer({
        listen: ['udp:127.0.0.1:0'],
        secret: 'cymru',
        requestHandlers: [{ sipMethod: '*', httpMethod: 'GET', url: 'ftp://x' }],
      }),
      /neither http/,
    )
  })
})

function portOf(server: Server | HttpServer): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
