import assert from 'node:assert/strict'
import type { RouterQuestion } from '../../../app/route/messages.ts'
import type { RouterVerdict } from '../../../app/route/router.ts'
import type { SipResponse } from '../../../lib/sip/message.ts'
import { Peer } from '../sip-server/peer.ts'
import { eventually, sdp } from '../sip-server/rig.ts'
import { type CallCentre, callCentre, NUMBER } from './call-centre.ts'

describe('A call that waits for the router', function () {
  this.timeout(15_000)
  let centre: CallCentre
  let carrier: Peer
  let questions: { readonly question: RouterQuestion; readonly say: (verdict: RouterVerdict) => void }[]

  beforeEach(async () => {
    questions = []
    centre = await callCentre({
      router: {
        ask: (question) => new Promise((say) => questions.push({ question, say })),
      },
    })
    carrier = await Peer.open(centre.address)
  })

  afterEach(async () => {
    carrier.close()
    await centre.close()
    assert.equal(centre.calls.count, 0)
  })

  const eventsOf = (event: string) => centre.events.filter((each) => each.event === event)

  async function invite(uri = `sip:${NUMBER}@127.0.0.1`): Promise<string> {
    const text = carrier.request('INVITE', {}, sdp(4_000)).replace(/^INVITE \S+/, `INVITE ${uri}`)
    const before = questions.length
    carrier.send(text)
    await eventually('the question', () => (questions.length > before ? true : undefined))
    return text
  }

  const say = (verdict: RouterVerdict): void => questions.at(-1)?.say(verdict)

  const callIdOf = (text: string): string => /^Call-ID: (.*)\r$/m.exec(text)?.[1] ?? ''

  async function hangUp(text: string, answer: SipResponse): Promise<void> {
    carrier.send(carrier.ack(text, answer))
    carrier.send(carrier.inDialog(text, answer, 'BYE', 50))
    await carrier.nextResponse(200, 'BYE')
    assert.equal((await centre.ended(callIdOf(text))).end?.cause, 'normal')
  }

  it('is told of as it came, and goes to the agent that is named', async () => {
    const text = await invite()
    const { call, trunks } = questions[0]?.question ?? assert.fail()
    assert.deepEqual(
      [call.to, call.trunk, call.tenant, call.agent, call.source.address],
      [NUMBER, 'carrier', 'clinic', 'keypad', '127.0.0.1'],
    )
    assert.deepEqual(trunks, [{ id: 'carrier', state: 'active' }])
    say({ ok: true, value: { bridge: 'keypad', variables: { reason: 'x' } } })
    await hangUp(text, await carrier.nextResponse(200, 'INVITE'))
    assert.equal(eventsOf('router.failed').length, 0)
  })

  it('goes to its default where there is no such agent, where the router says nothing, and where it fails', async () => {
    const verdicts: readonly RouterVerdict[] = [
      { ok: true, value: { bridge: 'nobody' } },
      { ok: true, value: null },
      { ok: false, error: { code: 'late', message: 'no answer within 500 ms' } },
    ]
    for (const verdict of verdicts) {
      const text = await invite()
      say(verdict)
      await hangUp(text, await carrier.nextResponse(200, 'INVITE'))
    }
    assert.deepEqual(
      eventsOf('router.failed').map((event) => [event['code'], event['reason']]),
      [
        ['ill-formed', 'bridge: no agent is named nobody'],
        ['late', 'no answer within 500 ms'],
      ],
    )
  })

  it('is redirected with the mark of our redirections, and not a second time', async () => {
    const text = await invite()
    say({ ok: true, value: { redirect: ['sip:desk@192.0.2.5;transport=tcp?Subject=x', 'tel:+12025550199'] } })
    const answer = await carrier.nextResponse(302, 'INVITE')
    assert.equal(
      answer.header('Contact'),
      '<sip:desk@192.0.2.5;transport=tcp;tandem-hop=1?Subject=x>;q=1.0;expires=30, <tel:+12025550199>;q=0.9;expires=30',
    )
    carrier.send(carrier.ack(text, answer, 'same'))
    const { end } = await centre.ended(callIdOf(text))
    assert.deepEqual([end?.sip, end?.cause], [302, 'redirected'])

    const again = await invite(`sip:${NUMBER}@127.0.0.1;tandem-hop=1`)
    say({ ok: true, value: { redirect: ['sip:desk@192.0.2.5'] } })
    await hangUp(again, await carrier.nextResponse(200, 'INVITE'))
    assert.match(String(eventsOf('router.failed')[0]?.['reason']), /redirected before/)
  })

  it('is rejected in its words', async () => {
    const text = await invite()
    say({ ok: true, value: { reject: 486, reason: 'Gone Fishing' } })
    const answer = await carrier.nextResponse(486, 'INVITE')
    assert.equal(answer.reason, 'Gone Fishing')
    carrier.send(carrier.ack(text, answer, 'same'))
    const { end } = await centre.ended(callIdOf(text))
    assert.deepEqual(end, { by: 'system', sip: 486, cause: 'rejected' })
  })

  it('is over when the caller gives it up, whatever the router says then', async () => {
    const text = await invite()
    carrier.send(carrier.cancel(text))
    const answer = await carrier.nextResponse(487, 'INVITE')
    carrier.send(carrier.ack(text, answer, 'same'))
    const { end } = await centre.ended(callIdOf(text))
    assert.deepEqual(end, { by: 'caller', sip: 487, cause: 'cancelled' })
    say({ ok: true, value: { bridge: 'keypad' } })
    await eventually('its end', () => (centre.calls.count === 0 ? true : undefined))
    assert.equal(eventsOf('call.answered').length, 0)
  })

  it('is refused where the node has to end it', async () => {
    const text = await invite()
    const closing = centre.calls.drain(0)
    const answer = await carrier.nextResponse(503, 'INVITE')
    assert.equal(answer.header('Retry-After'), '7')
    carrier.send(carrier.ack(text, answer, 'same'))
    await closing
    const { end } = await centre.ended(callIdOf(text))
    assert.deepEqual(end, { by: 'system', sip: 503, cause: 'limit' })
    say({ ok: true, value: null })
  })
})
