import assert from 'node:assert/strict'
import { formatCrypto, MASTER_KEYS_BYTES, masterKeysOf } from '../../../lib/sip/sdes.ts'
import { Peer } from '../sip-server/peer.ts'
import { sdp } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'

const KEYS = masterKeysOf(Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => i)))
const CRYPTO = formatCrypto({ tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80', master: KEYS.AES_CM_128_HMAC_SHA1_80 })
const PLAIN = sdp(4_000)
const ENCRYPTED = `${PLAIN.replace('RTP/AVP', 'RTP/SAVP')}${CRYPTO}\r\n`

const configOf = (trunk: string): string => `
agents: { keypad: { backend: local, instructions: none } }
trunks: [{ id: carrier, sources: [127.0.0.1], ${trunk} }]
groups: { us: { trunks: [carrier] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: keypad }]
`

const keysOf = (text: string): readonly string[] => [...text.matchAll(/inline:(\S+)/g)].map(([, key = '']) => key)

describe('Encrypted audio of a call', function () {
  this.timeout(15_000)
  let centre: CallCentre
  let peer: Peer

  async function open(srtp: string, target = ''): Promise<void> {
    peer = await Peer.open('127.0.0.1:9')
    const place = target === '' ? '' : `, targets: [{ uri: "sip:${peer.address}" }]`
    centre = await callCentre({ config: configOf(`srtp: "${srtp}"${place}`), locator: AS_WRITTEN })
  }

  afterEach(async () => {
    peer.close()
    await centre.close()
  })

  const incoming = [
    ['off', PLAIN, 200, false],
    ['off', ENCRYPTED, 488, false],
    ['optional', PLAIN, 200, false],
    ['optional', ENCRYPTED, 200, true],
    ['required', PLAIN, 488, false],
    ['required', ENCRYPTED, 200, true],
  ] as const
  for (const [srtp, offer, status, encrypted] of incoming) {
    const what = offer === PLAIN ? 'a plain offer' : 'keys'
    it(`is ${status} for ${what} over a trunk where it is ${srtp}`, async () => {
      await open(srtp)
      const invite = peer.request('INVITE', {}, offer).replace('sip:bob@', `sip:${NUMBER}@`)
      peer.send(invite, centre.address)
      const answer = await peer.nextResponse(status, 'INVITE')
      if (status === 488) {
        assert.match(answer.header('Warning') ?? '', /^302 /)
        peer.send(peer.ack(invite, answer, 'same'), centre.address)
        return
      }
      const body = answer.body.toString()
      assert.equal(/^m=audio \d+ RTP\/SAVP /m.test(body), encrypted)
      assert.equal(keysOf(body).length, encrypted ? 1 : 0)
      assert.ok(!keysOf(body).includes(keysOf(offer)[0] ?? 'none'))
      peer.send(peer.ack(invite, answer), centre.address)
      peer.send(peer.inDialog(invite, answer, 'BYE', 50), centre.address)
      await peer.nextResponse(200, 'BYE')
      const { media } = await centre.ended(answer.callId)
      assert.equal(media?.srtp, encrypted)
    })
  }

  it('is offered once more the other way round to who refuses the first offer with 488, by another dialog and other keys', async () => {
    await open('optional', 'yes')
    assert.ok(centre.calls.place({ to: '+12025550123', tenant: 'clinic' }).ok)
    const first = await peer.nextRequest('INVITE')
    assert.equal(keysOf(first.body.toString()).length, 0)
    peer.send(peer.response(first, 488, 'Not Acceptable Here', 'one'), centre.address)
    await peer.nextRequest('ACK')
    const second = await peer.nextRequest('INVITE')
    assert.notEqual(second.callId, first.callId)
    assert.match(second.body.toString(), /^m=audio \d+ RTP\/SAVP /m)
    const [, tag = ''] = /^a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80 /m.exec(second.body.toString()) ?? []
    const answer = ENCRYPTED.replace('crypto:1 ', `crypto:${tag} `)
    peer.send(peer.response(second, 200, 'OK', 'two', undefined, answer), centre.address)
    await peer.nextRequest('ACK')
    const [to, from] = [second.header('From') ?? '', `${second.header('To')};tag=two`]
    peer.send(peer.request('BYE', { From: from, To: to, 'Call-ID': second.callId }), centre.address)
    await peer.nextResponse(200, 'BYE')
    assert.equal((await centre.ended(second.callId)).media?.srtp, true)
  })

  it('has other keys at each attempt, and is not gone on with in clear where it is required', async () => {
    await open('required', 'yes')
    assert.ok(centre.calls.place({ to: '+12025550123', tenant: 'clinic' }).ok)
    const first = await peer.nextRequest('INVITE')
    peer.send(peer.response(first, 488, 'Not Acceptable Here', 'one'), centre.address)
    await peer.nextRequest('ACK')
    const second = await peer.nextRequest('INVITE')
    const keys = [first, second].map(({ body }) => keysOf(body.toString()))
    assert.deepEqual(
      keys.map(({ length }) => length),
      [5, 5],
    )
    assert.equal(new Set(keys.flat()).size, 10)
    peer.send(peer.response(second, 200, 'OK', 'two', undefined, PLAIN), centre.address)
    await peer.nextRequest('ACK')
    await peer.nextRequest('BYE')
  })
})
