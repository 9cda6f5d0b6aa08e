import assert from 'node:assert/strict'
import type { SipResponse } from '../../../lib/sip/message.ts'
import { Peer } from './peer.ts'
import { emptied, type Station, sdp, station } from './rig.ts'
import type { SrfProxyOptions, SrfProxyResult } from './srf.ts'

describe('a request that drachtio-srf has proxied', function () {
  this.timeout(20_000)
  let proxy: Station
  let alice: Peer
  let bob: Peer
  let carol: Peer
  let result: Promise<SrfProxyResult> | undefined
  let options: Omit<SrfProxyOptions, 'destination'>
  let destinations: string[]

  before(async () => {
    proxy = await station()
    proxy.srf.invite((req) => {
      result = req.proxy({ ...options, destination: [...destinations] })
      result.catch(() => {})
    })
    proxy.srf.message((req) => {
      result = req.proxy({ ...options, destination: [...destinations] })
      result.catch(() => {})
    })
  })

  beforeEach(async () => {
    alice = await Peer.open(proxy.address())
    bob = await Peer.open(proxy.address())
    carol = await Peer.open(proxy.address())
    result = undefined
    options = {}
    destinations = [`sip:bob@${bob.address}`, `sip:carol@${carol.address}`]
  })

  afterEach(() => {
    for (const peer of [alice, bob, carol]) peer.close()
  })

  after(async () => {
    await emptied(proxy.server)
    await proxy.close()
  })

  const statuses = (results: SrfProxyResult | undefined): number[] =>
    (results?.responses ?? []).flatMap(({ msgs }) => msgs.map(({ status }) => status))

  /** ACKs a failure as a client transaction does. */
  const ackFailure = (invite: string, response: SipResponse): void => alice.send(alice.ack(invite, response, 'same'))

  it('reaches its destination with one hop less, a Via of ours, and no Record-Route unless asked', async () => {
    const invite = alice.request('INVITE', {}, sdp(4000))
    options = { headers: { 'X-Added': 'yes' } }
    alice.send(invite)
    await alice.nextResponse(100)
    const received = await bob.nextRequest('INVITE')
    assert.equal(received.maxForwards, 69)
    assert.equal(received.vias().length, 2)
    assert.match(received.topVia().params.get('branch') ?? '', /^z9hG4bK/)
    assert.equal(received.has('Record-Route'), false)
    assert.equal(received.header('X-Added'), 'yes')
    assert.equal(received.uri, `sip:bob@${bob.address}`)
    bob.send(bob.response(received, 180, 'Ringing'))
    const ringing = await alice.nextResponse(180)
    assert.equal(ringing.vias().length, 1)
    bob.send(bob.response(received, 200, 'OK', 'bob', '', sdp(5000)))
    const answer = await alice.nextResponse(200)
    // A 2xx that comes again goes up again: its sender has no ACK yet.
    bob.send(bob.response(received, 200, 'OK', 'bob', '', sdp(5000)))
    assert.equal((await alice.nextResponse(200)).header('To'), answer.header('To'))
    const results = await result
    assert.equal(results?.connected, true)
    assert.deepEqual(statuses(results), [200])
  })

  it('goes to the next destination after a failure, and its caller gets the best of all', async () => {
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const first = await bob.nextRequest('INVITE')
    assert.equal(carol.count('INVITE'), 0)
    bob.send(bob.response(first, 486, 'Busy Here'))
    await bob.nextRequest('ACK')
    const second = await carol.nextRequest('INVITE')
    carol.send(carol.response(second, 503, 'Service Unavailable'))
    await carol.nextRequest('ACK')
    ackFailure(invite, await alice.nextResponse(486))
    const results = await result
    assert.equal(results?.connected, false)
    assert.deepEqual(statuses(results), [486, 503])
  })

  it('does not pass a lone 503 to its caller', async () => {
    destinations = [`sip:bob@${bob.address}`]
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    bob.send(bob.response(await bob.nextRequest('INVITE'), 503, 'Service Unavailable'))
    ackFailure(invite, await alice.nextResponse(500))
  })

  it('rings everybody at once, and stops the others when one answers', async () => {
    options = { forking: 'simultaneous' }
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const [toBob, toCarol] = await Promise.all([bob.nextRequest('INVITE'), carol.nextRequest('INVITE')])
    assert.equal(toBob.header('Max-Breadth'), '30')
    bob.send(bob.response(toBob, 180, 'Ringing'))
    carol.send(carol.response(toCarol, 180, 'Ringing', 'carol'))
    await alice.nextResponse(180)
    await alice.nextResponse(180)
    carol.send(carol.response(toCarol, 200, 'OK', 'carol', '', sdp(5000)))
    assert.match((await alice.nextResponse(200)).header('To') ?? '', /tag=carol/)
    const cancel = await bob.nextRequest('CANCEL')
    assert.match(cancel.header('Reason') ?? '', /cause=200/)
    bob.send(bob.response(cancel, 200, 'OK'))
    // He had lifted the receiver already: both calls are the caller's.
    bob.send(bob.response(toBob, 200, 'OK', 'bob', '', sdp(5002)))
    assert.match((await alice.nextResponse(200)).header('To') ?? '', /tag=bob/)
    assert.equal((await result)?.connected, true)
  })

  it('collects the challenges of all destinations', async () => {
    options = { forking: 'simultaneous' }
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const [toBob, toCarol] = await Promise.all([bob.nextRequest('INVITE'), carol.nextRequest('INVITE')])
    const realm = (name: string): string => `Digest realm="${name}", nonce="1", algorithm=MD5`
    bob.send(bob.response(toBob, 407, 'Proxy Authentication', 'bob', `Proxy-Authenticate: ${realm('b')}`))
    carol.send(carol.response(toCarol, 401, 'Unauthorized', 'carol', `WWW-Authenticate: ${realm('c')}`))
    const challenged = await alice.next('a challenge', (message) =>
      message.kind === 'response' && message.status > 400 ? message : undefined,
    )
    assert.match(challenged.header('Proxy-Authenticate') ?? '', /realm="b"/)
    assert.match(challenged.header('WWW-Authenticate') ?? '', /realm="c"/)
    ackFailure(invite, challenged)
  })

  it('is cancelled everywhere when its caller gives up', async () => {
    options = { forking: 'simultaneous' }
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const [toBob, toCarol] = await Promise.all([bob.nextRequest('INVITE'), carol.nextRequest('INVITE')])
    bob.send(bob.response(toBob, 180, 'Ringing'))
    carol.send(carol.response(toCarol, 183, 'Session Progress', 'carol'))
    await alice.nextResponse(180)
    await alice.nextResponse(183)
    alice.send(alice.cancel(invite))
    await alice.nextResponse(200, 'CANCEL')
    for (const [peer, request] of [
      [bob, toBob],
      [carol, toCarol],
    ] as const) {
      peer.send(peer.response(await peer.nextRequest('CANCEL'), 200, 'OK'))
      peer.send(peer.response(request, 487, 'Request Terminated'))
      await peer.nextRequest('ACK')
    }
    ackFailure(invite, await alice.nextResponse(487))
    assert.deepEqual(statuses(await result), [487, 487])
  })

  it('leaves a destination that is silent, or rings for too long', async () => {
    options = { provisionalTimeout: '200ms', finalTimeout: '700ms' }
    const dave = await Peer.open(proxy.address())
    destinations.push(`sip:dave@${dave.address}`)
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const toBob = await bob.nextRequest('INVITE')
    const toCarol = await carol.nextRequest('INVITE')
    carol.send(carol.response(toCarol, 180, 'Ringing', 'carol'))
    await alice.nextResponse(180)
    const toDave = await dave.nextRequest('INVITE')
    dave.send(dave.response(toDave, 200, 'OK', 'dave', '', sdp(5000)))
    assert.match((await alice.nextResponse(200)).header('To') ?? '', /tag=dave/)
    carol.send(carol.response(await carol.nextRequest('CANCEL'), 200, 'OK'))
    carol.send(carol.response(toCarol, 487, 'Request Terminated', 'carol'))
    // The silent one wakes up: it is cancelled as soon as that is allowed.
    bob.send(bob.response(toBob, 180, 'Ringing'))
    bob.send(bob.response(await bob.nextRequest('CANCEL'), 200, 'OK'))
    bob.send(bob.response(toBob, 487, 'Request Terminated'))
    await bob.nextRequest('ACK')
    dave.close()
  })

  it('follows redirects, each address once', async () => {
    options = { followRedirects: true }
    destinations = [`sip:bob@${bob.address}`]
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const first = await bob.nextRequest('INVITE')
    const contacts = `<sip:bob@${bob.address}>;q=0.1, <sip:carol@${carol.address};x=1>`
    bob.send(bob.response(first, 302, 'Moved').replace(/Contact: .*/, `Contact: ${contacts}`))
    const second = await carol.nextRequest('INVITE')
    assert.equal(second.uri, `sip:carol@${carol.address};x=1`)
    carol.send(carol.response(second, 302, 'Moved').replace(/Contact: .*/, `Contact: ${contacts}`))
    ackFailure(invite, await alice.nextResponse(302))
    assert.deepEqual(statuses(await result), [302, 302])
  })

  it('stays in the dialog when asked to: later requests and the ACK pass by it, those of others do not', async () => {
    options = { remainInDialog: true }
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const received = await bob.nextRequest('INVITE')
    const recordRoute = received.header('Record-Route') ?? ''
    assert.match(recordRoute, new RegExp(`^<sip:${proxy.address()};lr`))
    bob.send(bob.response(received, 200, 'OK', 'bob', `Record-Route: ${recordRoute}`, sdp(5000)))
    const answer = await alice.nextResponse(200)
    assert.equal(answer.header('Record-Route'), recordRoute)
    const routed = (text: string, route = recordRoute): string =>
      text.replace(/^(\w+) \S+/, `$1 sip:bob@${bob.address}`).replace('Max-Forwards', `Route: ${route}\r\nMax-Forwards`)
    alice.send(routed(alice.ack(invite, answer)))
    const ack = await bob.nextRequest('ACK')
    assert.equal(ack.has('Route'), false)
    assert.equal(ack.uri, `sip:bob@${bob.address}`)
    alice.send(routed(alice.inDialog(invite, answer, 'INFO', 5), recordRoute.replace(/tt=./, 'tt=!')))
    await alice.nextResponse(481, 'INFO')
    alice.send(routed(alice.inDialog(invite, answer, 'BYE', 6)))
    const bye = await bob.nextRequest('BYE')
    assert.equal(bye.vias().length, 2)
    bob.send(bob.response(bye, 200, 'OK'))
    await alice.nextResponse(200, 'BYE')
    assert.equal(bob.count('INFO'), 0)
  })

  it('goes to two destinations at one place, one after the other', async () => {
    destinations = [`sip:desk@${bob.address}`, `sip:mobile@${bob.address}`]
    const invite = alice.request('INVITE', {}, sdp(4000)).replace(/^INVITE \S+/, 'INVITE sip:bob@example.com')
    alice.send(invite)
    bob.send(bob.response(await bob.nextRequest('INVITE'), 486, 'Busy Here'))
    await bob.nextRequest('ACK')
    const second = await bob.nextRequest('INVITE')
    assert.equal(second.uri, 'sip:bob@example.com')
    bob.send(bob.response(second, 404, 'Not Found'))
    ackFailure(invite, await alice.nextResponse(486))
  })

  it('is a timeout to its caller where who rang for too long was cancelled', async () => {
    options = { finalTimeout: '500ms' }
    destinations = [`sip:bob@${bob.address}`]
    const invite = alice.request('INVITE', {}, sdp(4000))
    alice.send(invite)
    const received = await bob.nextRequest('INVITE')
    bob.send(bob.response(received, 180, 'Ringing'))
    bob.send(bob.response(await bob.nextRequest('CANCEL'), 200, 'OK'))
    bob.send(bob.response(received, 487, 'Request Terminated'))
    ackFailure(invite, await alice.nextResponse(408))
  })

  it('may require what only its ends know, but not what proxies would have to', async () => {
    options = { remainInDialog: true }
    destinations = [`sip:bob@${bob.address}`]
    const demanding = alice.request('INVITE', { 'Proxy-Require': 'foo', Require: '100rel' }, sdp(4000))
    alice.send(demanding)
    const refusal = await alice.nextResponse(420)
    assert.equal(refusal.header('Unsupported'), 'foo')
    ackFailure(demanding, refusal)
    const invite = alice.request('INVITE', { Require: '100rel, foo' }, sdp(4000))
    alice.send(invite)
    const received = await bob.nextRequest('INVITE')
    assert.equal(received.header('Require'), '100rel, foo')
    const route = received.header('Record-Route') ?? ''
    bob.send(bob.response(received, 183, 'Progress', 'bob', `Require: 100rel\r\nRSeq: 7\r\nRecord-Route: ${route}`))
    const progress = await alice.nextResponse(183)
    assert.equal(progress.header('RSeq'), '7')
    const prack = alice.inDialog(invite, progress, 'PRACK', 9)
    alice.send(
      prack
        .replace(/^PRACK \S+/, `PRACK sip:bob@${bob.address}`)
        .replace('Max-Forwards', `Route: ${route}\r\nRAck: 7 ${received.cseq().seq} INVITE\r\nMax-Forwards`),
    )
    const acknowledged = await bob.nextRequest('PRACK')
    assert.equal(acknowledged.header('RAck'), `7 ${received.cseq().seq} INVITE`)
    bob.send(bob.response(acknowledged, 200, 'OK'))
    await alice.nextResponse(200, 'PRACK')
    bob.send(bob.response(received, 486, 'Busy Here'))
    ackFailure(invite, await alice.nextResponse(486))
  })

  it('is refused where it has no hop left to go, or has been here before unchanged', async () => {
    const tired = alice.request('MESSAGE', { 'Max-Forwards': '1' })
    alice.send(tired)
    const last = await bob.nextRequest('MESSAGE')
    assert.equal(last.maxForwards, 0)
    bob.send(bob.response(last, 200, 'OK'))
    await alice.nextResponse(200, 'MESSAGE')
    // To ourselves, with the Request-URI that it came with.
    destinations = [`sip:bob@${proxy.address()}`]
    alice.send(alice.request('MESSAGE'))
    await alice.nextResponse(482)
  })
})
