import assert from 'node:assert/strict'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { BaresipCallee } from '../helpers/baresip-callee.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { type QuickAgent, startQuickAgent } from '../helpers/quick-agent.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { framesOf } from '../helpers/stereo-wav.ts'
import { KEY, NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const [CALLER, PERSON, NIGHT] = ['+12025550199', '+12025550150', '1002']
/** A frame that is as loud as G.711 gets, both ways. */
const LOUD = Buffer.alloc(160).fill(Buffer.from([0x00, 0x80]))

interface ApiSession {
  readonly state: string
  readonly caller: string
  readonly variables: Readonly<Record<string, string>>
  readonly calls: readonly { readonly id: string }[]
}

describe('a call that somebody transfers by REFER, with baresip', function () {
  this.timeout(60_000)
  const [pbxAt, personAt] = [loopbackAddress(), loopbackAddress()]
  let pbx: BaresipCallee
  let person: BaresipCallee
  let agent: QuickAgent
  let node: TandemProcess

  before(async () => {
    ;[pbx, person, agent] = await Promise.all([
      BaresipCallee.start(CALLER, pbxAt),
      BaresipCallee.start(PERSON, personAt, NIGHT),
      startQuickAgent(),
    ])
    const targets = [{ uri: `sip:${personAt}:5080` }]
    const probe = { enabled: false }
    node = await TandemProcess.start({
      config: {
        agents: { intake: agent.config },
        trunks: [
          { id: 'local', sources: ['127.0.0.1'] },
          { id: 'pbx', sources: [pbxAt], targets, probe, refer: true },
          { id: 'out', targets, probe, acceptRefer: true },
        ],
        groups: { us: { trunks: ['out'] } },
        tenants: [
          {
            id: 'clinic',
            group: 'us',
            numbers: [NUMBER],
            agent: 'intake',
            referTo: [NIGHT],
            recording: { enabled: true },
          },
        ],
      },
    })
  })

  after(async () => {
    assert.equal(await node.stop(), 0)
    await Promise.all([agent.close(), pbx.stop(), person.stop()])
  })

  async function callOf(from: string, what: string, is: (call: ApiCall) => boolean): Promise<ApiCall> {
    let found: ApiCall | undefined
    await until(async () => {
      found = (await allCalls(node)).find((call) => call.from === from && is(call))
      return found !== undefined
    }, what)
    return found ?? assert.fail(what)
  }

  const story = async ({ id }: ApiCall): Promise<readonly string[]> => {
    const events = await node.api<readonly Readonly<Record<string, unknown>>[]>(`/api/v1/calls/${id}/events`)
    return events.flatMap(({ event, via, by, outcome }) =>
      event === 'call.transfer' ? [[via, by, outcome].join(' ')] : [],
    )
  }

  async function recordingOf(id: string): Promise<{ readonly status: number; readonly length: number }> {
    const answer = await fetch(`${node.url}/api/v1/calls/${id}/recording`, {
      headers: { authorization: `Bearer ${KEY}` },
    })
    const wav = Buffer.from(await answer.arrayBuffer())
    return { status: answer.status, length: answer.ok ? framesOf(wav).left.length : 0 }
  }

  it('leaves us where the caller’s phone does it for an operator', async () => {
    await pbx.obey('dial', `sip:${NUMBER}@${node.address}`)
    const { id } = await callOf(CALLER, 'the call', ({ state }) => state === 'active')
    await node.post(`/api/v1/calls/${id}/transfer`, { to: PERSON })
    const call = await callOf(CALLER, 'its end', ({ state }) => state === 'ended')
    assert.deepEqual(call.end, { by: 'operator', sip: null, cause: 'transferred' })
    assert.deepEqual(await story(call), ['refer operator begun', 'refer operator left'])
    assert.equal(call.attempts.length, 0)
  })

  it('takes the agent along to whom the callee’s phone names, with its session', async () => {
    const { id } = await node.post<ApiCall>('/api/v1/calls', { to: PERSON, tenant: 'clinic' })
    await callOf(NUMBER, 'the callee', (call) => call.id === id && call.state === 'active')
    await person.obey('transfer', `sip:${NIGHT}@${personAt}`)
    const first = await callOf(NUMBER, 'its end', (call) => call.id === id && call.state === 'ended')
    assert.deepEqual(first.end, { by: 'callee', sip: null, cause: 'transferred' })
    assert.deepEqual(await story(first), ['call callee begun', 'call callee joined'])
    const follows = ({ session, state }: ApiCall): boolean => session.resumedFrom === id && state === 'active'
    const second = await callOf(NUMBER, 'the agent', follows)
    assert.deepEqual([second.to, second.session.id], [NIGHT, first.session.id])
    const session = await node.api<ApiSession>(`/api/v1/sessions/${first.session.id}`)
    const calls = session.calls.map((call) => call.id)
    // Nobody is known again by an extension.
    assert.deepEqual(
      [session.state, session.caller, session.variables.called, calls],
      ['live', '', NIGHT, [id, second.id]],
    )
    await node.api(`/api/v1/calls/${second.id}`, { method: 'DELETE' })
    const { end } = await callOf(NUMBER, 'the end', (call) => call.id === second.id && call.state === 'ended')
    assert.deepEqual(end, { by: 'operator', sip: null, cause: 'normal' })
    // One conversation, and a recording of each call that it had.
    for (const call of calls) {
      const { status, length } = await recordingOf(call)
      assert.equal(status, 200)
      assert.ok(length > 0, `${call}: nothing is recorded`)
    }
  })

  it('goes on with whom the person’s phone names, who hears the caller and is heard', async () => {
    const caller = await RawCaller.open(node.address, '127.0.0.1', '+12025550198')
    assert.equal((await caller.call(NUMBER)).status, 200)
    const { id } = await callOf('+12025550198', 'the call', ({ state }) => state === 'active')
    await node.post(`/api/v1/calls/${id}/transfer`, { to: PERSON })
    await until(
      async () => (await story(await callOf('+12025550198', 'it', () => true))).includes('leg operator joined'),
      'the person',
    )
    await person.obey('transfer', `sip:${NIGHT}@${personAt}`)
    await until(
      async () => (await story(await callOf('+12025550198', 'it', () => true))).includes('leg callee joined'),
      'the other one',
    )
    caller.talk(LOUD)
    await caller.hearSound(100)
    assert.equal(await caller.hangUp(), 200)
    const call = await callOf('+12025550198', 'its end', ({ state }) => state === 'ended')
    assert.deepEqual(call.end, { by: 'caller', sip: null, cause: 'transferred' })
    const told = await story(call)
    assert.deepEqual(told.slice(0, 4), [
      'leg operator begun',
      'leg operator joined',
      'leg callee begun',
      'leg callee joined',
    ])
    // Whose BYE is answered first is nobody's promise.
    assert.deepEqual(told.slice(4).sort(), ['leg callee ended', 'leg operator ended'])
    await caller.close()
    const heardSeconds = await person.stop()
    assert.ok(heardSeconds > 1, `${heardSeconds} s were heard of the caller`)
  })
})
