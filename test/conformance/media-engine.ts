import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { LegEvent, MediaEngine } from '../../app/media/port.ts'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import { FRAME_MS, SAMPLES_PER_MS } from '../../lib/media/g711.ts'
import { seqDelta } from '../../lib/media/sequence.ts'
import { until } from '../helpers/until.ts'
import { TestLeg } from '../integration/media/media-fixture.ts'
import { RtpPeer } from './rtp-peer.ts'

/** How soon an engine promises to do what it does. */
export interface MediaPromises {
  /** From barge-in to silence at the far end. */
  readonly silenceMs: number
  /** What is told as heard may differ from what was heard by so much. */
  readonly heardMs: number
}

/** Packets with silence between two with voice. When they arrive says more of this process, busy with other tests, than of the engine. */
const GAP_PACKETS = 4

/** An agent that nobody calls: `scripted-talker.ts` talks. */
export const AGENT: AgentSpec = {
  backends: [
    { id: 'a/0', kind: 'local', baseUrl: 'ws://127.0.0.1:1', model: 'none', apiKey: '', renewBeforeMs: 600_000 },
  ],
  voice: 'none',
  instructions: '',
  greeting: '',
  tools: [],
  variables: {},
  connectTimeoutMs: 1_000,
  reconnectForMs: 30_000,
  comfortAfterMs: 300,
  batchMs: 40,
}

