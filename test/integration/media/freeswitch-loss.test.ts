import assert from 'node:assert/strict'
import { type FreeSwitchMedia, startFreeSwitch } from '../../../app/media/freeswitch/engine.ts'
import { AGENT } from '../../conformance/media-engine.ts'
import { RtpPeer } from '../../conformance/rtp-peer.ts'
import { realFreeSwitch } from '../../helpers/freeswitch.ts'
import { TcpGate } from '../../helpers/tcp-gate.ts'
import { until } from '../../helpers/until.ts'
import { HOST, TestLeg } from './media-fixture.ts'
import { type MediaSip, startMediaSip } from './media-sip.ts'

const real = realFreeSwitch()
/** The talker of the suite, as media workers load it. */
const TALKER = new URL('../../conformance/scripted-talker.js', import.meta.url).href

/** Two gates before one real server stand for two servers. */
describe('FreeSWITCH servers that die', function () {
  this.timeout(30_000)
  this.slow(10_000)
  let sip: MediaSip
  let gates: readonly [TcpGate, TcpGate]
  let engine: FreeSwitchMedia
  const peers: RtpPeer[] = []

  before(async function () {
    if (real === null) return this.skip()
    sip = await startMediaSip()
  })

  after(async () => {
    if (real !== null) await sip.close()
  })

  beforeEach(async () => {
    if (real === null) return
    gates = [await TcpGate.open(HOST, real), await TcpGate.open(HOST, real)]
    engine = await startFreeSwitch({
      servers: gates.map(({ port }) => ({ host: HOST, port, secret: real.secret })),
      sip: sip.link,
      codecs: ['PCMU'],
      silenceTimeoutMs: 30_000,
      workers: 1,
      agentTalkerModule: TALKER,
      onConnected: () => {},
      onLost: () => {},
      onWarning: () => {},
    })
    assert.equal(engine.impediment, null)
  })

  afterEach(async () => {
    await engine.close()
    await Promise.all([...peers.splice(0).map((peer) => peer.close()), ...gates.map((gate) => gate.close())])
  })

  async function call(): Promise<TestLeg> {
    const peer = await RtpPeer.open()
    peers.push(peer)
    const leg = await TestLeg.open(engine, { kind: 'agent', agent: AGENT })
    const answer = await leg.media.answer(peer.sdp())
    assert.ok(answer.ok)
    assert.ok((await leg.media.ready()).ok)
    leg.media.start()
    return leg
  }

  const failed = (leg: TestLeg): boolean => leg.events.some(({ kind }) => kind === 'failed')

  it('spreads calls, ends those of a dead server alone, and gives new ones to the other', async () => {
    const legs = [await call(), await call()]
    gates[0].shut()
    const [lost, ...also] = await untilFailed(legs)
    assert.ok(lost !== undefined && also.length === 0)
    assert.equal(engine.impediment, null)
    const next = await call()
    assert.ok(!failed(next))
    const startedAtMs = performance.now()
    assert.equal((await lost.media.close()).media?.codec, 'PCMU')
    assert.ok(performance.now() - startedAtMs < 3_000)
  })

  it('notices a server that is frozen, and takes it back when it answers again', async () => {
    for (const gate of gates) gate.freeze()
    await until(async () => engine.impediment !== null, 'both servers to be given up')
    await assert.rejects(call(), /FreeSWITCH at .*no answer within 2000 ms/)
    for (const gate of gates) gate.reopen()
    await until(async () => engine.impediment === null, 'a server to be back')
    assert.ok(!failed(await call()))
  })

  it('says why a server is of no use', async () => {
    const wrong = await startFreeSwitch({
      servers: [{ host: HOST, port: gates[0].port, secret: 'wrong' }],
      sip: sip.link,
      workers: 1,
      codecs: ['PCMU'],
      silenceTimeoutMs: 30_000,
      onConnected: () => {},
      onLost: () => {},
      onWarning: () => {},
    })
    assert.match(wrong.impediment ?? '', /the secret is refused/)
    await wrong.close()
  })

  async function untilFailed(legs: readonly TestLeg[]): Promise<readonly TestLeg[]> {
    await until(async () => legs.some(failed), 'a leg to fail')
    return legs.filter(failed)
  }
})
