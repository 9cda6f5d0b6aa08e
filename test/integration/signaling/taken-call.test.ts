import assert from 'node:assert/strict'
import { KeyWrap } from '../../../app/key-wrap.ts'
import type { LiveCall } from '../../../lib/call/live-call.ts'
import { callId } from '../../../lib/core/ids.ts'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { tagOf } from '../../../lib/sip/name-addr.ts'
import { formatCrypto, MASTER_KEYS_BYTES, masterKeysOf } from '../../../lib/sip/sdes.ts'
import { LIVE_CALL } from '../../helpers/live-call.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, WRAP_KEY } from './call-centre.ts'

const EPOCH = 7
const KEYS = masterKeysOf(Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => i)))
let calls = 0

describe('a live call that a node takes over from a dead one', function () {
  this.timeout(15_000)
  const shared = new Map<string, () => LiveCall | null>()
  let centre: CallCentre
  let ports: number
  let peer: Peer

  before(async () => {
    centre = await callCentre({
      liveCalls: {
        keep: (id, read) => {
          shared.set(id, read)
          return { changed: () => {}, end: () => shared.delete(id), leave: () => {} }
        },
      },
    })
    ports = centre.freePorts()
  })

  after(() => centre.close())

  beforeEach(async () => {
    peer = await Peer.open(centre.address)
  })

  afterEach(async () => {
    peer.close()
    await eventually('everything given back', () =>
      centre.calls.count === 0 && centre.freePorts() === ports ? true : undefined,
    )
    assert.equal(shared.size, 0)
  })

  /** What a dead node has left of a call with the peer. */
  function left(change: Partial<LiveCall> = {}): LiveCall {
    const sipCallId = `taken-${++calls}@127.0.0.1`
    return {
      ...LIVE_CALL,
      agent: 'keypad',
      row: { ...LIVE_CALL.row, id: callId(`call-${calls}`), sip: { callId: sipCallId, sessionId: null } },
      dialog: { ...LIVE_CALL.dialog, callId: sipCallId, remoteTarget: `sip:them@${peer.address}` },
      sdp: sdp(20_000),
      ...change,
    }
  }

  const move = (entry: LiveCall) => centre.calls.move(entry, { ...entry.row, epoch: EPOCH })

  const accept = (reinvite: SipRequest, description = sdp(4_000)): void =>
    peer.send(peer.response(reinvite, 200, 'OK', undefined, undefined, description))

  async function moved(entry: LiveCall, description?: string): Promise<SipRequest> {
    const outcome = move(entry)
    const reinvite = await peer.nextRequest('INVITE')
    accept(reinvite, description)
    await peer.nextRequest('ACK')
    assert.equal(await outcome, 'moved')
    return reinvite
  }

  /** A request of the peer in the dialog. */
  const say = (reinvite: SipRequest, method: string, seq: number, type = '', body = ''): void => {
    const text = peer.request(
      method,
      {
        From: reinvite.header('To') ?? '',
        To: reinvite.header('From') ?? '',
        'Call-ID': reinvite.callId,
        CSeq: `${seq} ${method}`,
        ...(type !== '' && { 'Content-Type': type }),
      },
      body,
    )
    peer.send(text)
  }

  async function hangUp(reinvite: SipRequest): Promise<void> {
    say(reinvite, 'BYE', 90)
    await peer.nextResponse(200, 'BYE')
  }

  const eventsOf = (entry: LiveCall) => centre.events.filter(({ call }) => call === entry.row.id)

  it('goes on in its dialog, from here, with a session description that continues the old one', async () => {
    const entry = left()
    const reinvite = await moved(entry)
    assert.equal(reinvite.callId, entry.dialog.callId)
    assert.equal(tagOf(reinvite.from()), entry.dialog.localTag)
    assert.equal(tagOf(reinvite.to()), entry.dialog.remoteTag)
    assert.equal(reinvite.cseq().seq, 101)
    const contacts = reinvite.contacts()
    assert.ok(contacts !== '*')
    assert.equal(contacts[0]?.uri, `sip:${centre.address}`)
    const offer = reinvite.body.toString()
    assert.match(offer, /^o=- 1 2 IN IP4 127\.0\.0\.1\r$/m)
    assert.doesNotMatch(offer, /m=audio 20000 /)
    const row = centre.row(entry.dialog.callId)
    assert.equal(row?.state, 'active')
    assert.equal(row?.id, entry.row.id)
    const [told] = eventsOf(entry).filter(({ event }) => event === 'call.moved')
    assert.deepEqual({ from: told?.['from'], epoch: told?.['epoch'] }, { from: 'east-1', epoch: EPOCH })
    await hangUp(reinvite)
    const end = await centre.ended(entry.dialog.callId)
    assert.deepEqual(end.end, { by: 'caller', sip: null, cause: 'normal' })
    assert.deepEqual(end.startedAt, entry.row.startedAt)
  })

  it('is offered encrypted where it was, with the one key that the far end knows, and in no other way', async () => {
    const key = formatCrypto({ tag: 3, suite: 'AES_CM_128_HMAC_SHA1_80', master: KEYS.AES_CM_128_HMAC_SHA1_80 })
    const entry = left({ sdp: sdp(20_000).replace('RTP/AVP', 'RTP/SAVP') })
    const srtp = new KeyWrap(WRAP_KEY).wrap(entry.row.id, `${key}\r\n`)
    const outcome = move({ ...entry, srtp })
    const reinvite = await peer.nextRequest('INVITE')
    const offer = reinvite.body.toString()
    assert.match(offer, /^m=audio \d+ RTP\/SAVP /m)
    assert.deepEqual(
      offer.match(/^a=crypto:.*$/gm)?.map((line) => line.trim()),
      [key.replace('crypto:3', 'crypto:1')],
    )
    accept(reinvite)
    await peer.nextRequest('ACK')
    await peer.nextRequest('BYE')
    assert.equal(await outcome, 'refused')
  })

  it('is shared anew in the new term, and may be taken over again', async () => {
    const entry = left()
    const reinvite = await moved(entry)
    const again = shared.get(entry.row.id)?.()
    assert.ok(again !== null && again !== undefined)
    assert.equal(again.row.epoch, EPOCH)
    assert.equal(again.generation, 1)
    assert.equal(again.dialog.localSeq, 101)
    assert.equal(again.dialog.remoteTarget, `sip:bob@${peer.address}`)
    assert.equal(again.sdp, reinvite.body.toString())
    await hangUp(reinvite)
    await centre.ended(entry.dialog.callId)
    const twice = await moved(again)
    assert.equal(twice.cseq().seq, 202)
    assert.match(twice.body.toString(), /^o=- 1 3 /m)
    await hangUp(twice)
    await centre.ended(entry.dialog.callId)
  })

  it('is a call like any other: keys, hold, a hang-up of the agent', async () => {
    const entry = left()
    const reinvite = await moved(entry)
    const { turns, ordinals } = centre
    const before = turns.length
    say(reinvite, 'INFO', 20, 'application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n')
    await peer.nextResponse(200, 'INFO')
    await eventually('the key', () => (turns.length > before ? true : undefined))
    // Whatever the dead node has written of the call is not written over.
    assert.equal(ordinals.at(-1), 1_000_000)
    say(reinvite, 'INVITE', 21, 'application/sdp', sdp(4_000).replace('sendrecv', 'sendonly'))
    const held = await peer.nextResponse(200, 'INVITE')
    assert.match(held.body.toString(), /^o=- 1 3 [\s\S]*a=recvonly/m)
    say(reinvite, 'ACK', 21)
    await eventually('the hold', () => (centre.row(entry.dialog.callId)?.state === 'held' ? true : undefined))
    say(reinvite, 'INFO', 22, 'application/dtmf-relay', 'Signal=9\r\nDuration=160\r\n')
    const bye = await peer.nextRequest('BYE')
    peer.send(peer.response(bye, 200, 'OK'))
    assert.equal((await centre.ended(entry.dialog.callId)).end?.by, 'agent')
  })

  it('stays on hold where the far end still holds it', async () => {
    const entry = left()
    const reinvite = await moved(entry, sdp(4_000).replace('sendrecv', 'sendonly'))
    assert.equal(centre.row(entry.dialog.callId)?.state, 'held')
    await hangUp(reinvite)
    await centre.ended(entry.dialog.callId)
  })

  for (const [status, reason] of [
    [481, 'Call/Transaction Does Not Exist'],
    [488, 'Not Acceptable Here'],
    [500, 'Server Internal Error'],
  ] as const) {
    it(`is refused where the far end says ${status}, which gets a BYE; its record is left alone`, async () => {
      const entry = left()
      const outcome = move(entry)
      peer.send(peer.response(await peer.nextRequest('INVITE'), status, reason))
      const bye = await peer.nextRequest('BYE')
      assert.match(bye.header('Reason') ?? '', /Q\.850;cause=41/)
      peer.send(peer.response(bye, 481, 'Gone'))
      assert.equal(await outcome, 'refused')
      assert.equal(centre.row(entry.dialog.callId), undefined)
      const told = eventsOf(entry).map(({ event, reason: why }) => [event, why])
      assert.deepEqual(told, [['call.moveRefused', `${status} ${reason}`]])
    })
  }

  it('is refused where the far end says nothing, long before its SIP timer is over', async () => {
    const entry = left()
    const startedAtMs = performance.now()
    const outcome = move(entry)
    await peer.nextRequest('INVITE')
    assert.equal(await outcome, 'refused')
    assert.ok(performance.now() - startedAtMs < 6_000)
    peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
  })

  it('is offered once more where both ends offered at once', async () => {
    const entry = left()
    const outcome = move(entry)
    peer.send(peer.response(await peer.nextRequest('INVITE'), 491, 'Request Pending'))
    const second = await peer.next('the second offer', (message) =>
      message.kind === 'request' && message.method === 'INVITE' && message.cseq().seq === 102 ? message : undefined,
    )
    accept(second)
    await peer.nextRequest('ACK')
    assert.equal(await outcome, 'moved')
    await hangUp(second)
    await centre.ended(entry.dialog.callId)
  })

  it('ends as it would have where the far end hangs up meanwhile', async () => {
    const entry = left()
    const outcome = move(entry)
    const reinvite = await peer.nextRequest('INVITE')
    say(reinvite, 'BYE', 50)
    await peer.nextResponse(200, 'BYE')
    peer.send(peer.response(reinvite, 487, 'Request Terminated'))
    assert.equal(await outcome, 'moved')
    assert.deepEqual((await centre.ended(entry.dialog.callId)).end, { by: 'caller', sip: null, cause: 'normal' })
  })

  it('is hung up by an operator', async () => {
    const entry = left()
    await moved(entry)
    assert.deepEqual(centre.calls.obey(entry.row.id, { kind: 'hangUp' }), { kind: 'done' })
    peer.send(peer.response(await peer.nextRequest('BYE'), 200, 'OK'))
    assert.equal((await centre.ended(entry.dialog.callId)).end?.by, 'operator')
  })

  it('is refused where this node has no such agent', async () => {
    assert.equal(await move(left({ agent: 'nobody' })), 'refused')
    assert.equal(peer.count('INVITE'), 0)
  })

  it('is refused where its dialog is on this node already', async () => {
    const entry = left()
    const reinvite = await moved(entry)
    const other = { ...entry, row: { ...entry.row, id: callId('another') } }
    assert.equal(await move(other), 'refused')
    assert.equal(await move(entry), 'refused')
    await hangUp(reinvite)
    await centre.ended(entry.dialog.callId)
  })
})
