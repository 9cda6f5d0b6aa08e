import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SipRequest } from '../../lib/sip/message.ts'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { BaresipCallee } from '../helpers/baresip-callee.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { type QuickAgent, startQuickAgent } from '../helpers/quick-agent.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'
import { Peer } from '../integration/sip-server/peer.ts'
import { sdp } from '../integration/sip-server/rig.ts'

const PERSON = '+12025550150'
const [DIALS, LOSES, IS_SENT_ON] = ['+12025550101', '+12025550102', '+12025550103']
/** A frame that is as loud as G.711 gets, both ways. */
const LOUD = Buffer.alloc(160).fill(Buffer.from([0x00, 0x80]))

const ROUTER = (refusing: string, desk: string, person: string): string => `import { defineRouter } from 'tandem'
export default defineRouter((call) => {
  const onLost = { agent: call.agent }
  if (call.from === '${DIALS}') return { dial: ['sip:desk@${refusing}', { number: '${PERSON}', group: 'out' }], onLost }
  if (call.from === '${LOSES}') return { dial: ['sip:desk@${refusing}', 'sip:desk@${desk}'], onLost }
  return { proxy: ['sip:desk@${refusing}', 'sip:${PERSON}@${person}'] }
})
`

describe('a caller whom a router puts through to a person', function () {
  this.timeout(60_000)
  const [refusingAt, deskAt, personAt] = [loopbackAddress(), loopbackAddress(), loopbackAddress()]
  let refusing: Carrier
  let person: BaresipCallee
  let desk: Peer
  let agent: QuickAgent
  let node: TandemProcess
  let folder: string
  let caller: RawCaller

  before(async () => {
    ;[refusing, person, desk, agent, folder] = await Promise.all([
      Carrier.start({ scenario: 'uas-refuses', address: refusingAt, status: '486 Busy Here' }),
      BaresipCallee.start(PERSON, personAt),
      Peer.open('127.0.0.1:9', deskAt),
      startQuickAgent(),
      mkdtemp(join(tmpdir(), 'tandem-router-')),
    ])
    const router = join(folder, 'router.ts')
    await writeFile(router, ROUTER(`${refusingAt}:5080`, desk.address, `${personAt}:5080`))
    node = await TandemProcess.start({
      config: {
        agents: { intake: agent.config },
        trunks: [
          { id: 'local', sources: ['127.0.0.1'] },
          { id: 'out', targets: [{ uri: `sip:${personAt}:5080` }], probe: { enabled: false } },
        ],
        groups: { us: { trunks: ['local'] }, out: { trunks: ['out'] } },
        router,
      },
    })
  })

  after(async () => {
    assert.equal(await node.stop(), 0)
    await Promise.all([refusing.stop(), agent.close(), rm(folder, { recursive: true, force: true })])
    desk.close()
  })

  afterEach(() => caller.close())

  async function record(from: string): Promise<ApiCall> {
    let ended: ApiCall | undefined
    await until(async () => {
      ended = (await allCalls(node)).find((each) => each.from === from && each.state === 'ended')
      return ended !== undefined
    }, 'the record')
    return ended ?? assert.fail('no record')
  }

  const attempts = (call: ApiCall) => call.attempts.map(({ trunk, sip }) => [trunk, sip])

  it('has an agent where the person is lost, on the same call, and hears it speak', async () => {
    caller = await RawCaller.open(node.address, '127.0.0.1', LOSES)
    const calling = caller.call(NUMBER)
    const invite = await desk.nextRequest('INVITE')
    desk.send(desk.response(invite, 200, 'OK', 'bob', '', sdp(4000)), `${node.address}:5060`)
    await desk.nextRequest('ACK')
    assert.equal((await calling).status, 200)
    // Who is lost before the caller's ACK has come takes the caller along.
    assert.equal(await caller.ping(), 200)
    caller.talk()
    desk.send(isLost(invite), `${node.address}:5060`)
    await desk.nextResponse(200, 'BYE')
    await caller.hearSound(25)
    assert.equal(await caller.hangUp(), 200)
    const call = await record(LOSES)
    assert.deepEqual(attempts(call), [
      [null, 486],
      [null, 200],
    ])
    assert.deepEqual(call.end, { by: 'caller', sip: null, cause: 'normal' })
    assert.match(await node.text(`/api/v1/calls/${call.id}/events`), /"outcome":"returned"/)
  })

  /** A BYE of who was called that tells of a fault. */
  function isLost(invite: SipRequest): string {
    const [us, them] = [invite.header('From') ?? '', `${invite.header('To') ?? ''};tag=bob`]
    const dialog = { From: them, To: us, 'Call-ID': invite.callId, CSeq: '5 BYE' }
    return desk.request('BYE', { ...dialog, Reason: 'Q.850;cause=38' })
  }

  it('is sent on to who takes the call, and has the audio from there and not from us', async () => {
    caller = await RawCaller.open(node.address, '127.0.0.1', IS_SENT_ON)
    assert.equal((await caller.call(NUMBER)).status, 200)
    assert.notEqual(caller.remoteRtp.host, node.address)
    caller.talk(LOUD)
    await caller.hearSound(25)
    const call = await record(IS_SENT_ON)
    assert.deepEqual(attempts(call), [
      [null, 486],
      [null, 200],
    ])
    assert.deepEqual(call.end, { by: 'system', sip: 200, cause: 'redirected' })
    assert.equal(await caller.hangUp(), 200)
  })

  it('talks to the second one, over a trunk, as the first one refuses: sound both ways', async () => {
    caller = await RawCaller.open(node.address, '127.0.0.1', DIALS)
    assert.equal((await caller.call(NUMBER)).status, 200)
    assert.equal(caller.remoteRtp.host, node.address)
    caller.talk(LOUD)
    await caller.hearSound(100)
    assert.equal(await caller.hangUp(), 200)
    const call = await record(DIALS)
    assert.deepEqual(attempts(call), [
      [null, 486],
      ['out', 200],
    ])
    assert.deepEqual(call.end, { by: 'caller', sip: null, cause: 'normal' })
    assert.ok((call.media?.in.packets ?? 0) > 50 && call.media?.in.lost === 0)
    const heardSeconds = await person.stop()
    assert.ok(heardSeconds > 1, `the person heard ${heardSeconds} s of the caller`)
  })
})