/** What every media engine does, whoever carries the packets. Its `silenceTimeoutMs` is a second, its talker `scripted-talker.ts`. */
export function describeMediaEngine(name: string, engine: () => MediaEngine, promises: MediaPromises): void {
  describe(`${name}, as media engine`, function () {
    this.timeout(20_000)
    this.slow(5_000)
    let peer: RtpPeer
    let leg: TestLeg

    beforeEach(async () => {
      peer = await RtpPeer.open()
      leg = await TestLeg.open(engine(), { kind: 'agent', agent: AGENT })
    })

    afterEach(async () => {
      await leg.media.close()
      await peer.close()
      assert.equal(engine().legs, 0)
    })

    const told = (text: RegExp): Promise<string> => {
      const find = (): string | undefined =>
        leg.events.flatMap((event: LegEvent) => (event.kind === 'turn' && text.test(event.text) ? [event.text] : []))[0]
      return until(async () => find() !== undefined, `${text}`).then(() => find() ?? '')
    }

    /** Answers the peer's offer and begins the call. */
    async function call(): Promise<void> {
      const answer = await leg.media.answer(peer.sdp())
      assert.ok(answer.ok, answer.ok ? '' : answer.error.message)
      peer.aim(answer.value)
      const ready = await leg.media.ready()
      assert.ok(ready.ok, ready.ok ? '' : ready.error.message)
      leg.media.start()
      // FreeSWITCH plays the silence that it is primed with.
      await delay(300)
    }

    it('answers an offer, and each hears the other', async () => {
      await call()
      peer.talks = true
      await told(/^heard$/)
      leg.media.dtmf('1', 100)
      await told(/^played item1$/)
      await delay(100)
      const heard = peer.audibleAtMs.length
      assert.ok(heard >= 50 && heard <= 51, `${heard} of 50 frames were heard`)
    })

    it('plays without a gap, and tells of the end of an item when it was heard', async () => {
      await call()
      leg.media.dtmf('1', 100)
      await told(/^played item1$/)
      const toldAtMs = performance.now()
      await delay(100)
      const gaps = peer.audible.slice(1).map((sequence, i) => seqDelta(peer.audible[i] ?? sequence, sequence) - 1)
      assert.ok(Math.max(...gaps) <= GAP_PACKETS, `a gap of ${Math.max(...gaps)} packets`)
      const lateMs = toldAtMs - (peer.audibleAtMs.at(-1) ?? 0)
      assert.ok(lateMs > -60 && lateMs < 300, `told ${lateMs} ms after the last frame`)
    })

    it('makes the offer, and takes the answer', async () => {
      peer.aim(await leg.media.offer())
      assert.ok((await leg.media.accept(peer.sdp())).ok)
      assert.ok((await leg.media.ready()).ok)
      leg.media.start()
      peer.talks = true
      await told(/^heard$/)
      leg.media.dtmf('1', 100)
      await told(/^played item1$/)
      assert.ok(peer.audibleAtMs.length >= 49)
    })

    it('is silent soon after barge-in, and tells what was heard', async () => {
      await call()
      leg.media.dtmf('2', 100)
      await until(async () => peer.audibleAtMs.length >= 50, 'a second of voice')
      const cutAtMs = performance.now()
      leg.media.dtmf('0', 100)
      const [, , sent = '', received] = (await told(/^flushed item1 /)).split(' ')
      await delay(300)
      const lastMs = (peer.audibleAtMs.at(-1) ?? 0) - cutAtMs
      assert.ok(lastMs < promises.silenceMs, `voice ${lastMs} ms after barge-in`)
      const heardMs = peer.audibleAtMs.length * FRAME_MS
      const differenceMs = Number(sent) / SAMPLES_PER_MS - heardMs
      assert.ok(Math.abs(differenceMs) <= promises.heardMs, `told ${differenceMs} ms more than the ${heardMs} ms heard`)
      assert.equal(Number(received), 79_940)
      assert.ok(!leg.events.some((event) => event.kind === 'turn' && event.text.startsWith('played')))
    })

    it('says the next thing whole after barge-in, time and again', async () => {
      await call()
      for (let round = 0; round < 3; round++) {
        leg.media.dtmf('2', 100)
        await delay(round * 120)
        leg.media.dtmf('0', 100)
        await delay(200)
        const before = peer.audibleAtMs.length
        leg.media.dtmf('1', 100)
        await told(new RegExp(`^played item${2 * round + 2}$`))
        await delay(100)
        const heard = peer.audibleAtMs.length - before
        assert.ok(heard >= 49 && heard <= 51, `${heard} of 50 frames were heard in round ${round}`)
      }
    })

    it('hears keys by RFC 4733, once each', async () => {
      await call()
      peer.press(5)
      const { digit } = await leg.event('dtmf')
      assert.equal(digit, '5')
      await delay(300)
      assert.equal(leg.events.filter(({ kind }) => kind === 'dtmf').length, 1)
    })

    it('lets what it says wait while the far end holds, and goes on after', async () => {
      await call()
      const held = await leg.media.answer(peer.sdp('sendonly', '0 101', 2))
      assert.ok(held.ok && held.value.includes('a=recvonly'))
      leg.media.dtmf('1', 100)
      await delay(400)
      assert.equal(peer.audibleAtMs.length, 0)
      const retrieved = await leg.media.answer(peer.sdp('sendrecv', '0 101', 3))
      assert.ok(retrieved.ok && retrieved.value.includes('a=sendrecv'))
      await told(/^played item1$/)
      assert.ok(peer.audibleAtMs.length >= 49, `${peer.audibleAtMs.length} of 50 frames were heard`)
    })

    it('answers the same again where the same is offered again', async () => {
      await call()
      const answer = await leg.media.answer(peer.sdp())
      const again = await leg.media.answer(peer.sdp())
      assert.deepEqual(again, answer)
    })

    it('refuses an offer without a codec that it speaks, and one that is none', async () => {
      const foreign = await leg.media.answer(peer.sdp('sendrecv', '18'))
      assert.ok(!foreign.ok && foreign.error.code === 'sdp-no-common-codec')
      const none = await leg.media.answer('hello')
      assert.ok(!none.ok && none.error.code === 'sdp-malformed')
      const early = await leg.media.accept(peer.sdp())
      assert.ok(!early.ok && early.error.code === 'sdp-no-offer')
    })

    it('tells that no RTP comes any more, once, and for how long when it is asked', async () => {
      assert.equal(await leg.media.silentMs(), null)
      await call()
      peer.mute = true
      const mutedAtMs = performance.now()
      const { silentMs } = await leg.event('mediaTimeout')
      assert.ok(silentMs >= 1_000)
      const saidMs = (await leg.media.silentMs()) ?? Number.NaN
      assert.ok(saidMs >= 950 && saidMs <= performance.now() - mutedAtMs + 50, `${saidMs}`)
      peer.mute = false
      await until(async () => ((await leg.media.silentMs()) ?? 1_000) < 500, 'RTP to be heard of again')
      await leg.media.answer(peer.sdp('sendonly', '0 101', 2))
      assert.equal(await leg.media.silentMs(), null)
      await leg.media.answer(peer.sdp('sendrecv', '0 101', 3))
      peer.mute = true
      await delay(600)
      assert.equal(leg.events.filter(({ kind }) => kind === 'mediaTimeout').length, 1)
    })

    it('says at the end what the audio was, and the same when it is closed again', async () => {
      await call()
      await delay(700)
      const first = await leg.media.close()
      assert.deepEqual(await leg.media.close(), first)
      const { media, agent } = first
      assert.equal(agent, null)
      assert.equal(media?.codec, 'PCMU')
      assert.ok(media.in.packets >= 40 && media.in.packets <= 80, `${media.in.packets} packets in`)
      assert.ok(media.out.packets >= 40 && media.out.packets <= 80, `${media.out.packets} packets out`)
    })

    it('tells of all that enters the history, also of what is known only at the end', async () => {
      await call()
      await leg.media.close()
      assert.deepEqual(
        leg.events.filter((event) => event.kind === 'item'),
        [{ kind: 'item', item: { kind: 'message', role: 'assistant', text: 'last words', at: new Date(0) } }],
      )
    })

    it('is closed before anything was agreed on', async () => {
      assert.deepEqual(await leg.media.close(), { media: null, agent: null, recording: null })
    })
  })
}
