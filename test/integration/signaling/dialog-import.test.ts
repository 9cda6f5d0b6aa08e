import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { SipDialog } from '../../../app/signaling/sip-dialog.ts'
import { SipLink } from '../../../app/signaling/sip-link.ts'
import { type SipServer, startSipServer } from '../../../app/sip/server.ts'
import { type DialogState, formatDialogState } from '../../../lib/sip/dialog-state.ts'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { tagOf } from '../../../lib/sip/name-addr.ts'
import { NIL_UUID } from '../../../lib/sip/session-id.ts'
import { Peer } from '../sip-server/peer.ts'
import { addressOf, FAST_TIMERS, sdp } from '../sip-server/rig.ts'
import { WireClient } from '../sip-server/wire-client.ts'

const SECRET = 'cymru'
const PATIENCE_MS = 2_000

interface Side {
  readonly server: SipServer
  readonly link: SipLink
  readonly address: string
}

/** A call that server `a` has, of which server `b` knows what is written down. */
interface Held {
  readonly invite: string
  readonly answer: SipResponse
  readonly dialog: SipDialog
  readonly state: DialogState
}

describe('A dialog that another server goes on with', function () {
  this.timeout(15_000)
  let a: Side
  let b: Side
  let peer: Peer

  async function side(listen: string[]): Promise<Side> {
    const server = await startSipServer({ listen, secret: SECRET, allowAll: true, timers: FAST_TIMERS })
    const link = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: server.adminPort, secret: SECRET }] })
    if (!link.ok) throw link.error
    return { server, link: link.value, address: addressOf(server, 'udp') }
  }

  beforeEach(async () => {
    a = await side(['udp:127.0.0.1:0'])
    b = await side(['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'])
    peer = await Peer.open(a.address)
  })

  afterEach(async () => {
    peer.close()
    for (const { link, server } of [a, b]) {
      link.close()
      await server.close()
    }
  })

  /** A call that the peer has made to server `a`. */
  async function incoming(headers: Readonly<Record<string, string>> = {}): Promise<Held> {
    const dialogs: SipDialog[] = []
    const answered = new Promise<SipDialog>((resolve) => {
      a.link.onInvite(async (invite) => {
        const made = await invite.answer(sdp(4000))
        if (made.ok) dialogs.push(made.value)
        if (made.ok) resolve(made.value)
      })
    })
    await a.link.ping(`sip:${peer.address}`, 50)
    const invite = peer.request('INVITE', headers, sdp(5000))
    peer.send(invite)
    const answer = await peer.nextResponse(200, 'INVITE')
    peer.send(peer.ack(invite, answer))
    const dialog = await answered
    const { state } = dialog
    assert.ok(state !== null)
    return { invite, answer, dialog, state }
  }

  async function taken(state: DialogState): Promise<SipDialog> {
    const imported = await b.link.importDialog(state, () => NIL_UUID)
    if (!imported.ok) throw new Error(imported.error)
    return imported.value
  }

  const answerOf = (request: SipRequest, port = 5002): string =>
    peer.response(request, 200, 'OK', undefined, undefined, sdp(port))

  it('is offered anew with its own Call-ID and tags, a CSeq beyond the last, and the Contact of the other server', async () => {
    const { answer, state } = await incoming()
    const dialog = await taken(state)
    const outcome = dialog.reinvite(sdp(6000), PATIENCE_MS)
    const reinvite = await peer.nextRequest('INVITE')
    assert.equal(reinvite.callId, answer.callId)
    assert.equal(tagOf(reinvite.from()), tagOf(answer.to()))
    assert.equal(tagOf(reinvite.to()), tagOf(answer.from()))
    assert.equal(reinvite.cseq().seq, 101)
    assert.equal(reinvite.uri, `sip:alice@${peer.address}`)
    const contacts = reinvite.contacts()
    assert.ok(contacts !== '*')
    assert.equal(contacts[0]?.uri, `sip:${b.address}`)
    assert.match(reinvite.body.toString(), /m=audio 6000 /)
    peer.send(answerOf(reinvite), b.address)
    const ack = await peer.nextRequest('ACK')
    assert.equal(ack.cseq().seq, 101)
    assert.deepEqual(await outcome, {
      kind: 'accepted',
      answer: sdp(5002),
      seq: 101,
      contact: `<sip:bob@${peer.address}>`,
    })
    assert.equal(dialog.state?.localSeq, 101)
    assert.equal(dialog.state?.remoteTarget, `sip:bob@${peer.address}`)
  })

  it('reaches the far end by the routes that the call was set up over', async () => {
    const proxy = await Peer.open(b.address)
    const { state } = await incoming({ 'Record-Route': `<sip:${proxy.address};lr>` })
    const dialog = await taken(state)
    const outcome = dialog.reinvite(sdp(6000), PATIENCE_MS)
    const reinvite = await proxy.nextRequest('INVITE')
    assert.equal(reinvite.uri, `sip:alice@${peer.address}`)
    assert.deepEqual(reinvite.headers('Route'), [`<sip:${proxy.address};lr>`])
    proxy.send(proxy.response(reinvite, 488, 'Not Acceptable Here'))
    assert.deepEqual(await outcome, { kind: 'refused', status: 488, reason: 'Not Acceptable Here' })
    proxy.close()
  })

  it("is the application's that took it: the far end offers, presses a key and hangs up there", async () => {
    const { invite, answer, state } = await incoming()
    const dialog = await taken(state)
    const outcome = dialog.reinvite(sdp(6000), PATIENCE_MS)
    peer.send(answerOf(await peer.nextRequest('INVITE')), b.address)
    await outcome
    const offers: (string | null)[] = []
    dialog.onReoffer((reoffer) => {
      offers.push(reoffer.offer)
      reoffer.accept(sdp(6002))
    })
    const digits: string[] = []
    dialog.onDigit(({ digit }) => digits.push(digit))
    const ended = new Promise((resolve) => dialog.onEnd(resolve))
    const next = (method: string, seq: number, body = ''): void =>
      peer.send(peer.inDialog(invite, answer, method, seq, body), b.address)
    next('INVITE', 20, sdp(5004))
    const accepted = await peer.nextResponse(200, 'INVITE')
    peer.send(peer.inDialog(invite, answer, 'ACK', 20), b.address)
    assert.match(accepted.header('Contact') ?? '', new RegExp(`<sip:${b.address}>`))
    assert.deepEqual(offers, [sdp(5004)])
    peer.send(
      peer
        .inDialog(invite, answer, 'INFO', 21, 'Signal=5\r\nDuration=160\r\n')
        .replace('application/sdp', 'application/dtmf-relay'),
      b.address,
    )
    await peer.nextResponse(200, 'INFO')
    assert.deepEqual(digits, ['5'])
    next('BYE', 22)
    await peer.nextResponse(200, 'BYE')
    assert.equal(await ended, 'bye')
  })

  it('knows which CSeq of the far end was the last: what comes out of order is refused', async () => {
    const { invite, answer, state } = await incoming()
    await taken(state)
    const last = Number(/CSeq: (\d+)/.exec(invite)?.[1])
    peer.send(peer.inDialog(invite, answer, 'BYE', last), b.address)
    await peer.nextResponse(500, 'BYE')
  })

  it('is hung up by a BYE like any other', async () => {
    const { state } = await incoming()
    const dialog = await taken(state)
    const over = dialog.bye({ Reason: 'Q.850;cause=16' })
    const bye = await peer.nextRequest('BYE')
    assert.equal(bye.cseq().seq, 101)
    assert.equal(bye.callId, state.callId)
    peer.send(peer.response(bye, 200, 'OK'), b.address)
    await over
    const { dialogs } = await b.server.counters()
    assert.equal(dialogs, 0)
  })

  it('says what came instead of an answer: a refusal, or nothing at all', async () => {
    const { state } = await incoming()
    const dialog = await taken(state)
    const refused = dialog.reinvite(sdp(6000), PATIENCE_MS)
    const first = await peer.nextRequest('INVITE')
    peer.send(peer.response(first, 481, 'Call/Transaction Does Not Exist'), b.address)
    assert.deepEqual(await refused, { kind: 'refused', status: 481, reason: 'Call/Transaction Does Not Exist' })
    const silent = dialog.reinvite(sdp(6000), 300)
    const second = await peer.next('another INVITE', (message) =>
      message.kind === 'request' && message.cseq().seq === 102 && message.method === 'INVITE' ? message : undefined,
    )
    peer.send(peer.response(second, 100, 'Trying'), b.address)
    assert.deepEqual(await silent, { kind: 'silent' })
    const cancel = await peer.nextRequest('CANCEL')
    assert.equal(cancel.cseq().seq, 102)
  })

  it('may be one that we made: its From is ours, and the routes are those of the answer, reversed', async () => {
    const [near, far] = [await Peer.open(b.address), await Peer.open(a.address)]
    const invite = a.link.invite({
      uri: `sip:bob@${peer.address}`,
      sdp: sdp(4000),
      headers: { From: '<sip:us@127.0.0.1>' },
    })
    const request = await peer.nextRequest('INVITE')
    const routes = `Record-Route: <sip:${far.address};lr>\r\nRecord-Route: <sip:${near.address};lr>`
    peer.send(peer.response(request, 200, 'OK', 'bob', routes, sdp(5000)))
    const outcome = await invite.outcome
    assert.ok(outcome.kind === 'answered')
    const { state } = outcome.dialog
    assert.ok(state !== null)
    assert.equal(state.role, 'uac')
    const dialog = await taken(state)
    void dialog.reinvite(sdp(6000), PATIENCE_MS)
    const reinvite = await near.nextRequest('INVITE')
    assert.deepEqual(reinvite.headers('Route'), [`<sip:${near.address};lr>`, `<sip:${far.address};lr>`])
    assert.equal(reinvite.cseq().seq, request.cseq().seq + 101)
    assert.equal(tagOf(reinvite.from()), tagOf(request.from()))
    assert.equal(tagOf(reinvite.to()), 'bob')
    near.send(near.response(reinvite, 481, 'No'))
    near.close()
    far.close()
  })

  it('follows where the far end says that it is', async () => {
    const { invite, answer, dialog } = await incoming()
    let changes = 0
    dialog.onChange(() => {
      changes += 1
    })
    dialog.onReoffer((reoffer) => reoffer.accept(sdp(4000)))
    const moved = peer
      .inDialog(invite, answer, 'INVITE', 30, sdp(5008))
      .replace(/Contact: .*/, 'Contact: <sip:alice@127.0.0.9:5070>')
    peer.send(moved)
    await peer.nextResponse(200, 'INVITE')
    assert.equal(changes, 2)
    assert.equal(dialog.state?.remoteTarget, 'sip:alice@127.0.0.9:5070')
    assert.equal(dialog.state?.remoteSeq, 30)
  })

  it('is refused where it exists already, where it is none, and over a transport that the server has not', async () => {
    const { state } = await incoming()
    const client = await WireClient.open(b.server.adminPort)
    const [, , version] = await client.ask(`authenticate|${SECRET}|`)
    assert.match(version ?? '', /\+dialog-import$/)
    const ask = (change: object): Promise<string[]> =>
      client.ask(`dialog|import|${formatDialogState({ ...state, ...change })}`)
    assert.deepEqual(await ask({}), ['OK', `${state.callId};from-tag=${state.remoteTag}`])
    assert.deepEqual(await ask({}), ['NOK', 'the dialog exists already'])
    assert.deepEqual(await ask({ callId: 'a b' }), ['NOK', 'Server error: callId is no Call-ID'])
    const tls = { callId: 'another', remoteTarget: 'sips:alice@127.0.0.1' }
    assert.deepEqual(await ask(tls), ['NOK', 'requested protocol/transport not available'])
    assert.deepEqual(await client.ask('dialog|export|x'), ['NOK', 'unknown dialog command: export'])
    assert.equal((await b.server.counters()).dialogs, 1)
    client.close()
  })

  it('is not asked of a server that does not say that it can, such as drachtio-server', async () => {
    const { state } = await incoming()
    const heard: string[] = []
    const drachtio = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.on('data', (chunk) => {
        const [id = '', ...said] = chunk.toString().replace(/^\d+#/, '').split('|')
        heard.push(said.join('|'))
        const answer = `x|response|${id}|OK|udp/127.0.0.1:5060|v0.9.10-39|udp/127.0.0.1:5060`
        if (said[0] === 'authenticate') socket.write(`${answer.length}#${answer}`)
      })
    })
    drachtio.listen(0, '127.0.0.1')
    await once(drachtio, 'listening')
    const address = drachtio.address()
    assert.ok(address !== null && typeof address === 'object')
    const link = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: address.port, secret: SECRET }] })
    assert.ok(link.ok)
    assert.equal(link.value.importsDialogs, false)
    assert.deepEqual(await link.value.importDialog(state, () => NIL_UUID), {
      ok: false,
      error: 'the SIP server imports no dialogs',
    })
    link.value.close()
    assert.deepEqual(await link.value.importDialog(state, () => NIL_UUID), {
      ok: false,
      error: 'there is no SIP server',
    })
    await new Promise((resolve) => drachtio.close(resolve))
    assert.equal(heard.filter((command) => command.startsWith('dialog')).length, 0)
  })
})
