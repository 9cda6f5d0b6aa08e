import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { EmbeddedMedia } from '../../../app/media/embedded/engine.ts'
import { FRAME_MS, FRAME_SAMPLES } from '../../../lib/media/g711.ts'
import { emptyRtpHeader, parseRtp } from '../../../lib/media/rtp.ts'
import { configured, ScriptedRealtime } from '../../helpers/scripted-realtime.ts'
import { audioPort, RawPeer, startEngine, TestLeg } from '../media/media-fixture.ts'
import { agentSpec, backend } from './agent-fixture.ts'

const BATCH_MS = 40
const SILENT = 0xff
/** What the machine may add while other tests run on it. */
const MARGIN_MS = 20
const ROUNDS = 25

/** Half of the delays are within the promise as it stands, and nine of ten within it and the margin. */
function assertWithin(promisedMs: number, delaysMs: readonly number[]): void {
  const sorted = delaysMs.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
  const told = `median ${at(0.5).toFixed(1)} ms, p90 ${at(0.9).toFixed(1)} ms, worst ${at(1).toFixed(1)} ms`
  assert.ok(at(0.5) <= promisedMs && at(0.9) <= promisedMs + MARGIN_MS, told)
}

describe('audio between a caller and an agent, from socket to socket', function () {
  this.timeout(20_000)
  let server: ScriptedRealtime
  let engine: EmbeddedMedia
  let peer: RawPeer
  let leg: TestLeg
  let port: number
  /** Hears whether each packet of the agent is audible. */
  let onFrame: (audible: boolean) => void = () => undefined
  let lastHeardAtMs = 0

  before(async () => {
    server = await ScriptedRealtime.start(configured())
    engine = await startEngine({ agentTalkerModule: new URL('../../../app/agent/talker.js', import.meta.url).href })
    peer = await RawPeer.open()
    leg = await TestLeg.open(engine, {
      kind: 'agent',
      agent: agentSpec(backend(server.baseUrl), { greeting: '', batchMs: BATCH_MS }),
    })
    const answer = await leg.media.answer(peer.offer())
    assert.ok(answer.ok)
    port = audioPort(answer.value)
    assert.deepEqual(await leg.media.ready(), { ok: true, value: undefined })
    peer.socket.on('message', (packet) => {
      const header = emptyRtpHeader()
      if (parseRtp(packet, header) !== null) return
      const audible = packet.subarray(header.payloadStart, header.payloadEnd).some((byte) => byte !== SILENT)
      if (audible) lastHeardAtMs = performance.now()
      onFrame(audible)
    })
    leg.media.start()
  })

  afterEach(() => {
    onFrame = () => undefined
  })

  after(async () => {
    await leg.media.close()
    await peer.close()
    await engine.close()
    await server.close()
  })

  /** Sends audio of the agent as a response of its own and resolves when the caller has its first packet. */
  const speak = (round: string, samples: number): Promise<void> =>
    new Promise((resolve) => {
      onFrame = (audible) => {
        if (audible) resolve()
      }
      const delta = Buffer.alloc(samples, 1).toString('base64')
      const part = { response_id: `r-${round}`, item_id: `i-${round}`, output_index: 0, content_index: 0 }
      server.say({ type: 'response.output_audio.delta', ...part, delta })
    })

  /** When the agent was heard last: the end of its last audible packet. */
  const silentFrom = (): Promise<number> =>
    new Promise((resolve) => {
      let silent = 0
      onFrame = (audible) => {
        silent = audible ? 0 : silent + 1
        if (silent === 3) resolve(lastHeardAtMs + FRAME_MS)
      }
    })

  it('is on the WebSocket within 5 ms of the packet that fills a batch', async () => {
    const sentAtMs: number[] = []
    const delaysMs: number[] = []
    const enough = server.when(() => {
      const event = server.received.at(-1)
      if (event?.type === 'input_audio_buffer.append') {
        const value = Buffer.from(String(event.audio), 'base64').at(-1) ?? SILENT
        const sent = sentAtMs[value]
        if (sent !== undefined) delaysMs.push(performance.now() - sent)
      }
      return delaysMs.length >= ROUNDS ? true : undefined
    })
    let done = false
    void enough.then(() => {
      done = true
    })
    for (let value = 1; value < 2 * ROUNDS + 20 && !done; value++) {
      sentAtMs[value] = performance.now()
      peer.send(port, new Uint8Array(FRAME_SAMPLES).fill(value))
      // The stream that comes back is the clock of the one that goes out.
      await once(peer.socket, 'message')
    }
    await enough
    assertWithin(5, delaysMs)
  })

  it('is in an RTP packet within 20 ms of the delta', async () => {
    const delaysMs: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      // A packet has just come: without this every delta would meet the packet clock at the same, and worst, place.
      await delay((round * 7) % FRAME_MS)
      const beganAtMs = performance.now()
      await speak(`short-${round}`, FRAME_SAMPLES)
      delaysMs.push(performance.now() - beganAtMs)
    }
    assertWithin(20, delaysMs)
  })

  it('falls silent within 40 ms of the event that says that the caller speaks', async () => {
    const delaysMs: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await speak(`long-${round}`, 8_000)
      await delay((round * 7) % FRAME_MS)
      const beganAtMs = performance.now()
      server.say({ type: 'input_audio_buffer.speech_started', audio_start_ms: 0, item_id: `caller-${round}` })
      delaysMs.push((await silentFrom()) - beganAtMs)
      server.say({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: 1, item_id: `caller-${round}` })
    }
    assertWithin(40, delaysMs)
    const { silenceAfterMs } = await leg.event('agent.bargeIn')
    assert.ok(silenceAfterMs <= 40, `${silenceAfterMs} ms`)
  })
})
