import assert from 'node:assert/strict'
import { type LocalAgent, startLocalAgent } from '../../app/agent/local/local-agent.ts'
import { isAudible } from '../../lib/media/level.ts'
import { endedCalls } from '../helpers/api-call.ts'
import { type HeardPacket, RawCaller } from '../helpers/raw-caller.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

const CALLERS = 20
const PACKET_MS = 20
/** Without a full stop: a pause between two sentences is no gap. */
const GREETING =
  'Hello and welcome to the clinic where we take down everything that our doctors have to know about you and about your knee before they see you tomorrow morning'
/** What a caller may hear of nobody, and until the agent is back: what is promised, and what a loaded machine adds. */
const GAP_MS = 500
const BACK_MS = 1_500
const MARGIN_MS = 250

/** The longest stretch of packets in which nothing is to be heard. */
function longestSilenceMs(packets: readonly HeardPacket[]): number {
  let longest = 0
  let run = 0
  for (const { payload } of packets) {
    run = isAudible(payload, 'PCMU') ? 0 : run + 1
    longest = Math.max(longest, run)
  }
  return longest * PACKET_MS
}

describe(`${CALLERS} callers whose agents are cut in the middle of a sentence`, function () {
  this.timeout(90_000)
  let server: LocalAgent
  let node: TandemProcess

  before(async () => {
    // Little faster than it is played: what is queued covers no loss.
    server = await startLocalAgent({ apiKey: 'key', firstDeltaMs: 50, speedUp: 1.05 })
    const agent = { backend: 'custom', url: `${server.baseUrl}/realtime`, apiKey: 'key', greeting: GREETING }
    node = await TandemProcess.start({ config: { agents: { intake: agent } } })
  })

  afterEach(() => server.setFaults({}))

  after(async () => {
    assert.equal(await node.stop(), 0)
    await server.close()
  })

  /** All callers hear the greeting and lose the agent in the middle of it; `comeBack` is when a server takes them again. */
  async function cut(comeBack: () => Promise<void>): Promise<readonly (readonly HeardPacket[])[]> {
    const before = (await server.sessions()).sessions.length
    const callers = await Promise.all(Array.from({ length: CALLERS }, () => RawCaller.open(node.address)))
    const answers = await Promise.all(callers.map((caller) => caller.call(NUMBER)))
    assert.ok(answers.every(({ status }) => status === 200))
    for (const caller of callers) caller.talk()
    await Promise.all(callers.map((caller) => caller.hear(60)))
    const cutAt = callers.map(({ heard }) => heard.length)
    await server.setFaults({ dropAfterMs: 0, refuseStatus: 503 })
    await until(async () => (await server.sessions()).live === 0, 'all agents to be cut')
    await comeBack()
    await server.setFaults({})
    await until(async () => (await server.sessions()).live === CALLERS, 'all agents to be back')
    // From here on the agent itself is heard.
    await Promise.all(callers.map((caller) => caller.hear(40)))
    const during = callers.map(({ heard }, i) => heard.slice(cutAt[i]))
    assert.ok((await Promise.all(callers.map((caller) => caller.hangUp()))).every((status) => status === 200))
    await Promise.all(callers.map((caller) => caller.close()))
    const sessions = (await server.sessions()).sessions.slice(before).filter(({ items }) => items.length > 1)
    assert.equal(sessions.length, CALLERS)
    for (const { items } of sessions) assert.match(JSON.stringify(items[0]), /"role":"assistant".*"Hello/)
    return during
  }

  it('are heard and spoken to all the while, and each conversation goes on at once', async () => {
    const packets = await cut(async () => undefined)
    for (const heard of packets)
      assert.ok(longestSilenceMs(heard) <= GAP_MS + MARGIN_MS, `${longestSilenceMs(heard)} ms`)
    const calls = (await endedCalls(node)).slice(0, CALLERS)
    assert.deepEqual(
      calls.map(({ end, agent }) => `${end?.cause} ${agent?.reconnects}`),
      calls.map(() => 'normal 1'),
    )
    for (const { id } of calls) {
      const events = await node.api<readonly { event: string; gapMs?: number }[]>(`/api/v1/calls/${id}/events`)
      const told = events.filter(({ event }) => event === 'agent.lost' || event === 'agent.reconnected')
      assert.deepEqual(
        told.map(({ event }) => event),
        ['agent.lost', 'agent.reconnected'],
      )
      assert.ok((told[1]?.gapMs ?? Infinity) <= BACK_MS + MARGIN_MS, `${told[1]?.gapMs} ms`)
    }
  })

  it('hear comfort where no server takes them for longer, and the conversation goes on when one does', async () => {
    const packets = await cut(() => new Promise((resolve) => setTimeout(resolve, 2_000)))
    for (const heard of packets)
      assert.ok(longestSilenceMs(heard) <= GAP_MS + MARGIN_MS, `${longestSilenceMs(heard)} ms`)
  })
})
