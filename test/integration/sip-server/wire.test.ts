import assert from 'node:assert/strict'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import { Peer } from './peer.ts'
import { addressOf, connect, emptied, eventually, FAST_TIMERS, sdp } from './rig.ts'
import type { SrfApp } from './srf.ts'
import { WireClient } from './wire-client.ts'

describe("drachtio's wire protocol", function () {
  this.timeout(15_000)
  let server: SipServer
  let client: WireClient

  beforeEach(async () => {
    server = await startSipServer({
      listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'],
      secret: 'cymru',
      allowAll: true,
      timers: FAST_TIMERS,
    })
    client = await WireClient.open(server.adminPort)
  })

  afterEach(async () => {
    client.close()
    await server.close()
  })

  const login = async (): Promise<void> => {
    assert.equal((await client.ask('authenticate|cymru|'))[0], 'OK')
  }

  it('tells a client that knows the secret the sockets and the version', async () => {
    const [ok, hostports, version, bound] = await client.ask('authenticate|cymru|tag1,tag2')
    assert.equal(ok, 'OK')
    assert.equal(hostports, `udp/${addressOf(server, 'udp')},tcp/${addressOf(server, 'tcp')}`)
    assert.match(version ?? '', /^v0\.9\.10-tandem/)
    assert.equal(bound, hostports)
  })

  it('closes on a client that does not', async () => {
    assert.deepEqual(await client.ask('authenticate|wrong|'), ['NO', 'incorrect secret'])
    await client.end()
  })

  for (const command of ['route|invite', 'ping', 'sip||\r\nOPTIONS sip:x@127.0.0.1 SIP/2.0\r\n\r\n']) {
    it(`lets nobody say ${command.split('|')[0]} before that`, async () => {
      assert.equal((await client.ask(command))[0], 'NO')
      await client.end()
    })
  }

  it('answers a ping, takes any verb, and forgets only the verb that is removed', async () => {
    await login()
    assert.deepEqual(await client.ask('ping'), ['OK', 'pong'])
    assert.deepEqual(await client.ask('route|options'), ['OK'])
    assert.deepEqual(await client.ask('route|message'), ['OK'])
    assert.deepEqual(await client.ask('remove_route|message'), ['OK'])
    const peer = await Peer.open(addressOf(server, 'udp'))
    peer.send(peer.request('MESSAGE'))
    await peer.nextResponse(405, 'MESSAGE')
    peer.send(peer.request('OPTIONS'))
    const sip = await client.next((payload) => payload.includes('|sip|network|'))
    const fields = (sip.split('\r\n')[0] ?? '').split('|')
    const [host, port] = addressOf(server, 'udp').split(':')
    assert.equal(fields[4], 'udp')
    assert.equal(`${fields[5]}:${fields[6]}`, peer.address)
    assert.match(fields[7] ?? '', /^\d\d:\d\d:\d\d\.\d{6}$/)
    assert.match(fields[8] ?? '', /^[0-9a-f-]{36}$/)
    assert.deepEqual(fields.slice(9, 12), ['', host, port])
    peer.close()
  })

  it('says NO to what it does not know and to what makes no sense, and closes', async () => {
    await login()
    assert.deepEqual(await client.ask('frobnicate|x'), ['NO', 'Unknown message type'])
    await client.end()
    const second = await WireClient.open(server.adminPort)
    second.send('only')
    await second.end()
    assert.match(second.payloads[0] ?? '', /\|NO\|Invalid message format$/)
  })

  for (const [why, bytes] of [
    ['a byte that is no digit', 'x#hello'],
    ['no length', '#hello'],
    ['a length over the limit', '9999999#'],
    ['a length of too many digits', '00000000000001#a'],
  ] as const) {
    it(`closes on ${why}`, async () => {
      client.raw(bytes)
      await client.end()
    })
  }

  it('takes frames that are split at every byte, and many in one piece', async () => {
    for (const byte of Buffer.from('20#a|authenticate|cymru')) {
      client.raw(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    client.raw('6#b|ping6#c|ping6#d|ping')
    await client.next((payload) => payload.includes('|response|d|OK|pong'))
  }).timeout(5000)

  it('sends a body larger than drachtio-server could take', async () => {
    await login()
    const peer = await Peer.open(addressOf(server, 'udp'))
    const body = 'x'.repeat(40_000)
    const request = `MESSAGE sip:bob@${peer.address} SIP/2.0\r\nContent-Type: text/plain\r\n\r\n${body}`
    assert.equal((await client.ask(`sip||\r\n${request}`))[0], 'OK')
    const message = await peer.nextRequest('MESSAGE')
    assert.equal(message.body.toString(), body)
    peer.close()
  })

  it('says NOK to what cannot be done, and goes on', async () => {
    await login()
    const cases: [string, RegExp][] = [
      ['sip|no-such-txn|\r\nSIP/2.0 200 OK\r\n\r\n', /^Response not sent due to unknown transaction$/],
      ['sip||no-such-dialog\r\nBYE sip:placeholder SIP/2.0\r\n\r\n', /^Server error: unable to find dialog/],
      ['sip|no-such-txn|\r\nCANCEL sip:a@127.0.0.1 SIP/2.0\r\n\r\n', /^unable to cancel unknown transaction id/],
      ['sip||\r\nOPTIONS sip:%zz SIP/2.0\r\n\r\n', /^invalid request-uri/],
      ['sip||\r\nOPTIONS sip:a@127.0.0.1;transport=sctp SIP/2.0\r\n\r\n', /^requested protocol\/transport/],
      ['sip||\r\nMESSAGE sip:a@127.0.0.1 SIP/2.0\r\n\r\nhello', /^missing content-type$/],
      ['sip||\r\nACK sip:a@127.0.0.1 SIP/2.0\r\n\r\n', /^Server error: ACK for non-success/],
      ['sip||\r\nOPTIONS sip:a@127.0.0.1 SIP/2.0\r\nFrom: a b c\r\n\r\n', /^Server error: /],
      [
        'proxy|txn||||serial||||sip:a@127.0.0.1\r\nINVITE sip:a@127.0.0.1 SIP/2.0\r\n\r\n',
        /^Unknown transaction id: txn$/,
      ],
      ['sip||\r\nnonsense', /^Server error: no start line/],
    ]
    for (const [command, why] of cases) {
      const [verdict, text] = await client.ask(command)
      assert.equal(verdict, 'NOK', command)
      assert.match(text ?? '', why)
    }
    assert.deepEqual(await client.ask('ping'), ['OK', 'pong'])
  })

  it('closes on a response without a transaction', async () => {
    await login()
    assert.deepEqual(await client.ask('sip||\r\nSIP/2.0 200 OK\r\n\r\n'), ['NO', 'transaction id missing'])
    await client.end()
  })

  it("lets no header be smuggled in, and none be set that is the server's", async () => {
    await login()
    const peer = await Peer.open(addressOf(server, 'udp'))
    const request = [
      `OPTIONS sip:bob@${peer.address} SIP/2.0`,
      'via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKevil',
      'Route: <sip:192.0.2.1;lr>',
      'Record-Route: <sip:192.0.2.1;lr>',
      'content-length: 99',
      'from: "Carol" <sip:carol@localhost>',
      'call-id: mine',
      'x-extra: one',
      '',
      '',
    ].join('\r\n')
    await client.ask(`sip||\r\n${request}`)
    const options = await peer.nextRequest('OPTIONS')
    assert.equal(options.vias().length, 1)
    assert.equal(options.topVia().host, '127.0.0.1')
    assert.equal(options.header('Route'), undefined)
    assert.equal(options.header('Record-Route'), undefined)
    assert.equal(options.from().uri, `sip:carol@${addressOf(server, 'udp')}`)
    assert.ok(options.from().params.has('tag'))
    assert.equal(options.callId, 'mine')
    assert.equal(options.header('X-Extra'), 'one')
    peer.close()
  })

  it('spreads requests over the clients that want them, in turn', async () => {
    const apps: SrfApp[] = [await connect(server), await connect(server)]
    const taken = [0, 0]
    apps.forEach((app, index) => {
      app.message((_req, res) => {
        taken[index] = (taken[index] ?? 0) + 1
        res.send(200)
      })
    })
    const peer = await Peer.open(addressOf(server, 'udp'))
    await eventually('both routed', async () => {
      peer.send(peer.request('MESSAGE'))
      const answer = await peer.next('an answer', (message) => (message.kind === 'response' ? message : undefined))
      return answer.status === 200 && taken[0] !== 0 && taken[1] !== 0 ? true : undefined
    })
    const [first = 0, second = 0] = taken
    for (let i = 0; i < 6; i++) {
      peer.send(peer.request('MESSAGE'))
      await peer.nextResponse(200, 'MESSAGE')
    }
    assert.deepEqual([(taken[0] ?? 0) - first, (taken[1] ?? 0) - second], [3, 3])
    peer.close()
    for (const app of apps) app.disconnect()
  })

  it('answers 503 with nobody there, and to an INVITE whose application goes away', async () => {
    const peer = await Peer.open(addressOf(server, 'udp'))
    const unwanted = peer.request('INVITE')
    peer.send(unwanted)
    const refusal = await peer.nextResponse(503, 'INVITE')
    assert.ok(refusal.has('Retry-After'))
    peer.send(peer.ack(unwanted, refusal, 'same'))

    await login()
    await client.ask('route|invite')
    const orphan = peer.request('INVITE')
    peer.send(orphan)
    await client.next((payload) => payload.includes('INVITE sip:'))
    client.close()
    const gone = await peer.nextResponse(503, 'INVITE')
    peer.send(peer.ack(orphan, gone, 'same'))
    peer.close()
    await emptied(server)
  })

  it('cancels the INVITEs of an application that goes away, and ends the call if it is answered all the same', async () => {
    const app = await connect(server)
    const peer = await Peer.open(addressOf(server, 'udp'))
    app.createUAC(`sip:carol@${peer.address}`, { localSdp: sdp(4000) }).catch(() => {})
    const invite = await peer.nextRequest('INVITE')
    peer.send(peer.response(invite, 180, 'Ringing'))
    await eventually('a dialog', async () => ((await server.counters()).dialogs === 1 ? true : undefined))
    app.disconnect()
    const cancel = await peer.nextRequest('CANCEL')
    peer.send(peer.response(cancel, 200, 'OK'))
    peer.send(peer.response(invite, 200, 'OK', 'bob', '', sdp(5000)))
    await peer.nextRequest('ACK')
    const bye = await peer.nextRequest('BYE')
    peer.send(peer.response(bye, 200, 'OK'))
    peer.close()
    await emptied(server)
  })
})
