import assert from 'node:assert/strict'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import type { SipResponse } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER } from './call-centre.ts'
import { ScriptedRouter } from './scripted-router.ts'

describe('a call that the router decides', function () {
  this.timeout(15_000)
  let router: ScriptedRouter
  let centre: CallCentre
  let carrier: Peer
  let ports: number

  beforeEach(async () => {
    router = new ScriptedRouter()
    centre = await callCentre({ router })
    carrier = await Peer.open(centre.address)
    ports = centre.freePorts()
  })

  afterEach(async () => {
    assert.equal(centre.freePorts(), ports)
    carrier.close()
    await centre.close()
  })

  const inviteOf = (overrides: Record<string, string> = {}): string =>
    carrier.request('INVITE', overrides, sdp(4000)).replace('sip:bob@', `sip:${NUMBER}@`)
  const callIdOf = (invite: string): string => /^Call-ID: (.*)\r$/m.exec(invite)?.[1] ?? ''

  /** Sends it; resolves when the router was asked. */
  async function ring(invite = inviteOf()): Promise<string> {
    const before = router.asked.length
    carrier.send(invite)
    await eventually('the router to be asked', () => (router.asked.length > before ? true : undefined))
    return invite
  }

  async function refused(invite: string, status: number): Promise<SipResponse> {
    const response = await carrier.nextResponse(status, 'INVITE')
    carrier.send(carrier.ack(invite, response, 'same'))
    return response
  }

  async function answered(invite: string): Promise<CallRow> {
    const answer = await carrier.nextResponse(200, 'INVITE')
    carrier.send(carrier.ack(invite, answer))
    carrier.send(carrier.inDialog(invite, answer, 'BYE', 90, ''))
    await carrier.nextResponse(200, 'BYE')
    return centre.ended(callIdOf(invite))
  }

  const told = (name: string) => centre.events.filter(({ event }) => event === name)

  it('is asked of it with what the INVITE says, each header by its lower-case name', async () => {
    const invite = inviteOf({ Subject: 'lunch', 'X-Secret': 'none of yours' })
    await ring(invite)
    const [question] = router.asked
    assert.equal(question?.call.id, centre.row(callIdOf(invite))?.id)
    assert.deepEqual(
      [question?.call.to, question?.call.trunk, question?.call.tenant, question?.call.agent, question?.call.region],
      [NUMBER, 'carrier', 'clinic', 'keypad', 'here'],
    )
    assert.equal(question?.call.headers.subject, 'lunch')
    assert.equal(question?.call.headers['x-secret'], undefined)
    assert.deepEqual(question?.trunks, [{ id: 'carrier', state: 'active' }])
    router.say({ ok: true, value: { reject: 603 } })
    await refused(invite, 603)
  })

  it('is redirected with the hop in each Contact, a short life and a reason', async () => {
    const invite = await ring()
    const redirect = [
      'sip:desk@192.0.2.5',
      'sip:desk@192.0.2.6;transport=tcp?X=y',
      'tel:+12025550123',
      'sip:a@192.0.2.7;tandem-hop=1',
    ]
    router.say({ ok: true, value: { redirect } })
    const response = await refused(invite, 302)
    const contacts = [
      '<sip:desk@192.0.2.5;tandem-hop=1>;q=1.0;expires=30',
      '<sip:desk@192.0.2.6;transport=tcp;tandem-hop=1?X=y>;q=0.9;expires=30',
      '<tel:+12025550123;tandem-hop=1>;q=0.8;expires=30',
      '<sip:a@192.0.2.7;tandem-hop=1>;q=0.7;expires=30',
    ]
    assert.deepEqual(response.header('Contact')?.split(', '), contacts)
    assert.equal(response.header('Expires'), '30')
    assert.equal(response.header('Reason'), 'Q.850;cause=23;text="redirected by the router"')
    const { end } = await centre.ended(callIdOf(invite))
    assert.deepEqual(end, { by: 'system', sip: 302, cause: 'redirected' })
    assert.deepEqual(told('call.redirected')[0]?.contacts, contacts)
  })

  it('is redirected once: where it has been before, it goes to its tenant’s agent', async () => {
    const invite = await ring(inviteOf().replace(/ SIP\/2\.0\r/, ';tandem-hop=1 SIP/2.0\r'))
    router.say({ ok: true, value: { redirect: ['sip:desk@192.0.2.5'] } })
    const { end } = await answered(invite)
    assert.equal(end?.cause, 'normal')
    assert.deepEqual(
      told('router.failed').map(({ code, reason }) => [code, reason]),
      [['ill-formed', 'redirect: the call has been redirected before']],
    )
  })

  it('goes to its tenant’s agent where the router failed, or names nobody', async () => {
    const invite = await ring()
    router.say({ ok: false, error: { code: 'late', message: 'no answer within 500 ms' } })
    const row = await answered(invite)
    const second = await ring()
    router.say({ ok: true, value: { bridge: 'nobody', variables: {} } })
    await answered(second)
    assert.deepEqual(
      told('router.failed').map(({ code, reason, call }) => [code, reason, call === row.id]),
      [
        ['late', 'no answer within 500 ms', true],
        ['ill-formed', 'bridge: no agent is named nobody', false],
      ],
    )
  })

  it('goes to the agent that it names', async () => {
    const invite = await ring()
    router.say({ ok: true, value: { bridge: 'screening', variables: { why: 'a test' } } })
    await answered(invite)
    assert.deepEqual(told('router.failed'), [])
  })

  it('is rejected in the words of the router; a 503 asks for patience', async () => {
    const invite = await ring()
    router.say({ ok: true, value: { reject: 503, reason: 'Not Now' } })
    const response = await refused(invite, 503)
    assert.deepEqual([response.reason, response.header('Retry-After')], ['Not Now', '7'])
    await centre.ended(callIdOf(invite))
  })

  it('is over where the caller gives up while the router thinks, whatever it says then', async () => {
    const invite = await ring()
    assert.equal(centre.calls.count, 1)
    carrier.send(carrier.cancel(invite))
    await carrier.nextResponse(200, 'CANCEL')
    await refused(invite, 487)
    const { end } = await centre.ended(callIdOf(invite))
    assert.deepEqual(end, { by: 'caller', sip: 487, cause: 'cancelled' })
    router.say({ ok: true, value: { bridge: 'keypad', variables: {} } })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(centre.calls.count, 0)
    assert.equal(told('call.ended').length, 1)
  })

  it('is hung up by an operator while the router thinks', async () => {
    const invite = await ring()
    const { id } = centre.row(callIdOf(invite)) ?? assert.fail('no record')
    assert.deepEqual(centre.calls.obey(id, { kind: 'hangUp' }), { kind: 'done' })
    await refused(invite, 503)
    const { end } = await centre.ended(callIdOf(invite))
    assert.deepEqual(end, { by: 'operator', sip: 503, cause: 'normal' })
    router.say({ ok: true, value: null })
    assert.equal(centre.calls.count, 0)
  })

  it('is served by a node that begins to drain while the router thinks', async () => {
    const invite = await ring()
    const drained = centre.calls.drain(10_000)
    router.say({ ok: true, value: null })
    const { end } = await answered(invite)
    assert.equal(end?.cause, 'normal')
    await drained
  })

  it('is refused, and its record closed, by a node that stops while the router thinks', async () => {
    const invite = await ring()
    const closed = centre.calls.close()
    await refused(invite, 503)
    await closed
    assert.deepEqual(centre.row(callIdOf(invite))?.end, { by: 'system', sip: 503, cause: 'limit' })
  })

  it('is closed as lost where the SIP server dies while the router thinks', async () => {
    const invite = await ring()
    await centre.sip.crash()
    const { end } = await centre.ended(callIdOf(invite))
    assert.deepEqual(end, { by: 'system', sip: null, cause: 'trunk-fault' })
    router.say({ ok: true, value: null })
    assert.equal(centre.calls.count, 0)
  })
})
