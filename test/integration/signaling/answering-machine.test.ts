import assert from 'node:assert/strict'
import type { PlaceRequest } from '../../../lib/route/place.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { AS_WRITTEN, type CallCentre, callCentre, NUMBER } from './call-centre.ts'

const CONFIG = (target: string): string => `
agents: { intake: { backend: local, instructions: none } }
trunks: [{ id: out, targets: [{ uri: "sip:${target}" }] }]
groups: { us: { trunks: [out] } }
tenants: [{ id: clinic, group: us, numbers: ["${NUMBER}"], agent: intake }]
`

describe('a call of ours that a machine answers', function () {
  this.timeout(15_000)
  let centre: CallCentre
  let callee: Peer

  beforeEach(async () => {
    callee = await Peer.open('127.0.0.1:9')
    const talker = new URL('./machine-talker.js', import.meta.url)
    centre = await callCentre({ config: CONFIG(callee.address), locator: AS_WRITTEN, talker })
  })
  afterEach(async () => {
    callee.close()
    await centre.close()
  })

  async function answer(amd: PlaceRequest['amd']): Promise<void> {
    assert.ok(centre.calls.place({ to: '+12025550123', tenant: 'clinic', amd }).ok)
    const invite = await callee.nextRequest('INVITE')
    callee.send(callee.response(invite, 200, 'OK', 'machine', '', sdp(4000)), centre.address)
    await callee.nextRequest('ACK')
    await eventually('the agent to begin', () => (centre.turns.length > 0 ? true : undefined))
  }
  const told = () =>
    centre.events.flatMap(({ event, by, afterMs }) => (event === 'call.answeredBy' ? [[by, afterMs]] : []))
  const hungUp = async (): Promise<void> => {
    const bye = await callee.nextRequest('BYE')
    callee.send(callee.response(bye, 200, 'OK'), centre.address)
    await eventually('the end of the call', () => (centre.calls.count === 0 ? true : undefined))
  }

  it('is told of, and hung up where nobody wants to talk to one', async () => {
    await answer({ onMachine: 'hang-up' })
    await hungUp()
    assert.deepEqual(told(), [['machine', 2_420]])
    assert.deepEqual(centre.rows[0]?.end, { by: 'system', sip: null, cause: 'normal' })
  })

  for (const [why, amd, want] of [
    ['is told of, and goes on', { onMachine: 'tell-agent' }, [['machine', 2_420]]],
    ['is as every call, where nobody asks', undefined, []],
  ] as const) {
    it(why, async () => {
      await answer(amd)
      assert.deepEqual(told(), want)
      assert.equal(centre.rows[0]?.state, 'active')
      for (const { id } of centre.rows) centre.calls.obey(id, { kind: 'hangUp' })
      await hungUp()
    })
  }
})
