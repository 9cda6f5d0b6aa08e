import assert from 'node:assert/strict'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { Carrier } from '../helpers/carrier.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { type QuickAgent, startQuickAgent } from '../helpers/quick-agent.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { tandem } from '../helpers/run.ts'
import { startStores, type TestStores } from '../helpers/stores.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const SILENCE_MS = 2_500
const SUPERSEDE_MS = 800

/** A number of the tenant who calls people back. */
const SHOP = '+12025550111'

/** Of a BYE of a carrier whose network has failed (RFC 3326). */
const OUT_OF_ORDER = ['Reason: Q.850;cause=38;text="Network out of order"']

interface How {
  readonly number?: string
  readonly headers?: readonly string[]
}

let people = 0
/** A caller whom no other test knows. */
const someone = (): string => `+1202555${String(1_000 + ++people)}`

describe('a conversation whose leg is lost', function () {
  this.timeout(60_000)
  const alpha = loopbackAddress()
  const beta = loopbackAddress()
  let stores: TestStores
  let agent: QuickAgent
  let a: TandemProcess
  let b: TandemProcess
  const callers: RawCaller[] = []
  let carrier: Carrier | null = null

  before(async () => {
    stores = await startStores()
    agent = await startQuickAgent()
    const common = {
      store: stores.config,
      media: { silenceTimeout: `${SILENCE_MS}ms` },
      fleet: { supersede: `${SUPERSEDE_MS}ms` },
      agents: { intake: agent.config },
      trunks: [
        { id: 'alpha', sources: [alpha] },
        { id: 'beta', sources: [beta], targets: [{ uri: `sip:${beta}:5080` }], probe: { enabled: false } },
      ],
      tenants: [
        { id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake' },
        { id: 'shop', group: 'us', numbers: [SHOP], agent: 'intake', callback: true },
      ],
      groups: { us: { trunks: ['alpha', 'beta'] } },
    }
    ;[a, b] = await Promise.all([
      TandemProcess.start({ id: 'a', config: common }),
      TandemProcess.start({ id: 'b', config: common }),
    ])
  })

  after(async () => {
    assert.equal(await a.stop(), 0)
    assert.equal(await b.stop(), 0)
    await agent.close()
    await stores.stop()
  })

  afterEach(async () => {
    for (const caller of [...callers]) await vanish(caller)
    await carrier?.stop()
    carrier = null
  })

  const callsOf = async (person: string): Promise<readonly ApiCall[]> =>
    (await allCalls(b)).filter(({ from, to }) => from === person || to === person).toReversed()

  /** The trunk of a caller is dead from now on: no SIP and no RTP any more. */
  async function vanish(caller: RawCaller): Promise<void> {
    callers.splice(callers.indexOf(caller), 1)
    await caller.close()
  }

  /** Calls over a trunk, and begins to send silence. */
  async function dial(node: TandemProcess, trunk: string, person: string, how: How = {}): Promise<RawCaller> {
    const caller = await RawCaller.open(node.address, trunk, person)
    callers.push(caller)
    assert.equal((await caller.call(how.number ?? NUMBER, caller.offer, how.headers)).status, 200)
    caller.talk()
    return caller
  }

  /** Calls over alpha to a, hears the greeting, and where there is a key to press, what the agent says to that. */
  async function talk(person: string, key = '', how: How = {}): Promise<[RawCaller, ApiCall]> {
    const caller = await dial(a, alpha, person, how)
    const said = async (turns: number): Promise<boolean> => {
      const [call] = await callsOf(person)
      return (call?.transcript.filter(({ who }) => who === 'agent').length ?? 0) >= turns
    }
    await until(() => said(1), `the agent to speak to ${person}`)
    if (key !== '') {
      caller.press(key)
      caller.press('#')
      await until(() => said(2), `the agent to answer ${person}`)
    }
    const [call] = await callsOf(person)
    assert.ok(call)
    return [caller, call]
  }

  /** What the newest session at the agent's server was told, as JSON. */
  const told = async (): Promise<string> => JSON.stringify((await agent.sessions()).sessions.at(-1)?.items ?? [])

  /** Resolves with the call of a person when it is as wanted; the first has index 0. */
  async function call(person: string, index: number, state: 'active' | 'ended'): Promise<ApiCall> {
    let found: ApiCall | undefined
    await until(async () => {
      found = (await callsOf(person))[index]
      return found?.state === state
    }, `call ${index} of ${person} to be ${state}`)
    assert.ok(found)
    return found
  }

  /** Calls over beta to b, and gives that call back as soon as it is up. */
  async function redial(person: string, index = 1, how: How = {}): Promise<[RawCaller, ApiCall]> {
    const caller = await dial(b, beta, person, how)
    const again = await call(person, index, 'active')
    assert.deepEqual([again.node, again.trunk], ['b', 'beta'])
    return [caller, again]
  }

  function assertResumed(again: ApiCall, first: ApiCall): void {
    assert.deepEqual(again.session, { id: first.session.id, resumedFrom: first.id })
  }

  function assertFresh(again: ApiCall): void {
    assert.deepEqual(again.session, { id: again.id, resumedFrom: null })
  }

  it('goes on when the caller calls again, over another trunk and another node', async () => {
    const person = someone()
    const [lost, first] = await talk(person, '7')
    await vanish(lost)
    assert.equal((await call(person, 0, 'ended')).end?.cause, 'media-timeout')
    const [again, second] = await redial(person)
    assertResumed(second, first)
    assert.match(await told(), /"assistant".*Hello.*"user".*DTMF 7.*"assistant".*You pressed seven.*"system"/)
    const events = await b.api<readonly { event: string; resumedFrom?: string }[]>(`/api/v1/calls/${second.id}/events`)
    assert.equal(events.find(({ event }) => event === 'session.resumed')?.resumedFrom, first.id)
    const shown = (await tandem(['session', first.session.id], a.env)).stdout
    assert.match(shown, /live/)
    assert.match(shown, new RegExp(`${first.id} .* a .*media-timeout[^]*${second.id} .* b .*[^]*You pressed seven`))
    await again.hangUp()
    await call(person, 1, 'ended')
    const [, third] = await redial(person, 2)
    assertFresh(third)
  })

  it('goes on at once where the old leg has gone silent, though nobody has given it up yet', async () => {
    const person = someone()
    const [lost, first] = await talk(person)
    lost.hush()
    await new Promise((resolve) => setTimeout(resolve, SUPERSEDE_MS + 100))
    const [, second] = await redial(person)
    assertResumed(second, first)
    assert.equal((await call(person, 0, 'ended')).end?.cause, 'media-timeout')
    await lost.hungUp
  })

  it('goes on after a BYE that says that something broke', async () => {
    const person = someone()
    const [lost, first] = await talk(person)
    await lost.hangUp(OUT_OF_ORDER)
    assert.equal((await call(person, 0, 'ended')).end?.cause, 'trunk-fault')
    assertResumed((await redial(person))[1], first)
  })

  it('is over when the caller hung up', async () => {
    const person = someone()
    const [first] = await talk(person)
    await first.hangUp()
    assert.equal((await call(person, 0, 'ended')).end?.cause, 'normal')
    assertFresh((await redial(person))[1])
  })

  it('is nobody else’s while the caller still talks on the old leg', async () => {
    const person = someone()
    const [first] = await talk(person)
    assertFresh((await redial(person))[1])
    await first.hear(10)
    assert.equal((await callsOf(person))[0]?.state, 'active')
  })

  it('is nobody’s where the caller does not want to be known', async () => {
    const person = someone()
    const hidden = { headers: ['Privacy: id'] }
    const [lost] = await talk(person, '', hidden)
    await lost.hangUp(OUT_OF_ORDER)
    await call(person, 0, 'ended')
    assertFresh((await redial(person, 1, hidden))[1])
  })

  it('is called back over the other trunk, once, where the tenant wants that', async () => {
    const person = someone()
    carrier = await Carrier.start({ scenario: 'uas-answers', address: beta, pauseMs: 1_000 })
    const [lost, first] = await talk(person, '6', { number: SHOP })
    await lost.hangUp(OUT_OF_ORDER)
    const second = await call(person, 1, 'ended')
    assertResumed(second, first)
    assert.deepEqual([second.direction, second.from, second.trunk], ['outbound', SHOP, 'beta'])
    assert.match(await told(), /You pressed six/)
    assert.equal((await carrier.stop()).calls, 1)
  })

  it('is the caller’s who is quicker than the callback: that one stops ringing', async () => {
    const person = someone()
    carrier = await Carrier.start({ scenario: 'uas-answers-late', address: beta, pauseMs: 20_000 })
    const [lost, first] = await talk(person, '', { number: SHOP })
    await lost.hangUp(OUT_OF_ORDER)
    // It has left, and so has taken the session up.
    await until(async () => (await callsOf(person))[1]?.trunk === 'beta', `the callback to ${person}`)
    const [, third] = await redial(person, 2, { number: SHOP })
    assertResumed(third, first)
    assert.equal((await call(person, 1, 'ended')).end?.cause, 'cancelled')
  })
})
