import assert from 'node:assert/strict'
import type { LiveCall } from '../../../lib/call/live-call.ts'
import { readLiveCall } from '../../../lib/call/live-call.ts'
import type { SipResponse } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER } from './call-centre.ts'

describe('what other nodes are told of a call', function () {
  this.timeout(15_000)
  const told = new Map<string, () => LiveCall | null>()
  let changes = 0
  let centre: CallCentre
  let carrier: Peer

  before(async () => {
    centre = await callCentre({
      liveCalls: {
        keep: (id, read) => {
          told.set(id, read)
          return {
            changed: () => {
              changes += 1
            },
            end: () => told.delete(id),
            leave: () => {},
          }
        },
      },
    })
  })

  after(() => centre.close())

  beforeEach(async () => {
    carrier = await Peer.open(centre.address)
    changes = 0
  })

  afterEach(() => carrier.close())

  async function call(): Promise<{ invite: string; answer: SipResponse }> {
    const invite = carrier.request('INVITE', {}, sdp(4000)).replace('sip:bob@', `sip:${NUMBER}@`)
    carrier.send(invite)
    const answer = await carrier.nextResponse(200, 'INVITE')
    assert.equal(told.size, 0)
    carrier.send(carrier.ack(invite, answer))
    await eventually('the entry', () => (told.size > 0 ? true : undefined))
    return { invite, answer }
  }

  const entry = (): LiveCall => {
    const read = readLiveCall(JSON.parse(JSON.stringify([...told.values()][0]?.() ?? null)))
    if (!read.ok) throw new Error(read.error)
    return read.value
  }

  it('is all that they need, from the ACK until the BYE', async () => {
    const { invite, answer } = await call()
    const { row, dialog, agent, sdp: local } = entry()
    assert.equal(row.state, 'active')
    assert.equal(agent, 'keypad')
    assert.equal(local, answer.body.toString())
    assert.equal(dialog.remoteTarget, `sip:alice@${carrier.address}`)
    assert.equal(dialog.callId, answer.callId)
    carrier.send(carrier.inDialog(invite, answer, 'BYE', 50))
    await carrier.nextResponse(200, 'BYE')
    await centre.ended(answer.callId)
    assert.equal(told.size, 0)
  })

  it('follows a re-INVITE: where the far end is, what we said, and that it holds us', async () => {
    const { invite, answer } = await call()
    const held = sdp(4000).replace('sendrecv', 'sendonly')
    carrier.send(
      carrier
        .inDialog(invite, answer, 'INVITE', 50, held)
        .replace(/Contact: .*/, 'Contact: <sip:elsewhere@127.0.0.1:9>'),
    )
    const accepted = await carrier.nextResponse(200, 'INVITE')
    carrier.send(carrier.inDialog(invite, answer, 'ACK', 50))
    await eventually('the hold', () => (entry().row.state === 'held' ? true : undefined))
    assert.ok(changes >= 2)
    assert.equal(entry().sdp, accepted.body.toString())
    assert.equal(entry().dialog.remoteTarget, 'sip:elsewhere@127.0.0.1:9')
    assert.equal(entry().dialog.remoteSeq, 50)
    carrier.send(carrier.inDialog(invite, answer, 'BYE', 51))
    await carrier.nextResponse(200, 'BYE')
    await centre.ended(answer.callId)
  })
})
