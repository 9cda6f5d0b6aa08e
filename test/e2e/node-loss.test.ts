import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PhoneReport } from '../../app/phone/phone-call.ts'
import { PhoneLine } from '../../app/phone/softphone.ts'
import { speak } from '../../app/phone/speak.ts'
import { formatWavHeader } from '../../lib/media/wav.ts'
import { type ApiCall, allCalls } from '../helpers/api-call.ts'
import { tempFolder } from '../helpers/postgres.ts'
import { type QuickAgent, startQuickAgent } from '../helpers/quick-agent.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { startStores, type TestStores } from '../helpers/stores.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'
import { Peer } from '../integration/sip-server/peer.ts'
import { sdp } from '../integration/sip-server/rig.ts'

const PHONES = 20
const RATE_HZ = 8_000
/** A caller says something this often, all call long. */
const SAY_EVERY_S = 4
const SAY_FOR_S = 60

const personOf = (n: number): string => `+120255502${String(n).padStart(2, '0')}`
const SILENT = '+12025550301'
const GONE = '+12025550302'

/** Two nodes with calls on one of them, which is killed; every other call is encrypted. */
describe('kill -9 of a node whose calls another one takes over', function () {
  this.timeout(90_000)
  let stores: TestStores
  let agent: QuickAgent
  let folder: string
  let line: PhoneLine
  let a: TandemProcess
  let b: TandemProcess
  let killedAt: Date
  const enough = new AbortController()
  setMaxListeners(PHONES + 1, enough.signal)
  const phones: Promise<PhoneReport>[] = []
  const raw: RawCaller[] = []

  before(async () => {
    stores = await startStores()
    agent = await startQuickAgent()
    const config = { store: { ...stores.config, keyWrap: 'what both nodes know' }, agents: { intake: agent.config } }
    ;[a, b] = await Promise.all([TandemProcess.start({ id: 'a', config }), TandemProcess.start({ id: 'b', config })])
    folder = await tempFolder()
    line = await PhoneLine.open(a.uri, SAY_FOR_S)
  })

  after(async () => {
    enough.abort()
    await Promise.all(phones)
    for (const caller of raw) await caller.close()
    await line.close()
    await a.stop()
    assert.equal(await b.stop(), 0)
    await agent.close()
    await stores.stop()
    await rm(folder, { recursive: true, force: true })
  })

  /** A file with something said every few seconds. */
  async function speech(): Promise<string> {
    const words = await speak('I would like an appointment.')
    const samples = new Int16Array(SAY_FOR_S * RATE_HZ)
    // Not at once, so that the greeting is heard.
    for (let s = 2; s + SAY_EVERY_S < SAY_FOR_S; s += SAY_EVERY_S) samples.set(words, s * RATE_HZ)
    const file = join(folder, 'caller.wav')
    await writeFile(file, Buffer.concat([formatWavHeader(samples.byteLength), Buffer.from(samples.buffer)]))
    return file
  }

  const callsOf = (calls: readonly ApiCall[], person: string): readonly ApiCall[] =>
    calls.filter(({ from }) => from === person).toReversed()

  const agentSpoke = ({ transcript }: ApiCall): boolean => transcript.some(({ who }) => who === 'agent')

  async function whoIsSilent(): Promise<void> {
    const caller = await RawCaller.open(a.address, '127.0.0.1', SILENT)
    raw.push(caller)
    assert.equal((await caller.call(NUMBER)).status, 200)
    caller.talk()
  }

  async function whoKnowsNothing(): Promise<Peer> {
    const peer = await Peer.open(`${a.address}:5060`)
    const invite = peer
      .request('INVITE', { From: `<sip:${GONE}@127.0.0.1>;tag=gone` }, sdp(4_000))
      .replace('sip:bob@', `sip:${NUMBER}@`)
    peer.send(invite)
    peer.send(peer.ack(invite, await peer.nextResponse(200, 'INVITE')))
    peer.onRequest = (request) => {
      if (request.method !== 'ACK')
        peer.send(peer.response(request, 481, 'Call/Transaction Does Not Exist'), `${b.address}:5060`)
    }
    return peer
  }

  it('goes on where the far ends follow the re-INVITE: nobody waits longer than 8 s in the middle', async () => {
    const playFile = await speech()
    for (let n = 0; n < PHONES; n++) {
      const phone = { uri: a.uri, from: personOf(n), seconds: SAY_FOR_S, signal: enough.signal, onProgress: () => {} }
      phones.push(line.call({ ...phone, srtp: n % 2 === 0 ? 'off' : 'required', playFile }))
    }
    await whoIsSilent()
    const peer = await whoKnowsNothing()
    await until(
      async () => {
        const spoken = (await allCalls(b)).filter((call) => call.node === 'a' && agentSpoke(call))
        return spoken.length === PHONES + 2
      },
      'the agent to speak in every call',
      20_000,
    )
    killedAt = new Date()
    await a.kill()

    /** What is said in a call after its node has died. */
    const goesOn = ({ transcript }: ApiCall): boolean =>
      ['caller', 'agent'].every((one) => transcript.some(({ at, who }) => who === one && new Date(at) > killedAt))
    await until(async () => (await allCalls(b)).filter(goesOn).length >= 0.95 * PHONES, 'them to talk on', 20_000)

    enough.abort()
    const reports = await Promise.all(phones)
    const moved = reports.filter(({ endedBy, gapsMs }) => endedBy === 'phone' && gapsMs.length > 0)
    assert.ok(moved.length >= 0.95 * PHONES, `${moved.length} of ${PHONES} talked on`)
    const gaps = moved.map(({ gapsMs }) => Math.max(...gapsMs)).toSorted((x, y) => x - y)
    const medianMs = gaps[Math.floor(gaps.length / 2)] ?? Number.POSITIVE_INFINITY
    assert.ok(medianMs <= 8_000, `median gap of ${medianMs} ms`)
    peer.close()
  })

  it('keeps one record of each, whose agent knows what was said before', async () => {
    let calls: readonly ApiCall[] = []
    await until(async () => {
      calls = (await allCalls(b)).filter(({ from }) => from !== SILENT && from !== GONE)
      return calls.every(({ state }) => state === 'ended')
    }, 'the ends of all calls')
    assert.equal(calls.length, PHONES)
    assert.equal(new Set(calls.map(({ from }) => from)).size, PHONES)
    const ends = calls.map(({ node, end }) => `${node} ${end?.by} ${end?.cause}`)
    assert.ok(ends.filter((end) => end === 'b caller normal').length >= 0.95 * PHONES, ends.join(', '))
    const encrypted = calls.filter(({ media }) => media?.srtp === true)
    assert.equal(encrypted.length, PHONES / 2, 'as many as were encrypted before')
    const { sessions } = await agent.sessions()
    // Only who goes on with a conversation creates items; the caller's number is among the facts that an agent is told.
    const later = sessions.filter(({ received }) => (received['conversation.item.create'] ?? 0) > 0)
    const told = (person: string): string => {
      const own = later.find(({ config }) => JSON.stringify(config).includes(`caller: ${person}`))
      return JSON.stringify(own?.items ?? [])
    }
    const earlier = ({ transcript }: ApiCall) => transcript.filter(({ at }) => new Date(at) < killedAt)
    const whole = calls.filter(
      (call) => earlier(call).length > 0 && earlier(call).every(({ text }) => told(call.from).includes(text)),
    )
    assert.ok(whole.length >= 0.95 * PHONES, `${whole.length} agents were told all`)
  })

  for (const [why, person] of [
    ['says nothing to the re-INVITE', SILENT],
    ['does not know the dialog any more', GONE],
  ] as const) {
    it(`closes and parks the call of who ${why}, and resumes it when they call again`, async () => {
      let lost: ApiCall | undefined
      await until(async () => {
        ;[lost] = callsOf(await allCalls(b), person)
        return lost?.state === 'ended'
      }, 'the call to be given up')
      assert.equal(lost?.end?.cause, 'node-lost')
      const caller = await RawCaller.open(b.address, '127.0.0.1', person)
      raw.push(caller)
      assert.equal((await caller.call(NUMBER)).status, 200)
      caller.talk()
      await until(async () => {
        const [, again] = callsOf(await allCalls(b), person)
        return again?.session.id === lost?.session.id && again?.session.resumedFrom === lost?.id
      }, 'the session to be resumed')
      await caller.hangUp()
    })
  }
})
