import assert from 'node:assert/strict'
import { Peer } from './peer.ts'
import { connect, emptied, eventually, type Station, station } from './rig.ts'
import type { SrfDialog } from './srf.ts'

const notify = (event: string, state: string) => ({
  method: 'NOTIFY',
  headers: { Event: event, 'Subscription-State': state },
})

describe('subscriptions at the SIP server', function () {
  this.timeout(20_000)
  let alice: Station
  let bob: Station
  let peer: Peer

  beforeEach(async () => {
    alice = await station()
    bob = await station()
    peer = await Peer.open(bob.address())
  })

  afterEach(async () => {
    peer.close()
    await alice.close()
    await bob.close()
  })

  const dialogs = async (one: Station): Promise<number> => (await one.server.counters()).dialogs

  it('carry NOTIFYs between two published drachtio-srf, until one says that it is over', async () => {
    let notifier: SrfDialog | undefined
    bob.srf.subscribe((req, res) => {
      void bob.srf.createUAS(req, res, { headers: { Expires: '600' } }).then((dialog) => {
        notifier = dialog
      })
    })
    const subscriber = await alice.srf.createUAC(`sip:bob@${bob.address()}`, {
      method: 'SUBSCRIBE',
      headers: { Event: 'presence', Expires: '900', To: `<sip:bob@${bob.address()}>` },
    })
    const heard: string[] = []
    subscriber.on('notify', (req, res) => {
      heard.push(req.get('Subscription-State'))
      res.send(200)
    })
    const dialog = await eventually('the notifier has its dialog', () => notifier)
    assert.equal((await dialog.request(notify('presence', 'active;expires=600'))).status, 200)
    const again = { method: 'SUBSCRIBE', headers: { Event: 'presence', Expires: '900' } }
    dialog.on('subscribe', (_req, res) => res.send(202, { headers: { Expires: '900' } }))
    assert.equal((await subscriber.request(again)).status, 202)
    assert.deepEqual([await dialogs(alice), await dialogs(bob)], [1, 1])
    assert.equal((await dialog.request(notify('presence', 'terminated;reason=noresource'))).status, 200)
    assert.deepEqual(heard, ['active;expires=600', 'terminated;reason=noresource'])
    await emptied(alice.server)
    await emptied(bob.server)
  })

  it('end by themselves where nobody refreshes them', async () => {
    bob.srf.subscribe((_req, res) => res.send(202, { headers: { Expires: '0' } }))
    peer.send(peer.request('SUBSCRIBE', { Event: 'presence', Expires: '900' }))
    await peer.nextResponse(202)
    assert.equal(await dialogs(bob), 1)
    await emptied(bob.server)
  })

  it('hear a NOTIFY that comes before the answer, after that', async () => {
    const carrier = await Peer.open(alice.address())
    const order: string[] = []
    alice.srf.notify((_req, res) => {
      order.push('NOTIFY')
      res.send(200)
    })
    const sent = await alice.srf.request(`sip:bob@${carrier.address}`, {
      method: 'REFER',
      headers: { 'Refer-To': '<sip:carol@127.0.0.1>' },
    })
    sent.on('response', (res) => order.push(String(res.status)))
    const refer = await carrier.nextRequest('REFER')
    const early = (tag: string, seq: number, state: string): string =>
      carrier.request('NOTIFY', {
        From: `<sip:bob@${carrier.address}>;tag=${tag}`,
        To: refer.header('From') ?? '',
        'Call-ID': refer.callId,
        CSeq: `${seq} NOTIFY`,
        Event: 'refer;id=1',
        'Subscription-State': state,
      })
    carrier.send(early('bob', 1, 'active'))
    carrier.send(early('other', 1, 'active'))
    carrier.send(carrier.response(refer, 202, 'Accepted'))
    const answers = [await carrier.next('an answer', answerToNotify), await carrier.next('another', answerToNotify)]
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 481]))
    assert.deepEqual(order, ['202', 'NOTIFY'])
    carrier.send(early('bob', 2, 'terminated'))
    await carrier.nextResponse(200, 'NOTIFY')
    carrier.close()
    await emptied(alice.server)
  })

  it('go without a BYE where their application has gone', async () => {
    const app = await connect(bob.server)
    app.subscribe((_req, res) => res.send(202))
    // The server has heard of that wish when it answers the application's next.
    await app.request(`sip:bob@${peer.address}`, { method: 'OPTIONS' })
    peer.send(peer.response(await peer.nextRequest('OPTIONS'), 200, 'OK'))
    peer.send(peer.request('SUBSCRIBE', { Event: 'presence', Expires: '900' }))
    await peer.nextResponse(202)
    app.disconnect()
    await emptied(bob.server)
    assert.equal(peer.count('BYE'), 0)
  })

  it('are over where the subscriber knows them no more', async () => {
    let notifier: SrfDialog | undefined
    bob.srf.subscribe((req, res) => {
      void bob.srf.createUAS(req, res, {}).then((dialog) => {
        notifier = dialog
      })
    })
    peer.send(peer.request('SUBSCRIBE', { Event: 'presence', Expires: '900' }))
    await peer.nextResponse(202)
    const dialog = await eventually('the notifier has its dialog', () => notifier)
    const answered = dialog.request(notify('presence', 'active'))
    peer.send(peer.response(await peer.nextRequest('NOTIFY'), 481, 'Gone'))
    assert.equal((await answered).status, 481)
    await emptied(bob.server)
  })
})

/** A final one: a machine that is late says 100 first. */
const answerToNotify = (message: Peer['received'][number]) =>
  message.kind === 'response' && message.status >= 200 && message.cseq().method === 'NOTIFY' ? message : undefined
